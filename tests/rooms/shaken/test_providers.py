"""Whose certificate signs for whom."""

from __future__ import annotations

import pytest

from phonotary.errors import Reason, Refused
from phonotary.shaken.certificates import SigningCredential, load_credential, sandbox_certificates
from phonotary.shaken.providers import Provider, Providers, renewal_due

NOW = 1_790_000_000
OWL_ACCOUNT, JAY_ACCOUNT, NOBODYS = ("AC" + digit * 32 for digit in "123")


def credential(spc: str) -> SigningCredential:
    issued = sandbox_certificates(NOW, spc, f"{spc} Telecom")
    return load_credential(issued.chain_pem, issued.key_pem, f"https://{spc}.example/chain.pem")


OWL, JAY = credential("709J"), credential("818H")
TWO = Providers(
    [
        Provider("Owl", OWL, frozenset({OWL_ACCOUNT})),
        Provider("Jay", JAY, frozenset({JAY_ACCOUNT})),
    ]
)


def test_each_account_is_signed_for_with_its_own_providers_certificate() -> None:
    assert TWO.credential_of(OWL_ACCOUNT, OWL_ACCOUNT) is OWL
    assert TWO.credential_of(JAY_ACCOUNT, JAY_ACCOUNT) is JAY


def test_an_account_without_a_provider_is_refused_and_not_lent_anothers_key() -> None:
    with pytest.raises(Refused) as refused:
        TWO.credential_of(NOBODYS, NOBODYS)
    assert refused.value.reason is Reason.FORBIDDEN


def test_the_only_provider_may_serve_everybody() -> None:
    assert Providers([Provider("Owl", OWL)]).credential_of(NOBODYS, NOBODYS) is OWL


def test_one_of_several_providers_must_say_whom_it_serves() -> None:
    with pytest.raises(Refused, match="lists no accounts"):
        Providers([Provider("Owl", OWL), Provider("Jay", JAY, frozenset({JAY_ACCOUNT}))])


def test_no_account_has_two_providers() -> None:
    with pytest.raises(Refused, match=OWL_ACCOUNT):
        Providers(
            [
                Provider("Owl", OWL, frozenset({OWL_ACCOUNT})),
                Provider("Jay", JAY, frozenset({OWL_ACCOUNT})),
            ]
        )


def test_without_providers_nothing_is_signed() -> None:
    with pytest.raises(Refused):
        Providers([]).credential_of(OWL_ACCOUNT, OWL_ACCOUNT)


def test_renewal_is_due_after_two_thirds_of_a_certificates_life() -> None:
    assert renewal_due(1000, 4000) == 3000


def test_a_subaccount_listed_by_itself_is_signed_for_by_its_own_provider() -> None:
    subaccount = "AC" + "4" * 32
    both = Providers(
        [
            Provider("Owl", OWL, frozenset({OWL_ACCOUNT})),
            Provider("Jay", JAY, frozenset({subaccount})),
        ]
    )
    assert both.credential_of(subaccount, OWL_ACCOUNT) is JAY
    assert both.credential_of(NOBODYS, OWL_ACCOUNT) is OWL


def test_a_provider_without_accounts_signs_for_nobody() -> None:
    with pytest.raises(Refused):
        Providers([Provider("Owl", OWL, frozenset())]).credential_of(OWL_ACCOUNT, OWL_ACCOUNT)
