"""Whose certificate signs a call: a provider's own, for its own customers, and never another's.

FCC 24-120 (Eighth Report and Order) lets a third party do the signing only with the certificate
of the provider that owes it. So a credential belongs to one provider, a provider to the accounts
it serves, and an account to one provider at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.shaken.certificates import SigningCredential


@dataclass(frozen=True, slots=True)
class Provider:
    """One voice service provider that signs here."""

    name: str
    credential: SigningCredential
    accounts: frozenset[str] | None = None
    """The accounts it serves, with their subaccounts; None: every account of this hub, which only
    a hub's one provider may."""


class Providers:
    """Finds the credential of an account. Replaced as a whole, so no call sees half a change."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        """Raises Refused (INVALID_PARAMETER) when an account would have two providers."""
        self._all = tuple(providers)
        self._by_account: dict[str, Provider] = {}
        self._everyone: Provider | None = None
        for provider in self._all:
            if provider.accounts is None:
                self._everyone = self._alone(provider)
            for account in provider.accounts or ():
                if account in self._by_account:
                    raise _refused(f"account {account} is given to two providers")
                self._by_account[account] = provider

    def _alone(self, provider: Provider) -> Provider:
        if len(self._all) > 1:
            raise _refused(f"provider {provider.name} lists no accounts and is not the only one")
        return provider

    def credential_of(self, account_sid: str, top_account_sid: str) -> SigningCredential:
        """What was said of the account itself, else of its parent. Raises Refused (FORBIDDEN)
        where no provider signs for it."""
        provider = (
            self._by_account.get(account_sid)
            or self._by_account.get(top_account_sid)
            or self._everyone
        )
        if provider is None:
            raise Refused(
                Reason.FORBIDDEN,
                "No provider signs for this account here; have its certificate configured.",
            )
        return provider.credential

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._all)


def renewal_due(not_before: Instant, not_after: Instant) -> Instant:
    """When a certificate is to be renewed: after two thirds of its life."""
    return not_before + 2 * (not_after - not_before) // 3


def _refused(what: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, f"The providers cannot sign: {what}.")
