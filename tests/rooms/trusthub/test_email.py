"""Well-formed addresses pass, others are refused, and the quick way never disagrees."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from phonotary.errors import Refused
from phonotary.trusthub import email

_PARTS = st.text("abzAZ09._+-@", max_size=40)
_LABEL = st.text("abz019-", max_size=12)


def accepted(text: str) -> bool:
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


@given(_PARTS, st.lists(_LABEL, min_size=1, max_size=4))
@example("a", ["xn--a", "com"])
@example("a", ["a-", "com"])
@example("a.", ["example", "com"])
@example("a", ["localhost"])
@example("a", ["b", "local"])
@example("a", ["b", "invalid"])
@example("a" * 65, ["example", "com"])
def test_what_passes_quickly_the_library_accepts(local: str, labels: list[str]) -> None:
    text = f"{local}@{'.'.join(labels)}"
    if email.is_plain(text):
        assert accepted(text)


@pytest.mark.parametrize(
    "text", ["jane@acme.example.com", "EMAIL@EXAMPLE.COM", "j.d+x@acme.example", "zoë@acme.example"]
)
def test_an_address_passes(text: str) -> None:
    assert email.required(text) == text


def test_the_common_kind_takes_the_quick_way() -> None:
    assert email.is_plain("jane.doe+filings@acme-plumbing.example.com")
    assert not email.is_plain("zoë@acme.example.com")


@pytest.mark.parametrize("text", ["", "x", "a@", "@b.example", "a b@c.example", "a@b@c.example"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        email.required(text)
