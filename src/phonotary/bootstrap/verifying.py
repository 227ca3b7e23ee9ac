"""The verification service as the doors use it: the room's steps, the repository, the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from phonotary.abreast import Steps, alone
from phonotary.clock import Instant
from phonotary.outbound.repository import Repository
from phonotary.shaken.replays import Replays
from phonotary.shaken.verdicts import Verdict
from phonotary.shaken.verification import CallToVerify, Pending, Rules, begin, conclude, used
from phonotary.shaken.verification_credential import Credential

Remember = Callable[[CallToVerify, Verdict, str, str], None]
"""Told of every verdict: the call, what was found, by which door it came and from which address.
May raise (a full ledger that must not lose anything): then the call gets no verdict."""


class VerificationService:
    """One for a process; belongs to one event loop. ``now`` gives whole seconds since 1970."""

    def __init__(
        self,
        repository: Repository,
        now: Callable[[], Instant],
        rules: Rules | None = None,
        replays: Replays | None = None,
        remember: Remember | None = None,
    ) -> None:
        self.repository = repository
        self.rules = rules or Rules()
        if replays is None:
            ours = self.rules
            replays = Replays(ours.freshness, diverted_freshness=ours.diverted_freshness)
        self.replays = replays
        self._now, self._remember = now, remember

    def verify_now(
        self, call: CallToVerify, door: str = "library", source: str = ""
    ) -> Verdict | None:
        """The verdict from memory alone; None when a credential must be fetched first.

        Raises UnusableCall (E1, E2).
        """
        return alone(self.verifying_now(call, door, source))

    def verifying_now(
        self, call: CallToVerify, door: str = "library", source: str = ""
    ) -> Steps[Verdict | None]:
        """The same in steps, for calls that come together: read, judged, remembered."""
        now = self._now()
        found = begin(call, now, self.rules)
        if isinstance(found, Pending):
            chains: dict[str, Credential] = {}
            for url in found.urls:
                credential = self.repository.kept(url)
                if credential is None:
                    return None
                chains[url] = credential
            yield
            found = conclude(found, chains, now, self.rules, self.replays)
        yield
        return self._remembered(call, found, door, source)

    async def verify(self, call: CallToVerify, door: str = "library", source: str = "") -> Verdict:
        """The same, once what is missing was fetched: at most the repository's budget longer."""
        found = begin(call, self._now(), self.rules)
        if isinstance(found, Pending):
            credentials = await asyncio.gather(*map(self.repository.obtain, found.urls))
            chains = dict(zip(found.urls, credentials, strict=True))
            # The wait counts: what was fresh by then may be so no longer.
            found = conclude(found, chains, self._now(), self.rules, self.replays)
        return self._remembered(call, found, door, source)

    def _remembered(self, call: CallToVerify, found: Verdict, door: str, source: str) -> Verdict:
        if self._remember is not None:
            try:
                self._remember(call, found, door, source)
            except Exception:
                # Nobody gets this verdict, so the call may come again.
                for signature in used(found):
                    self.replays.forget(signature)
                raise
        return found

    async def close(self) -> None:
        await self.repository.close()
