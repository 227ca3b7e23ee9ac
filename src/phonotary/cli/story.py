"""The demonstration's story: the two guides in their order, then every way it can end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.cli import sealed
from phonotary.cli.receiver import Receiver
from phonotary.shaken import identity_header, passport
from phonotary.trusthub import policies

BUSINESS = {
    "business_name": "Acme Plumbing LLC",
    "business_identity": "direct_customer",
    "business_type": "Limited Liability Corporation",
    "business_industry": "CONSUMER",
    "business_registration_identifier": "EIN",
    "business_registration_number": "12-3456789",
    "business_regions_of_operation": "USA_AND_CANADA",
    "website_url": "https://acme-plumbing.example.com",
    "social_media_profile_urls": "",
}
REPRESENTATIVE = {
    "first_name": "Jane",
    "last_name": "Doe",
    "email": "jane@acme-plumbing.example.com",
    "phone_number": "+14155550123",
    "business_title": "Owner",
    "job_position": "CEO",
}
ADDRESS: dict[str, Any] = {
    "CustomerName": "Acme Plumbing LLC",
    "Street": "123 Main Street",
    "City": "San Francisco",
    "Region": "CA",
    "PostalCode": "94105",
    "IsoCountry": "US",
}
NAME = "ACME PLUMBING"
CALLED = "12125550199"


class Broken(Exception):
    """A step of the story did not hold."""


class Story:
    """``held`` counts the steps that were asserted."""

    def __init__(self, ready: dict[str, Any], say: Callable[[str], None]) -> None:
        self.ready = ready
        self.say = say
        self.held = 0
        self.reason = ""
        self.account = ready["account_sid"]
        self.http = httpx.Client(
            base_url=ready["http"],
            auth=(self.account, ready["auth_token"]),
            trust_env=False,
            timeout=20,
        )
        numbers = ready["numbers"]
        self.number, self.other = numbers[0], numbers[1]
        self.toll_free = next(n for n in numbers if n["phone_number"].startswith("+1888"))

    def tell(self) -> None:
        with Receiver() as receiver, self.http:
            self.say("\n[bold]Know who calls[/] (SHAKEN/STIR guide, ISV with one project)")
            profile = self._profile(receiver.url)
            self.say("\n[bold]Seal the call[/]")
            product, assignment = self._seal(profile)
            self._check_the_seal()
            self.say("\n[bold]Name the caller[/] (CNAM guide)")
            named = self._name(profile)
            self.say("\n[bold]What the rules refuse[/]")
            self._refusals(profile)
            self.say("\n[bold]Taken away, it is gone[/]")
            self._take_away(product, assignment, named)
            self._told(receiver, profile)

    def hold(self, what: str, condition: bool, seen: object = "") -> None:
        """One asserted step."""
        if not condition:
            raise Broken(f"{what} (seen: {seen})")
        self.held += 1
        self.say(f"  [green]✓[/] {what}")

    # Requests in the form the official clients send them.

    def post(self, path: str, status: int = 201, **form: Any) -> dict[str, Any]:
        reply = self.http.post(path, data=form)
        if reply.status_code != status:
            raise Broken(f"POST {path} answered {reply.status_code}: {reply.text}")
        body: dict[str, Any] = reply.json()
        return body

    def get(self, path: str, **query: str) -> dict[str, Any]:
        reply = self.http.get(path, params=query)
        if reply.status_code != 200:
            raise Broken(f"GET {path} answered {reply.status_code}: {reply.text}")
        body: dict[str, Any] = reply.json()
        return body

    def refused(self, what: str, path: str, code: int, **form: str) -> None:
        body = self.http.post(path, data=form).json()
        self.hold(f"{what}: {body.get('message')}", body.get("code") == code, body)

    # The chapters.

    def _profile(self, callback: str) -> str:
        form: dict[str, Any] = {"FriendlyName": "Acme Plumbing", "Email": REPRESENTATIVE["email"]}
        bundle = self.post(
            "/v1/CustomerProfiles", PolicySid=policies.SECONDARY, StatusCallback=callback, **form
        )
        profile = f"/v1/CustomerProfiles/{bundle['sid']}"
        self.hold(f"a draft secondary profile {bundle['sid']}", bundle["status"] == "draft")
        entities = [self.ready["primary_profile_sid"], self._address()]
        for kind, attributes in (
            ("customer_profile_business_information", BUSINESS),
            ("authorized_representative_1", REPRESENTATIVE),
        ):
            entities.append(self._end_user(kind, attributes))
        for sid in entities:
            self.post(f"{profile}/EntityAssignments", ObjectSid=sid)
        listed = self.get(f"{profile}/EntityAssignments")["results"]
        held = {row["object_sid"] for row in listed}
        self.hold("primary, address, business and representative are on it", held == set(entities))
        self._put_number(profile, self.number["sid"])
        self._put_number(profile, self.other["sid"])
        judged = self.post(f"{profile}/Evaluations", PolicySid=policies.SECONDARY)
        self.hold("its evaluation finds nothing missing", judged["status"] == "compliant", judged)
        self._approved(profile, "the profile")
        return bundle["sid"]

    def _address(self) -> str:
        address = self.post(f"/2010-04-01/Accounts/{self.account}/Addresses.json", **ADDRESS)
        document = self.post(
            "/v1/SupportingDocuments",
            FriendlyName="Address",
            Type="customer_profile_address",
            Attributes=json.dumps({"address_sids": address["sid"]}),
        )
        return str(document["sid"])

    def _end_user(self, kind: str, attributes: dict[str, str]) -> str:
        made = self.post(
            "/v1/EndUsers", FriendlyName=kind, Type=kind, Attributes=json.dumps(attributes)
        )
        return str(made["sid"])

    def _put_number(self, bundle: str, sid: str) -> str:
        made = self.post(
            f"{bundle}/ChannelEndpointAssignments",
            ChannelEndpointType="phone-number",
            ChannelEndpointSid=sid,
        )
        return str(made["sid"])

    def _approved(self, bundle: str, what: str) -> None:
        answer = self.post(bundle, 200, Status="pending-review")
        now = self.get(bundle)
        self.hold(
            f"{what} is submitted ({answer['status']}) and then {now['status']}",
            (answer["status"], now["status"]) == ("pending-review", "twilio-approved"),
            now,
        )

    def _product(self, policy: str, name: str, *entities: str) -> str:
        made = self.post(
            "/v1/TrustProducts",
            FriendlyName=name,
            Email=REPRESENTATIVE["email"],
            PolicySid=policy,
        )
        product = f"/v1/TrustProducts/{made['sid']}"
        for sid in entities:
            self.post(f"{product}/EntityAssignments", ObjectSid=sid)
        return product

    def _seal(self, profile: str) -> tuple[str, str]:
        level, reason = self.sign(self.number["phone_number"])
        self.hold(f"before there is a product, a call is {level} ({reason})", level != "A")
        product = self._product(policies.SHAKEN_STIR, "SHAKEN/STIR", profile)
        assignment = self._put_number(product, self.number["sid"])
        self._approved(product, "the SHAKEN/STIR product")
        level, reason = self.sign(self.number["phone_number"])
        self.hold(f"a call from {self.number['phone_number']} is signed {level}", level == "A")
        level, reason = self.sign(self.other["phone_number"])
        self.hold(f"a call from the number that is not on it is {level} ({reason})", level == "B")
        return product, assignment

    def sign(self, phone_number: str) -> tuple[str, str]:
        """Sign one call, fetch the certificate it names, verify it; its level and the reason."""
        identity = self._identity(phone_number)
        header = identity_header.parse(identity)
        chain = self.http.get(header.info).content
        key = x509.load_pem_x509_certificates(chain)[0].public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise Broken("the certificate holds no EC key")
        claims = passport.verify(header.token, key).payload
        return str(claims["attest"]), self.reason

    def _identity(self, phone_number: str) -> str:
        reply = self.http.post(
            "/stir/v1/signing", json=sealed.signing_request(phone_number, CALLED)
        )
        if reply.status_code != 200:
            raise Broken(f"signing answered {reply.status_code}: {reply.text}")
        self.reason = reply.headers["x-phonotary-reason"]
        identity: str = reply.json()["signingResponse"]["identity"]
        return identity

    def _check_the_seal(self) -> None:
        tn, other = self.number["phone_number"], self.other["phone_number"]
        identity = self._identity(tn)
        verstat = self._verified(tn, identity)
        self.hold(f"the called side finds {verstat}", verstat == "TN-Validation-Passed")
        verstat = self._verified(other, self._identity(tn))
        self.hold(f"the same seal on another number: {verstat}", verstat == "No-TN-Validation")
        verstat = self._verified(tn, identity)
        self.hold(f"the same seal a second time: {verstat}", verstat == "No-TN-Validation")
        answer = sealed.redirected(self.ready["sip"], tn, CALLED)
        carried = sealed.header(answer, "Identity")
        self.hold("a SIP proxy is answered 302 with the Identity", answer[8:11] == "302", answer)
        self.hold("and that one passes", self._verified(tn, carried).endswith("Passed"), answer)

    def _verified(self, phone_number: str, identity: str) -> str:
        asked = sealed.verification_request(phone_number, CALLED, identity)
        reply = self.http.post("/stir/v1/verification", json=asked)
        verstat: str = reply.json()["verificationResponse"]["verstat"]
        return verstat

    def dip(self, phone_number: str) -> str | None:
        body = self.get(f"/v2/PhoneNumbers/{phone_number}", Fields="caller_name")
        name: str | None = body["caller_name"]["caller_name"]
        return name

    def _name(self, profile: str) -> str:
        tn = self.number["phone_number"]
        self.hold("before there is a product, the number has no name", self.dip(tn) is None)
        end_user = self._end_user("cnam_information", {"cnam_display_name": NAME})
        product = self._product(policies.CNAM, "CNAM", profile, end_user)
        self._put_number(product, self.number["sid"])
        self._approved(product, "the CNAM product")
        self.hold(f"a lookup of {tn} answers {NAME}", self.dip(tn) == NAME, self.dip(tn))
        return product

    def _refusals(self, profile: str) -> None:
        form = {"FriendlyName": "x", "Email": REPRESENTATIVE["email"]}
        self.refused(
            "a primary profile", "/v1/CustomerProfiles", 400, PolicySid=policies.PRIMARY, **form
        )
        draft = self._product(policies.CNAM, "CNAM 2", profile)
        spare = self.ready["numbers"][2]
        for what, sid in (("a number not on the profile", spare["sid"]),):
            self.refused(
                what,
                f"{draft}/ChannelEndpointAssignments",
                400,
                ChannelEndpointType="phone-number",
                ChannelEndpointSid=sid,
            )
        self._put_number(f"/v1/CustomerProfiles/{profile}", self.toll_free["sid"])
        self.refused(
            "a toll-free number on CNAM",
            f"{draft}/ChannelEndpointAssignments",
            400,
            ChannelEndpointType="phone-number",
            ChannelEndpointSid=self.toll_free["sid"],
        )
        entities = self.get(f"/v1/CustomerProfiles/{profile}/EntityAssignments")["results"]
        end_user = next(r["object_sid"] for r in entities if r["object_sid"].startswith("IT"))
        self.refused(
            "an approved profile's end user", f"/v1/EndUsers/{end_user}", 70002, FriendlyName="y"
        )
        self._rejected()

    def _rejected(self) -> None:
        """A registration number ending in a catalogue code rehearses that rejection."""
        made = self.post(
            "/v1/CustomerProfiles",
            FriendlyName="Rehearsal",
            Email=REPRESENTATIVE["email"],
            PolicySid=policies.SECONDARY,
        )
        bundle = f"/v1/CustomerProfiles/{made['sid']}"
        business = {**BUSINESS, "business_registration_number": "12-3418602"}
        for sid in (
            self.ready["primary_profile_sid"],
            self._address(),
            self._end_user("customer_profile_business_information", business),
            self._end_user("authorized_representative_1", REPRESENTATIVE),
        ):
            self.post(f"{bundle}/EntityAssignments", ObjectSid=sid)
        self.post(bundle, 200, Status="pending-review")
        now = self.get(bundle)
        self.hold(
            "a business ID that cannot be verified is rejected with 18602",
            (now["status"], now["errors"]) == ("twilio-rejected", [{"code": 18602}]),
            now,
        )

    def _take_away(self, product: str, assignment: str, named: str) -> None:
        tn = self.number["phone_number"]
        gone = f"{product}/ChannelEndpointAssignments/{assignment}"
        self.hold("the number leaves the product", self.http.delete(gone).status_code == 204)
        level, reason = self.sign(tn)
        self.hold(f"the next call is {level} ({reason})", level == "B")
        self.hold("the CNAM product is deleted", self.http.delete(named).status_code == 204)
        self.hold("the next lookup has no name", self.dip(tn) is None)
        self.hold("a deleted product is 404", self.http.get(named).status_code == 404)

    def _told(self, receiver: Receiver, profile: str) -> None:
        token = self.ready["auth_token"]
        told = receiver.wait_for(3)
        statuses = [form["Status"] for form in told if form["BundleSid"] == profile]
        self.hold(
            f"the callback was told {', '.join(statuses)}, each signed",
            statuses == ["pending-review", "in-review", "twilio-approved"]
            and receiver.all_signed(token),
            told,
        )
