"""Which origid a call is signed with, under each policy."""

from __future__ import annotations

import uuid

from phonotary.shaken.origids import UUID, OrigidPolicy, origid_for

GIVEN = "de305d54-75b4-431b-adb2-eb6b9e546014"
MINTED = "11111111-1111-4111-8111-111111111111"
OWL, JAY = "AC" + "1" * 32, "AC" + "2" * 32


def chosen(policy: OrigidPolicy, given: str | None, account: str = OWL, secret: str = "s") -> str:
    return origid_for(policy, given, account, secret, lambda: MINTED)


def test_a_given_origid_is_used_and_a_missing_one_is_minted() -> None:
    assert chosen(OrigidPolicy.AS_GIVEN, GIVEN) == GIVEN
    assert chosen(OrigidPolicy.AS_GIVEN, None) == MINTED


def test_per_call_never_uses_what_the_caller_gave() -> None:
    assert chosen(OrigidPolicy.PER_CALL, GIVEN) == MINTED


def test_per_customer_is_the_same_for_one_account_and_another_for_the_next() -> None:
    first = chosen(OrigidPolicy.PER_CUSTOMER, GIVEN)
    assert first == chosen(OrigidPolicy.PER_CUSTOMER, None) != GIVEN
    assert first != chosen(OrigidPolicy.PER_CUSTOMER, None, JAY)


def test_per_customer_tells_nobody_who_lacks_the_secret_which_account_it_is() -> None:
    assert chosen(OrigidPolicy.PER_CUSTOMER, None) != chosen(
        OrigidPolicy.PER_CUSTOMER, None, secret="another"
    )


def test_per_customer_is_a_uuid_of_version_8() -> None:
    value = chosen(OrigidPolicy.PER_CUSTOMER, None)
    assert UUID.fullmatch(value)
    assert (uuid.UUID(value).version, uuid.UUID(value).variant) == (8, uuid.RFC_4122)
