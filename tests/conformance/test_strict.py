"""The strict reader finds what it is there to find, and is content with the document's examples."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance import strict
from tests.conformance.published import SERVED, Operation


def operation(name: str) -> Operation:
    (found,) = (row for row in SERVED if row.api != "lookups_v1" and row.id == name)
    return found


def example(row: Operation) -> dict[str, Any]:
    content = row.node["responses"][str(row.success)]["content"]["application/json"]
    (first, *_) = content["examples"].values()
    return copy.deepcopy(first["value"])


@pytest.mark.parametrize(
    "name",
    [
        "CreateAddress",
        "CreateCustomerProfile",
        "CreateNewKey",
        "FetchCustomerProfileEvaluation",
        "FetchEndUserType",
        "FetchIncomingPhoneNumber",
        "FetchPhoneNumber",
        "FetchSupportingDocument",
        "FetchTrustProductChannelEndpointAssignment",
        "ListKey",
        "UpdateAccount",
    ],
)
def test_an_example_of_the_document_has_no_fault(name: str) -> None:
    row = operation(name)
    assert strict.faults(row, example(row)) == []


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("FetchCustomerProfile", lambda b: b.pop("email"), "$.email is missing"),
        ("FetchCustomerProfile", lambda b: b.update(extra=1), "$.extra is not in the document"),
        ("FetchCustomerProfile", lambda b: b.update(status="approved"), "$.status is 'approved'"),
        ("FetchCustomerProfile", lambda b: b.update(status=None), "$.status is null"),
        ("FetchCustomerProfile", lambda b: b.update(sid="IT" + "0" * 32), "$.sid is 'IT"),
        ("FetchCustomerProfile", lambda b: b.update(errors={}), "$.errors is {}, not a array"),
        ("FetchCustomerProfile", lambda b: b.update(url="/v1/x/"), "$.url is '/v1/x/', not a uri"),
        (
            "FetchCustomerProfile",
            lambda b: b.update(date_created="2026-01-02T03:04:05.6Z"),
            "$.date_created is '2026-01-02T03:04:05.6Z', not a date-time",
        ),
        (
            "FetchCustomerProfile",
            lambda b: b["links"].update(more="nowhere"),
            "$.links.more is 'nowhere', not a uri",
        ),
        ("ListCustomerProfile", lambda b: b["meta"].pop("key"), "$.meta.key is missing"),
        ("ListCustomerProfile", lambda b: b["meta"].update(page="0"), "$.meta.page is '0'"),
        ("ListCustomerProfile", lambda b: b["meta"].update(page=True), "$.meta.page is True"),
        ("ListKey", lambda b: b.pop("start"), "$.start is missing"),
        ("ListKey", lambda b: b["keys"][0].pop("sid"), "$.keys[0].sid is missing"),
        (
            "ListKey",
            lambda b: b["keys"][0].update(date_created="2026-01-02T03:04:05Z"),
            "$.keys[0].date_created is '2026-01-02T03:04:05Z', not a date-time-rfc-2822",
        ),
        ("FetchAddress", lambda b: b.update(emergency_enabled="true"), "$.emergency_enabled is"),
        ("FetchAddress", lambda b: b.update(iso_country="USA"), "$.iso_country is 'USA'"),
        (
            "FetchIncomingPhoneNumber",
            lambda b: b["capabilities"].pop("sms"),
            "$.capabilities.sms is missing",
        ),
        ("FetchIncomingPhoneNumber", lambda b: b.update(phone_number="+0"), "$.phone_number is"),
    ],
)
def test_one_thing_wrong_is_one_fault(name: str, change: Change, fault: str) -> None:
    row = operation(name)
    body = example(row)
    before = set(strict.faults(row, body))
    change(body)
    (found,) = set(strict.faults(row, body)) - before
    assert found.startswith(fault)
