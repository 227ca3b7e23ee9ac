"""A customer opens the link of a compliance inquiry and onboards without the API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.journeys.pages import Form
from tests.simulators.hub import Hub

ANSWERS = {
    "business_name": "Harbor Bakery LLC",
    "business_identity": "direct_customer",
    "business_type": "Limited Liability Corporation",
    "business_industry": "FOOD_AND_BEVERAGE",
    "business_registration_identifier": "EIN",
    "business_registration_number": "12-3456789",
    "business_regions_of_operation": "USA_AND_CANADA",
    "website_url": "https://harbor-bakery.example.com",
    "authorized_representative_1.first_name": "Ada",
    "authorized_representative_1.last_name": "Miller",
    "authorized_representative_1.email": "ada@harbor-bakery.example.com",
    "authorized_representative_1.phone_number": "+14155550177",
    "authorized_representative_1.business_title": "Owner",
    "authorized_representative_1.job_position": "CEO",
    "customer_name": "Harbor Bakery LLC",
    "street": "9 Pier Road",
    "city": "San Francisco",
    "region": "CA",
    "postal_code": "94111",
    "iso_country": "US",
}
TOLLFREE = (
    "use_case_summary",
    "business_street_address",
    "business_city",
    "business_state_province_region",
    "business_postal_code",
    "business_country",
    "business_contact_first_name",
    "business_contact_last_name",
    "business_contact_email",
    "business_contact_phone",
)
CUSTOMERS = "/v1/ComplianceInquiries/Customers"


def initialise(http: httpx.Client, path: str, status: int = 201, **form: str) -> dict[str, Any]:
    reply = http.post(path, data=form)
    assert reply.status_code == status, reply.text
    body: dict[str, Any] = reply.json()
    return body


def open_page(url: str) -> Form:
    reply = httpx.get(url, trust_env=False)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/html")
    return Form(reply.text)


def send(url: str, answers: dict[str, str]) -> httpx.Response:
    form = open_page(url)
    sent = form.filled(answers)
    assert not form.missing(sent), "the page asks for what the test does not answer"
    return httpx.post(url, data=sent, trust_env=False)


def bundle_of(http: httpx.Client, customer_id: str) -> dict[str, Any]:
    sid = customer_id.rsplit(".", 1)[-1]
    body: dict[str, Any] = http.get(f"/v1/CustomerProfiles/{sid}").json()
    return body


def test_a_secondary_profile_is_filled_and_approved_through_its_link(hub: Hub) -> None:
    with hub.client() as http:
        inquiry = initialise(
            http,
            f"{CUSTOMERS}/Initialize",
            PrimaryProfileSid=hub.primary_profile_sid,
            NotificationEmail="ada@harbor-bakery.example.com",
        )
        assert set(inquiry) == {"inquiry_id", "inquiry_session_token", "customer_id", "url"}
        assert inquiry["customer_id"].startswith(f"tri1.us1.trusthub.{hub.account_sid}.customer.BU")
        assert bundle_of(http, inquiry["customer_id"])["status"] == "draft"
        assert "pending-review" in send(inquiry["url"], ANSWERS).text
        bundle = bundle_of(http, inquiry["customer_id"])
        assert (bundle["status"], bundle["errors"]) == ("twilio-approved", None)
        assert bundle["email"] == "ada@harbor-bakery.example.com"


def test_a_primary_profile_is_made_here_and_only_here(tmp_path: Any) -> None:
    from tests.simulators import hub as hubs

    with hubs.running(tmp_path, "--empty") as hub, hub.client() as http:
        bought = http.post(
            f"/2010-04-01/Accounts/{hub.account_sid}/IncomingPhoneNumbers.json",
            data={"PhoneNumber": "+14152369999"},
        )
        assert (bought.status_code, bought.json()["code"]) == (400, 20003)
        inquiry = initialise(http, f"{CUSTOMERS}/Initialize")
        isv = {**ANSWERS, "business_identity": "isv_reseller_or_partner"}
        send(inquiry["url"], isv)
        bundle = bundle_of(http, inquiry["customer_id"])
        assert bundle["policy_sid"] == "RN6433641899984f951173ef1738c3bdd0"
        assert bundle["status"] == "twilio-approved"
        bought = http.post(
            f"/2010-04-01/Accounts/{hub.account_sid}/IncomingPhoneNumbers.json",
            data={"PhoneNumber": "+14152369999"},
        )
        assert bought.status_code == 201


def test_a_rejected_inquiry_is_resumed_and_corrected(hub: Hub) -> None:
    with hub.client() as http:
        primary = {"PrimaryProfileSid": hub.primary_profile_sid}
        inquiry = initialise(http, f"{CUSTOMERS}/Initialize", **primary)
        send(inquiry["url"], {**ANSWERS, "business_registration_number": "12-3418603"})
        rejected = bundle_of(http, inquiry["customer_id"])
        assert (rejected["status"], rejected["errors"]) == ("twilio-rejected", [{"code": 18603}])
        again = initialise(http, f"{CUSTOMERS}/{inquiry['customer_id']}/Initialize", 200, **primary)
        assert again["inquiry_id"] != inquiry["inquiry_id"]
        assert "18603" in " ".join(open_page(again["url"]).text)
        send(again["url"], ANSWERS)
        assert bundle_of(http, inquiry["customer_id"])["status"] == "twilio-approved"


def test_what_was_typed_is_still_there_when_it_is_refused(hub: Hub) -> None:
    with hub.client() as http:
        inquiry = initialise(
            http, f"{CUSTOMERS}/Initialize", PrimaryProfileSid=hub.primary_profile_sid
        )
        mistaken = {**ANSWERS, "iso_country": "Utopia"}
        answer = send(inquiry["url"], mistaken)
        assert answer.status_code == 400
        again = Form(answer.text)
        assert "two letters" in " ".join(again.text)
        # Choices are no values here; those that were chosen are marked.
        typed = {name: value for name, value in again.values.items() if name not in again.choices}
        assert typed == {name: again.filled(mistaken)[name] for name in typed}
        chosen = {again.filled(mistaken)[name] for name in again.choices} - {""}
        assert all(f"<option selected>{each}</option>" in answer.text for each in chosen)
        assert chosen
        assert bundle_of(http, inquiry["customer_id"])["status"] == "draft"


def test_a_link_needs_its_own_token(hub: Hub) -> None:
    with hub.client() as http:
        one = initialise(http, f"{CUSTOMERS}/Initialize", PrimaryProfileSid=hub.primary_profile_sid)
        two = initialise(http, f"{CUSTOMERS}/Initialize", PrimaryProfileSid=hub.primary_profile_sid)
    page = one["url"].split("?")[0]
    for query in ("", "?token=", f"?token={two['inquiry_session_token']}"):
        assert httpx.get(page + query, trust_env=False).status_code == 404
        assert httpx.post(page + query, data=ANSWERS, trust_env=False).status_code == 404


def test_an_approved_profile_takes_no_second_answer(hub: Hub) -> None:
    with hub.client() as http:
        inquiry = initialise(
            http, f"{CUSTOMERS}/Initialize", PrimaryProfileSid=hub.primary_profile_sid
        )
        send(inquiry["url"], ANSWERS)
        again = httpx.post(inquiry["url"], data={"street": "elsewhere"}, trust_env=False)
        assert again.status_code == 400
        assert bundle_of(http, inquiry["customer_id"])["status"] == "twilio-approved"


@pytest.mark.parametrize(
    ("kind", "name"), [("Business", "business_legal_name"), ("Individual", "")]
)
def test_a_gb_registration_is_prefilled_and_sent(hub: Hub, kind: str, name: str) -> None:
    with hub.client() as http:
        registration = initialise(
            http,
            "/v1/ComplianceInquiries/Registration/RegulatoryCompliance/GB/Initialize",
            EndUserType=kind,
            PhoneNumberType="local",
            BusinessLegalName="Harbor Bakery Ltd",
            AddressCity="Leeds",
        )
        assert set(registration) == {
            "inquiry_id",
            "inquiry_session_token",
            "registration_id",
            "url",
        }
        form = open_page(registration["url"])
        assert any(v == "Leeds" for k, v in form.values.items() if k.endswith(".city"))
        if name:
            assert any(v == "Harbor Bakery Ltd" for k, v in form.values.items() if k.endswith(name))
        again = initialise(
            http,
            f"/v1/ComplianceInquiries/Registration/{registration['registration_id']}"
            "/RegulatoryCompliance/GB/Initialize",
            200,
        )
        assert again["registration_id"] == registration["registration_id"]
        sid = registration["registration_id"].rsplit(".", 1)[-1]
        sent = httpx.post(
            again["url"], data=open_page(again["url"]).filled(ANSWERS), trust_env=False
        )
        assert sent.status_code == 200
        assert http.get(f"/v1/TrustProducts/{sid}").json()["status"] != "draft"


def test_a_tollfree_inquiry_is_about_a_number_that_is_held(hub: Hub) -> None:
    path = "/v1/ComplianceInquiries/Tollfree/Initialize"
    email = "ada@harbor-bakery.example.com"
    with hub.client() as http:
        inquiry = initialise(
            http,
            path,
            TollfreePhoneNumber=hub.toll_free.phone_number,
            NotificationEmail=email,
            BusinessName="Harbor Bakery LLC",
            OptInType="WEB_FORM",
        )
        assert inquiry["registration_id"].endswith(f".tollfree.{hub.toll_free.sid}")
        form = open_page(inquiry["url"])
        prefix = "tollfree_verification_information"
        assert form.values[f"{prefix}.business_name"] == "Harbor Bakery LLC"
        assert "WEB_FORM" in form.choices[f"{prefix}.opt_in_type"]
        sent = httpx.post(
            inquiry["url"],
            data=form.filled(
                dict.fromkeys(TOLLFREE, "said") | {"business_website": "https://x.example"}
            ),
            trust_env=False,
        )
        assert sent.status_code == 200
        products = http.get("/v1/TrustProducts", params={"FriendlyName": "Harbor Bakery LLC"})
        [product] = products.json()["results"]
        assert product["status"] == "twilio-approved", product
        stranger = http.post(
            path, data={"TollfreePhoneNumber": "+18005550100", "NotificationEmail": email}
        )
        assert (stranger.status_code, stranger.json()["code"]) == (400, 20001)
