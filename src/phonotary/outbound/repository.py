"""Certificate chains of other providers: fetched once, judged once, kept.

A chain costs more to judge than six signatures cost to check, so what is kept is the judged chain,
with the bytes it was judged from: when the trusted authorities or the revocations change, every
chain is judged again from memory, and nobody's server is asked.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeGuard
from urllib.parse import urlsplit

from phonotary import report
from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.outbound.fetch import Fetcher
from phonotary.shaken import chains, credential_url, paths
from phonotary.shaken.chains import Untrusted, ValidChain
from phonotary.shaken.trust import Trust
from phonotary.shaken.verdicts import Unobtainable
from phonotary.shaken.verification_credential import Credential

CHAIN_TYPE = "application/pem-certificate-chain"
TN_LIST_TYPE = "application/tnauthlist"
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]{1,32768}-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long and how much; times in seconds."""

    budget: float = 0.5
    """For everything a first call waits for: names, connections, chain and TN lists."""
    at_least: int = 86_400
    """ATIS-1000074: a day when the server's headers say less, or nothing."""
    at_most: int = 7 * 86_400
    retry_after: int = 30
    """After a failure, doubled with each further one."""
    retry_at_most: int = 900
    chains: int = 20_000
    """Room for every address seen in the field."""
    failures: int = 5_000
    """Kept apart, so that made-up addresses push no chain out."""
    bytes: int = 64 * 1024 * 1024
    """Of all chains together; a chain has three or four thousand."""
    fetches: int = 64
    """At the same time."""
    waiting: int = 256
    """Addresses being fetched or in line; more are answered at once that nothing can be had."""
    of_a_site: int = 16
    """How many of those may be one site's: whoever names a thousand slow addresses of its own
    holds up nobody else."""
    tn_lists: int = 4
    """TN lists by reference that one chain may have."""
    stale: bool = True
    """A chain that cannot be fetched again is used while its certificates are valid."""


@dataclass(slots=True)
class _Kept:
    body: bytes
    tn_lists: Mapping[str, bytes]
    refresh_at: Instant
    judged: ValidChain | Untrusted
    judge_again_at: Instant
    by: Trust

    @property
    def size(self) -> int:
        return len(self.body) + sum(len(one) for one in self.tn_lists.values())


@dataclass(slots=True)
class _Failed:
    result: Unobtainable | Untrusted
    until: Instant
    times: int


class Repository:
    """Belongs to one event loop. ``now`` gives whole seconds since 1970."""

    def __init__(
        self,
        fetcher: Fetcher,
        trust: Trust,
        now: Callable[[], Instant],
        keeping: Keeping | None = None,
    ) -> None:
        self._fetcher, self._trust, self._now = fetcher, trust, now
        self._keeping = keeping or Keeping()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._failed: OrderedDict[str, _Failed] = OrderedDict()
        self.bytes = 0
        """What all kept chains take together."""
        self._flying: dict[str, asyncio.Task[Credential]] = {}
        self._sites: Counter[str] = Counter()
        self._places = asyncio.Semaphore(self._keeping.fetches)
        self.fetched = 0
        """Fetches begun since the start."""

    def __len__(self) -> int:
        return len(self._kept)

    def set_trust(self, trust: Trust) -> None:
        """New authorities or revocations: from now on every chain is judged by them."""
        self._trust = trust
        self._failed.clear()

    def kept(self, url: str) -> Credential | None:
        """What memory knows; None when it must be fetched. Never waits."""
        kept = self._kept.get(url)
        now = self._now()
        if not self._trust.anchors:
            # Whatever is served there, nothing could be said of it: nobody is asked.
            return self._judgement(b"", {}, now)[0]
        if kept is None or now >= kept.refresh_at:
            failed = self._failed.get(url)
            return failed.result if failed is not None and now < failed.until else None
        if kept.by is not self._trust or now >= kept.judge_again_at:
            # Expired certificates are looked for again: the provider may serve new ones by now.
            if isinstance(kept.judged, ValidChain) and now > kept.judged.not_after:
                self._forget(url)
                return None
            self._judge(kept, now)
        self._kept.move_to_end(url)
        return kept.judged

    async def obtain(self, url: str) -> Credential:
        """What memory knows, else what the address serves; at most ``budget`` seconds.

        All who ask for one address at the same time wait for one fetch.
        """
        found = self.kept(url)
        if found is not None:
            return found
        task = self._flying.get(url)
        if task is None:
            site = credential_url.site(urlsplit(url).hostname or "")
            full = len(self._flying) >= self._keeping.waiting
            if full or self._sites[site] >= self._keeping.of_a_site:
                return Unobtainable("busy", "Too many repositories are being asked.")
            self._sites[site] += 1
            task = self._flying[url] = asyncio.create_task(self._fetch(url))
            task.add_done_callback(lambda _: self._landed(url, site))
        # Shielded: one caller who gives up must not take the answer from the others.
        return await asyncio.shield(task)

    def _landed(self, url: str, site: str) -> None:
        self._flying.pop(url, None)
        self._sites[site] -= 1
        if not self._sites[site]:
            del self._sites[site]

    async def close(self) -> None:
        for task in list(self._flying.values()):
            task.cancel()
        await asyncio.gather(*self._flying.values(), return_exceptions=True)
        await self._fetcher.close()

    async def _fetch(self, url: str) -> Credential:
        budget, loop = self._keeping.budget, asyncio.get_running_loop()
        begin, waited = loop.time(), budget
        try:
            async with asyncio.timeout(budget), self._places:
                waited = loop.time() - begin
                self.fetched += 1
                kept = await self._fresh(url)
        except TimeoutError:
            # An address that was in line for most of its time has not been shown to be slow.
            if waited > budget / 2:
                return Unobtainable("busy", "Too many repositories are being asked.")
            return self._remember_failure(
                url, Unobtainable("timeout", "The repository does not answer in time.")
            )
        except (Unobtainable, Untrusted) as refused:
            if isinstance(refused, Unobtainable) and refused.fault == "busy":
                return refused
            return self._remember_failure(url, refused)
        except Exception:
            # Whatever a stranger's server made go wrong, the call gets a verdict.
            report.to("phonotary.repository").exception("a repository could not be read", url=url)
            return self._remember_failure(
                url, Unobtainable("content", "What the repository serves cannot be read.")
            )
        if _against(kept.judged):
            return self._remember_failure(url, kept.judged)
        self._failed.pop(url, None)
        self._forget(url)
        self._kept[url] = kept
        self.bytes += kept.size
        while len(self._kept) > self._keeping.chains or self.bytes > self._keeping.bytes:
            self._forget(next(iter(self._kept)))
        return kept.judged

    def _forget(self, url: str) -> None:
        kept = self._kept.pop(url, None)
        if kept is not None:
            self.bytes -= kept.size

    async def _fresh(self, url: str) -> _Kept:
        fetched = await self._fetcher.get(url, CHAIN_TYPE)
        # What stands around the certificates is nothing to keep.
        body = b"\n".join(_PEM.findall(fetched.body)) or fetched.body
        if _BEGIN not in body:
            raise Unobtainable("content", "What the repository serves is no certificate chain.")
        names = self._references(body)
        lists = await asyncio.gather(*(self._fetcher.get(one, TN_LIST_TYPE) for one in names))
        lives = [one.lifetime or 0 for one in (fetched, *lists)]
        life = max(self._keeping.at_least, min(self._keeping.at_most, *lives))
        now = self._now()
        bodies = {name: one.body for name, one in zip(names, lists, strict=True)}
        judged, again = self._judgement(body, bodies, now)
        return _Kept(body, bodies, now + life, judged, again, self._trust)

    def _references(self, body: bytes) -> tuple[str, ...]:
        """Nothing is fetched for a chain that leads to nobody: its names are a stranger's."""
        try:
            paths.follow(paths.read_pem(body), self._trust.links, self._now())
        except Untrusted:
            return ()
        try:
            names = chains.references(body)
        except Untrusted:
            raise
        except Refused as refused:
            raise Unobtainable("content", refused.because) from None
        if len(names) > self._keeping.tn_lists:
            raise Unobtainable("content", "The chain refers to more TN lists than are fetched.")
        return names

    def _judge(self, kept: _Kept, now: Instant) -> None:
        kept.judged, kept.judge_again_at = self._judgement(kept.body, kept.tn_lists, now)
        kept.by = self._trust
        if _against(kept.judged):
            # Its provider may have put another chain there since.
            kept.refresh_at = min(kept.refresh_at, kept.judge_again_at)

    def _judgement(
        self, body: bytes, tn_lists: Mapping[str, bytes], now: Instant
    ) -> tuple[ValidChain | Untrusted, Instant]:
        """The chain and when to judge it again: past its validity, or with the revocations' end."""
        trust = self._trust
        try:
            chain = chains.validate(body, trust, now, tn_lists=tn_lists)
        except Untrusted as untrusted:
            return untrusted.with_traceback(None), now + self._keeping.retry_after
        again = chain.not_after + 1
        if trust.crl_required and trust.revocations is not None:
            again = min(again, trust.revocations.next_update + 1)
        return chain, again

    def _remember_failure(self, url: str, result: Unobtainable | Untrusted) -> Credential:
        """A chain known from before is used on while only the repository is at fault."""
        # Kept for minutes, an exception would keep the frames it came through as well.
        result = result.with_traceback(None)
        now, kept, before = self._now(), self._kept.get(url), self._failed.pop(url, None)
        times = before.times + 1 if before else 0
        wait = min(self._keeping.retry_at_most, self._keeping.retry_after << min(times, 16))
        self._failed[url] = _Failed(result, now + wait, times)
        while len(self._failed) > self._keeping.failures:
            self._failed.popitem(last=False)
        if kept is None:
            return result
        usable = isinstance(result, Unobtainable) and self._keeping.stale
        if not (usable and isinstance(kept.judged, ValidChain) and now <= kept.judged.not_after):
            self._forget(url)
            return result
        kept.refresh_at = now + wait
        if kept.by is not self._trust or now >= kept.judge_again_at:
            self._judge(kept, now)
        return kept.judged


def _against(judged: ValidChain | Untrusted) -> TypeGuard[Untrusted]:
    """Whether the chain itself was refused. For a list that we lack, no repository is asked anew
    and no address is held to have failed."""
    return isinstance(judged, Untrusted) and judged.defect not in chains.OURS
