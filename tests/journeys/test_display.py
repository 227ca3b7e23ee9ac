"""A display identity from the paperwork to the called phone, through the hub's own doors."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from phonotary.bootstrap.evidence import evidence
from phonotary.bootstrap.hub import Hub, open_hub
from phonotary.bootstrap.logos import Logos
from phonotary.bootstrap.question import Question
from phonotary.clock import Clock
from phonotary.config import Settings
from phonotary.outbound.fetch import Fetched
from phonotary.shaken import rcd
from phonotary.shaken.verdicts import Unobtainable
from phonotary.storage.database import Database
from tests.compat.office import PRODUCTS, SHAKEN
from tests.journeys.callers import SIGNING, VERIFICATION, claims, here

ORIGIN = "http://127.0.0.1:8080"
PROFILES = "/v1/CustomerProfiles"
BASIC = "RNec5c6f3b750ed0d117c1951b5d5ce8c1"
CNAM = "RNf3db3cd1fe25fcfd3c3ded065c8fea53"
CALLED = "12025550147"
ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
URL = "https://www.sandboxvoice.example/logo.bmp"
LONG = "Sandbox Voice ISV & Friends"


def bmp() -> bytes:
    pixels = bytes(256 * 256 * 3)
    head = struct.pack("<IiiHHIIiiII", 40, 256, 256, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54) + head + pixels


class Web:
    """What is behind the logo's address; nothing until a test puts it there."""

    def __init__(self) -> None:
        self.served: dict[str, bytes] = {}

    async def get(self, url: str, media_type: str) -> Fetched:
        if url not in self.served:
            raise Unobtainable("connect", "The repository does not answer.")
        return Fetched(self.served[url], None)


class Desk:
    """The first account of a sandbox, without a socket."""

    def __init__(self, hub: Hub, http: httpx.AsyncClient, web: Web) -> None:
        self.hub, self.http, self.web = hub, http, web
        assert hub.seeded is not None
        self.account = hub.seeded.account
        self.number = hub.seeded.numbers[0]
        self.profile = str(hub.seeded.primary_profile_sid)

    async def fetched(self, url: str, media_type: str) -> Fetched:
        """The hub's own chains, which no port serves here."""
        return Fetched((await self.http.get(url)).content, None)

    async def made(self, path: str, **form: str) -> str:
        answer = await self.http.post(path, data=form)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["sid"])

    async def product(self, policy_sid: str, **end_users: dict[str, Any]) -> str:
        """A draft on the sandbox's primary profile, with the number on it."""
        form = {"FriendlyName": "x", "Email": "a@b.example.com", "PolicySid": policy_sid}
        path = f"{PRODUCTS}/{await self.made(PRODUCTS, **form)}"
        parts = [self.profile]
        for kind, attributes in end_users.items():
            said = {"FriendlyName": kind, "Type": kind, "Attributes": json.dumps(attributes)}
            parts.append(await self.made("/v1/EndUsers", **said))
        for sid in parts:
            await self.made(f"{path}/EntityAssignments", ObjectSid=sid)
        self.on = await self.assigned(path)
        return path

    async def assigned(self, bundle: str) -> str:
        sid = await self.made(
            f"{bundle}/ChannelEndpointAssignments",
            ChannelEndpointType="phone-number",
            ChannelEndpointSid=self.number.sid,
        )
        return f"{bundle}/ChannelEndpointAssignments/{sid}"

    async def branded(self, **shown: Any) -> str:
        path = await self.product(BASIC, branded_calls_information=shown, **END_USERS)
        address = await self.made(
            f"/2010-04-01/Accounts/{self.account.sid}/Addresses.json", **ADDRESS
        )
        for kind in ("business_address", "letter_of_authorization_document"):
            paper = await self.made(
                "/v1/SupportingDocuments",
                FriendlyName=kind,
                Type=kind,
                Attributes=json.dumps({"address_sids": address}),
            )
            await self.made(f"{path}/EntityAssignments", ObjectSid=paper)
        return path

    async def decided(self, bundle: str) -> tuple[str, list[int]]:
        """Submitted, looked at and decided: status and codes."""
        answer = await self.http.post(bundle, data={"Status": "pending-review"})
        assert answer.status_code == 200, answer.text
        # The clock's door answers when all that is due has happened.
        done = await self.http.post("/_sandbox/clock", json={"advance": "0s"})
        assert done.status_code == 200, done.text
        found = (await self.http.get(bundle)).json()
        return found["status"], [error["code"] for error in found["errors"] or []]

    @property
    def reviewer(self) -> tuple[str, str]:
        return "rita", self.hub.reviewer_password

    def review(self, bundle: str) -> str:
        return f"/console/reviews/{bundle.rpartition('/')[2]}"

    async def page(self, bundle: str) -> str:
        """What a reviewer sees of it."""
        return (await self.http.get(self.review(bundle), auth=self.reviewer)).text

    async def sign(self, **asked: Any) -> httpx.Response:
        call = {
            "attest": "A",
            "orig": {"tn": self.number.phone_number},
            "dest": {"tn": [CALLED]},
            "iat": self.hub.clock.wall(),
            "origid": ORIGID,
            "ppt": "shaken",
            "requestId": "1",
        }
        return await self.http.post(SIGNING, json={"signingRequest": {**call, **asked}})

    async def identity(self, **asked: Any) -> str:
        answer = await self.sign(**asked)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-phonotary-attestation"] == "A"
        return str(answer.json()["signingResponse"]["identityHeader"])

    async def said(self, **asked: Any) -> dict[str, Any]:
        return claims(await self.identity(**asked))


END_USERS: dict[str, dict[str, Any]] = {
    "authorized_representative_1": {
        "first_name": "Jane",
        "last_name": "Rivera",
        "email": "jane@sandboxvoice.example",
        "phone_number": "+14155550123",
        "business_title": "Owner",
        "job_position": "CEO",
    },
    "authorized_contact": {
        "first_name": "Jane",
        "last_name": "Rivera",
        "verification_email": "jane@sandboxvoice.example",
        "mobile_phone_number": "+14155550123",
    },
    "business": {
        "business_name": "Sandbox Voice ISV Inc",
        "trade_name": "Sandbox Voice",
        "business_type": "Corporation",
        "business_identity": "isv_reseller_or_partner",
        "business_registration_number": "12-3456789",
        "business_registration_identifier": "EIN",
        "business_industry": "TECHNOLOGY",
        "business_website": "https://www.sandboxvoice.example",
        "is_subassigned": "false",
        "privacy_notice_url": "https://www.sandboxvoice.example/privacy",
        "business_employee_count": "12",
    },
    "use_case": {
        "category": "Customer care",
        "use_case_description": "Calls about orders",
        "consent_description": "Customers ask for them",
        "call_volume_daily": "40",
    },
}
ADDRESS = {
    "CustomerName": "Sandbox Voice",
    "Street": "1 Main Street",
    "City": "Austin",
    "Region": "TX",
    "PostalCode": "78701",
    "IsoCountry": "US",
}
IDENTITY = {
    "branded_calls_display_name": "Sandbox Voice",
    "branded_calls_long_display_name": LONG,
    "branded_calls_logo_url": URL,
    "branded_calls_call_reason": ["Your order", "Delivery today"],
}

Story = Callable[[Desk], Awaitable[None]]


@asynccontextmanager
async def running(directory: Path, **settings: Any) -> AsyncIterator[Desk]:
    hub = open_hub(Settings(database_url=f"sqlite:///{directory / 'phonotary.db'}", **settings))
    hub.serve_at(ORIGIN)
    web = Web()
    hub.worker.logos = Logos(fetcher=web)  # type: ignore[arg-type]
    assert hub.seeded is not None
    auth = (hub.seeded.account.sid, hub.seeded.account.auth_token)
    await hub.start()
    try:
        transport = httpx.ASGITransport(hub.asgi())
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, auth=auth) as http:
            desk = Desk(hub, http, web)
            hub.voice._fetcher.get = desk.fetched  # type: ignore[method-assign]
            await desk.assigned(f"{PROFILES}/{desk.profile}")
            assert await desk.decided(await desk.product(SHAKEN)) == ("twilio-approved", [])
            yield desk
    finally:
        await hub.stop()
        hub.database.close()


def told(directory: Path, story: Story, **settings: Any) -> None:
    async def run() -> None:
        async with running(directory, **settings) as desk:
            await story(desk)

    asyncio.run(run())


def test_an_approved_identity_is_signed_and_gone_with_its_number(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        assert (await desk.said(rcd={}))["rcd"] == {"nam": "Sandbox Voice ISV Inc"}
        cnam = await desk.product(CNAM, cnam_information={"cnam_display_name": "SANDBOX VOICE"})
        assert await desk.decided(cnam) == ("twilio-approved", [])
        assert (await desk.said(rcd={}))["rcd"] == {"nam": "SANDBOX VOICE"}

        desk.web.served[URL] = bmp()
        branded = await desk.branded(**IDENTITY)
        assert await desk.decided(branded) == ("twilio-approved", [])
        identity = await desk.identity(rcd={}, crn="delivery today")
        said = claims(identity)
        assert said["rcd"] == {"nam": LONG, "icn": URL}
        assert said["rcdi"]["/icn"] == rcd.digest(bmp())
        assert said["crn"] == "Delivery today"
        assert rcd.integrity(said, {URL: bmp()}) == ()

        # Our own verification reads it, and the command shows it.
        verdict = await verified(desk, identity)
        assert verdict["rcd"] == {"nam": LONG, "icn": URL}
        assert verdict["crn"] == "Delivery today"
        shown = json.loads(here("inspect", "--json", stdin=identity).stdout)
        assert shown[0]["payload"]["rcd"] == said["rcd"]

        # Whoever asks why is told what counts.
        why = here("explain", desk.number.phone_number, "--data", str(tmp_path)).stdout
        assert f"display {LONG!r}" in why
        assert f"logo: {URL} {rcd.digest(bmp())}" in why
        assert "reasons: Your order; Delivery today" in why
        page = await desk.page(branded)
        assert "SANDBOX VOICE" in page and "Your order; Delivery today" in page

        refused = await desk.sign(rcd={}, crn="Win a prize")
        assert (refused.status_code, "crn" in refused.text) == (400, True)
        # A call that asks for no name carries none, whatever was approved.
        assert not {"rcd", "rcdi", "crn"} & (await desk.said()).keys()
        low = await desk.sign(rcd={}, attest="B")
        assert "rcd" not in claims(low.json()["signingResponse"]["identityHeader"])

        assert (await desk.http.delete(desk.on)).status_code == 204
        assert (await desk.said(rcd={}))["rcd"] == {"nam": "SANDBOX VOICE"}
        assert (await desk.http.delete(cnam)).status_code == 204
        assert (await desk.said(rcd={}))["rcd"] == {"nam": "Sandbox Voice ISV Inc"}

    told(tmp_path, story)
    # A traceback finds the record that the name and the logo were read from, as it was approved.
    database = Database(f"sqlite:///{tmp_path / 'phonotary.db'}")
    try:
        found = evidence(database, Question(origid=ORIGID), now=Clock.wall())
    finally:
        database.close()
    (rich,) = [call for call in found["calls"] if "crn" in call["passports"][0]["payload"]
               and call["kind"] == "signed"]  # fmt: skip
    filed = [
        found["bundles"][each["sid"]]["filed"][str(each["filed"]["version"])]
        for each in rich["rested_on"]
        if each["filed"]["as"] == "approved"
    ]
    assert any(rcd.digest(bmp()) in json.dumps(each) for each in filed)


async def verified(desk: Desk, identity: str) -> dict[str, Any]:
    """The claims that our verification believes."""
    call = {
        "from": {"tn": desk.number.phone_number},
        "to": {"tn": [CALLED]},
        "time": desk.hub.clock.wall(),
        "identityHeader": identity,
    }
    answer = await desk.http.post(VERIFICATION, json={"verificationRequest": call})
    (each,) = answer.json()["verificationResponse"]["verifyResults"]
    assert answer.json()["verificationResponse"]["verstatValue"] == "TN-Validation-Passed"
    found: dict[str, Any] = each["verifyResult"]["validClaims"]
    return found


def test_a_logo_that_cannot_be_seen_is_rejected_and_comes_with_the_next_try(
    tmp_path: Path,
) -> None:
    async def story(desk: Desk) -> None:
        branded = await desk.branded(**IDENTITY)
        assert await desk.decided(branded) == ("twilio-rejected", [11015])
        assert (await desk.said(rcd={}))["rcd"] == {"nam": "Sandbox Voice ISV Inc"}
        desk.web.served[URL] = b"GIF89a"
        assert await desk.decided(branded) == ("twilio-rejected", [11015])
        desk.web.served[URL] = bmp()
        assert await desk.decided(branded) == ("twilio-approved", [])
        # What is served later is not what was approved, and the digest says so.
        desk.web.served[URL] = bytes(reversed(bmp()))
        said = await desk.said(rcd={})
        found = {one.code for one in rcd.integrity(said, {URL: desk.web.served[URL]})}
        assert found == {"rcdi-mismatch"}

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        ({"branded_calls_long_display_name": "Globex International"}, 11012),
        ({"branded_calls_long_display_name": "x" * 36}, 11014),
        ({"branded_calls_logo_url": "http://127.0.0.1/logo.bmp"}, 11015),
        ({"branded_calls_call_reason": "x" * 65}, 11016),
        ({"branded_calls_long_display_name": "415-555-0100"}, 11018),
        ({"branded_calls_call_reason": "See www.sandboxvoice.example"}, 11020),
    ],
)
def test_what_breaks_a_rule_is_rejected_with_its_code(
    tmp_path: Path, shown: dict[str, str], code: int
) -> None:
    async def story(desk: Desk) -> None:
        desk.web.served[URL] = bmp()
        status, codes = await desk.decided(await desk.branded(**{**IDENTITY, **shown}))
        assert status == "twilio-rejected"
        assert code in codes

    told(tmp_path, story)


def test_a_person_approves_what_is_behind_the_address_then(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        branded = await desk.branded(**IDENTITY)
        desk.hub.vetting = type(desk.hub.vetting)("manual")
        assert (await desk.decided(branded))[0] == "pending-review"

        async def approve() -> httpx.Response:
            form = {"decision": "approve"}
            return await desk.http.post(desk.review(branded), data=form, auth=desk.reviewer)

        refused = await approve()
        assert refused.status_code == 400
        assert "The logo was not seen" in refused.text
        desk.web.served[URL] = bmp()
        assert (await approve()).status_code == 303
        assert (await desk.said(rcd={}))["rcdi"]["/icn"] == rcd.digest(bmp())

    told(tmp_path, story)


@pytest.mark.parametrize("door", ["reset", "state"])
def test_what_was_under_way_decides_nothing_of_the_state_that_follows(
    tmp_path: Path, door: str
) -> None:
    """A seed makes the same identifiers again, and a look may take seconds."""

    async def story(desk: Desk) -> None:
        before = (await desk.http.get("/_sandbox/state")).json()
        asked: list[asyncio.Future[None]] = []

        class Hanging(Web):
            async def get(self, url: str, media_type: str) -> Fetched:
                asked.append(asyncio.get_running_loop().create_future())
                await asked[-1]
                return await super().get(url, media_type)

            async def close(self) -> None:
                """There is nothing to put away."""

        async def looked(times: int) -> None:
            async with asyncio.timeout(10):
                while len(asked) < times:
                    await asyncio.sleep(0.005)

        desk.hub.worker.logos = Logos(fetcher=Hanging())  # type: ignore[arg-type]
        running = asyncio.create_task(desk.hub.worker.run())
        branded = await desk.branded(**IDENTITY)
        assert (await desk.http.post(branded, data={"Status": "pending-review"})).is_success
        await looked(1)
        if door == "state":
            # What is refused changes nothing: the look is made, if a second time.
            refused = await desk.http.put("/_sandbox/state", json={"schema": "none"})
            assert refused.status_code == 400
            await looked(2)
            assert (await desk.http.put("/_sandbox/state", json=before)).is_success
        else:
            assert (await desk.http.post("/_sandbox/reset")).is_success
        assert all(each.cancelled() for each in asked)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    told(tmp_path, story)
