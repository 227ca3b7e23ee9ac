"""What Lookups says of a text that is no telephone number."""

from __future__ import annotations

import pytest

from tests.simulators.hub import Hub


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        # The document's own example.
        ("+141599299600", "TOO_LONG"),
        ("+1415992", "TOO_SHORT"),
        ("+999123456", "INVALID_COUNTRY_CODE"),
        ("harbor-books", "NOT_A_NUMBER"),
        ("+", "NOT_A_NUMBER"),
        ("+1" + "4" * 400, "TOO_LONG"),
    ],
)
def test_the_second_version_says_what_is_wrong(hub: Hub, text: str, fault: str) -> None:
    with hub.client() as http:
        body = http.get(f"/v2/PhoneNumbers/{text}").json()
    assert (body["valid"], body["validation_errors"], body["phone_number"]) == (
        False,
        [fault],
        text,
    )
    assert body["country_code"] is None and body["national_format"] is None


def test_the_first_version_says_404(hub: Hub) -> None:
    with hub.client() as http:
        assert http.get("/v1/PhoneNumbers/harbor-books").json()["code"] == 20404
