"""What goes in comes out: create, fetch, list and delete with any valid data."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.compat.office import PRODUCTS, PROFILES, SECONDARY, SHAKEN
from tests.conformance.scenes import Desk, core

CASES = 300 if os.environ.get("PHONOTARY_FUZZ") == "large" else 25
RANDOM = settings(
    max_examples=CASES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

# Everything but surrogates, which UTF-8 cannot carry, and NUL, which PostgreSQL cannot keep.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=6)
# Twilio: FriendlyName must be 1..64 characters.
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc",)), min_size=1, max_size=64
).filter(lambda name: name.strip() == name)

PAPERS = [
    ("/v1/EndUsers", "authorized_representative_1"),
    ("/v1/SupportingDocuments", "customer_profile_address"),
]


@pytest.mark.parametrize(("collection", "kind"), PAPERS)
@RANDOM
@given(name=NAMES, attributes=OBJECTS)
@example(name="مرحبا بالعالم", attributes={"עסק": "\u202eright to left\u202c"})
@example(name="👩‍👩‍👧‍👦 & Söhne", attributes={"emoji": "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "": {"": [[], {}, None]}})
@example(name="x" * 64, attributes={"long": "ß" * 16_000})
@example(name="1", attributes={"number": 1e300, "small": -0.0, "whole": 10**18})
def test_a_paper_comes_back_as_it_was_written(
    desk: Desk, collection: str, kind: str, name: str, attributes: dict[str, Any]
) -> None:
    sent = {"FriendlyName": name, "Type": kind, "Attributes": json.dumps(attributes)}
    made = desk.post(collection, **sent)
    assert made.status_code == 201, made.text
    sid = made.json()["sid"]
    assert_holds(made.json(), name, attributes)
    fetched = desk.http.get(f"{collection}/{sid}").json()
    assert fetched == made.json()
    listed = desk.http.get(collection, params={"PageSize": 1}).json()["results"]
    assert listed == [fetched]
    changed = desk.post(f"{collection}/{sid}", Attributes=json.dumps({"was": attributes}))
    assert_holds(changed.json(), name, {"was": attributes})
    assert desk.http.delete(f"{collection}/{sid}").status_code == 204
    assert desk.http.get(f"{collection}/{sid}").status_code == 404
    assert desk.http.delete(f"{collection}/{sid}").status_code == 404


def assert_holds(body: dict[str, Any], name: str, attributes: dict[str, Any]) -> None:
    assert body["friendly_name"] == name
    assert typed(body["attributes"]) == typed(attributes)


def typed(value: Any) -> Any:
    """Told apart: ``1`` from ``true``. Not told apart: ``1.0`` from ``1``, which JSON does not."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return (isinstance(value, bool), value)


@pytest.mark.parametrize(("collection", "policy"), [(PROFILES, SECONDARY), (PRODUCTS, SHAKEN)])
@RANDOM
@given(name=NAMES)
@example(name="مرحبا بالعالم")
@example(name="100% & more = less; +1 #?")
def test_a_bundle_is_found_by_its_name(desk: Desk, collection: str, policy: str, name: str) -> None:
    """The name is a filter too, and part of the paging URLs, which must be followed as they are."""
    sent = {"FriendlyName": name, "Email": "trust@example.com", "PolicySid": policy}
    made = [desk.post(collection, **sent).json() for _ in range(3)]
    url: str | None = str(desk.http.base_url.join(collection))
    params: dict[str, str] | None = {"FriendlyName": name, "PageSize": "1"}
    found: list[dict[str, Any]] = []
    while url is not None:
        page = desk.http.get(url, params=params).json()
        assert page["meta"]["page"] == len(found)
        found += page["results"]
        url, params = page["meta"]["next_page_url"], None
    assert {row["sid"] for row in found} == {row["sid"] for row in made}
    assert all(row["friendly_name"] == name for row in found)
    for row in found:
        assert desk.http.delete(f"{collection}/{row['sid']}").status_code == 204
    assert desk.http.get(collection, params={"FriendlyName": name}).json()["results"] == []


PLACES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")),
    min_size=1,
    max_size=100,
)


@RANDOM
@given(customer=PLACES, street=PLACES)
@example(customer="Café «Größe» 商店 🏪", street="ул. Ленина 1")
def test_an_address_comes_back_as_it_was_written(desk: Desk, customer: str, street: str) -> None:
    path = f"{core(desk)}/Addresses"
    sent = {
        "CustomerName": customer,
        "Street": street,
        "City": "Portland",
        "Region": "ME",
        "PostalCode": "04101",
        "IsoCountry": "US",
    }
    made = desk.post(f"{path}.json", **sent)
    assert made.status_code == 201, made.text
    sid = made.json()["sid"]
    fetched = desk.http.get(f"{path}/{sid}.json").json()
    assert (fetched["customer_name"], fetched["street"]) == (customer, street)
    listed = desk.http.get(f"{path}.json", params={"CustomerName": customer}).json()["addresses"]
    assert sid in {row["sid"] for row in listed}
    assert desk.http.delete(f"{path}/{sid}.json").status_code == 204
    assert desk.http.get(f"{path}/{sid}.json").status_code == 404
