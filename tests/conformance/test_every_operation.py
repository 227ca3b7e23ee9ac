"""Every operation of the published documents, driven once for real and read strictly."""

from __future__ import annotations

import httpx
import pytest

from tests.conformance import scenes, strict
from tests.conformance.published import (
    APIS,
    LEFT_OUT,
    SERVED,
    Operation,
    left_out,
    methods_by_path,
    operations,
)
from tests.conformance.scenes import Desk

NOBODY = "0" * 32
# Kinds of number that the North American plan has not, or does not tell from local ones.
EMPTY = (
    "/MachineToMachine.json",
    "/National.json",
    "/SharedCost.json",
    "/Voip.json",
    "/IncomingPhoneNumbers/Mobile.json",
)
PREFIXES = {
    "ChannelEndpointAssignments": "RA",
    "CustomerProfiles": "BU",
    "EndUsers": "IT",
    "EndUserTypes": "OY",
    "EntityAssignments": "BV",
    "Evaluations": "EL",
    "Policies": "RN",
    "SupportingDocuments": "RD",
    "SupportingDocumentTypes": "OY",
    "TrustProducts": "BU",
    "Accounts": "AC",
    "Addresses": "AD",
    "IncomingPhoneNumbers": "PN",
    "Keys": "SK",
    "OutgoingCallerIds": "PN",
    "SigningKeys": "SK",
}


def test_every_operation_of_the_documents_is_accounted_for() -> None:
    """Another count means another version of the document: read what changed, then change this.

    The 53 operations of Trust Hub's guides, two pairs of ProvisionalCopy, and four about text
    messages that phonotary leaves out.
    """
    counts = {
        api: (sum(row.api == api for row in SERVED), sum(1 for _ in operations(api)))
        for api in APIS
    }
    assert counts == {
        "trusthub_v1": (57, 61),
        "api_v2010": (45, 51),
        "lookups_v1": (1, 1),
        "lookups_v2": (1, 10),
    }
    copies = [row for row in SERVED if row.path.endswith("/ProvisionalCopy")]
    assert len(copies) == 4


@pytest.mark.parametrize("part", LEFT_OUT)
def test_what_is_left_out_is_in_a_document(part: str) -> None:
    """So that no reason outlives what it was given for."""
    assert any(part in row.path for api in APIS for row in operations(api) if left_out(row.path))


@pytest.mark.parametrize("operation", SERVED, ids=str)
def test_an_operation_answers_as_documented(desk: Desk, operation: Operation) -> None:
    answer = scenes.drive(desk, operation)
    assert answer.status_code == operation.success, answer.text
    assert operation.headers <= {name.title() for name in answer.headers}
    if operation.schema is None:
        assert answer.content == b""
        assert "content-type" not in answer.headers
        return
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    assert strict.faults(operation, body) == []
    if operation.id.startswith("List"):
        (rows,) = (value for value in body.values() if isinstance(value, list))
        assert rows or operation.path.endswith(EMPTY)


@pytest.mark.parametrize("operation", SERVED, ids=str)
def test_an_operation_without_credentials_is_refused(desk: Desk, operation: Operation) -> None:
    names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    url = desk.hub.http + operation.path.format(**dict.fromkeys(_clean(names), "BU" + NOBODY))
    answer = httpx.request(operation.method, url, trust_env=False)
    assert_error(answer, 401, 20003)
    assert answer.headers["www-authenticate"].startswith("Basic ")


def _clean(names: list[str]) -> list[str]:
    return [name.removesuffix(".json").strip("{}") for name in names]


NAMED = [row for row in SERVED if row.path.removesuffix(".json").endswith("id}")]


@pytest.mark.parametrize("operation", NAMED, ids=str)
def test_something_that_does_not_exist_is_404(desk: Desk, operation: Operation) -> None:
    collection = operation.path.split("/")[-2]
    unknown = PREFIXES[collection] + NOBODY
    url = operation.path.format(**scenes.parameters(desk, operation) | {"Sid": unknown})
    answer = desk.http.request(operation.method, url)
    assert_error(answer, 404, 20404)
    assert unknown in answer.json()["message"]


CHILDREN = [row for row in SERVED if "{Sid}" not in row.path and "ProfileSid}" in row.path]
CHILDREN += [row for row in SERVED if "{Sid}" not in row.path and "ProductSid}" in row.path]


@pytest.mark.parametrize("operation", CHILDREN, ids=str)
def test_a_collection_of_a_bundle_that_does_not_exist_is_404(
    desk: Desk, operation: Operation
) -> None:
    url = operation.path.format(CustomerProfileSid="BU" + NOBODY, TrustProductSid="BU" + NOBODY)
    form = scenes.form(desk, operation) if operation.method == "POST" else None
    assert_error(desk.http.request(operation.method, url, data=form), 404, 20404)


@pytest.mark.parametrize(("path", "methods"), methods_by_path().items())
def test_a_method_that_is_not_documented_is_405(desk: Desk, path: str, methods: set[str]) -> None:
    (first, *_) = (row for row in SERVED if row.path == path)
    url = path.format(**scenes.parameters(desk, first))
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"} - methods:
        answer = desk.http.request(method, url)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == methods
        if method != "HEAD":
            assert_error(answer, 405, 20004)


def assert_error(answer: httpx.Response, status: int, code: int) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"code", "message", "more_info", "status"}
    assert (body["status"], body["code"]) == (status, code)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
