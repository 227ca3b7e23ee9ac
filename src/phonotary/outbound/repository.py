"""Certificate chains of other providers: fetched once, judged once, kept.

A chain costs more to judge than six signatures cost to check, so what is kept is the judged chain,
with the bytes it was judged from: when the trusted authorities or the revocations change, every
chain is judged again from memory, and nobody's server is asked.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeGuard
from urllib.parse import urlsplit

from phonotary import report
from phonotary.clock import Instant
from phonotary.errors import Refused
from phonotary.outbound import places
from phonotary.outbound.fetch import Fetcher
from phonotary.outbound.keeping import Keeping
from phonotary.outbound.places import Places
from phonotary.shaken import chains, paths
from phonotary.shaken.chains import Untrusted, ValidChain
from phonotary.shaken.trust import Trust
from phonotary.shaken.verdicts import Unobtainable
from phonotary.shaken.verification_credential import Credential

CHAIN_TYPE = "application/pem-certificate-chain"
TN_LIST_TYPE = "application/tnauthlist"
_BEGIN = b"-----BEGIN CERTIFICATE-----"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]{1,32768}-----END CERTIFICATE-----")


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
        self._asked: set[str] = set()
        """Those of them that are no longer in line."""
        self._places = Places(self._keeping)
        self.fetched = 0
        """Fetches begun since the start."""

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def fetching(self) -> int:
        """Addresses that are asked, or in line for it."""
        return len(self._flying)

    def set_trust(self, trust: Trust) -> None:
        """New authorities or revocations: from now on every chain is judged by them."""
        self._trust = trust
        self._failed.clear()

    def kept(self, url: str) -> Credential | None:
        """What memory knows; None when it must be fetched. Never waits: a chain whose time is
        nearly over is fetched anew beside it."""
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
        if isinstance(kept.judged, ValidChain) and now >= kept.refresh_at - self._keeping.ahead:
            failed = self._failed.get(url)
            if failed is None or now >= failed.until:
                self._flight(url)
        return kept.judged

    async def obtain(self, url: str) -> Credential:
        """What memory knows, else what the address serves; at most ``budget`` seconds.

        All who ask for one address at the same time wait for one fetch, and it goes on when they
        have given up: who asks later finds what came.
        """
        found = self.kept(url)
        if found is not None:
            return found
        task = self._flight(url)
        done, _ = await asyncio.wait({task}, timeout=self._keeping.budget)
        if done and not task.cancelled():
            return task.result()
        return self._used_on(url) or (_slow() if url in self._asked else places.busy())

    def _flight(self, url: str) -> asyncio.Task[Credential]:
        task = self._flying.get(url)
        if task is None:
            task = self._flying[url] = asyncio.create_task(self._fetch(url))
            task.add_done_callback(lambda _: self._landed(url))
        return task

    def _landed(self, url: str) -> None:
        del self._flying[url]
        self._asked.discard(url)

    async def close(self) -> None:
        for task in list(self._flying.values()):
            task.cancel()
        await asyncio.gather(*self._flying.values(), return_exceptions=True)
        await self._fetcher.close()

    async def _fetch(self, url: str) -> Credential:
        try:
            async with self._places.place(urlsplit(url).hostname or ""):
                self.fetched += 1
                self._asked.add(url)
                kept = await self._fresh(url)
        except TimeoutError:
            return self._remember_failure(url, _slow())
        except (Unobtainable, Untrusted) as refused:
            if isinstance(refused, Unobtainable) and refused.fault == "busy":
                return self._used_on(url) or refused
            return self._remember_failure(url, refused)
        except Exception:
            # Whatever a stranger's server made go wrong, the call gets a verdict.
            report.to("phonotary.repository").exception("a repository could not be read", url=url)
            return self._remember_failure(
                url, Unobtainable("content", "What the repository serves cannot be read.")
            )
        if _against(kept.judged):
            return self._remember_failure(url, kept.judged)
        self._keep(url, kept)
        return kept.judged

    def _keep(self, url: str, kept: _Kept) -> None:
        self._failed.pop(url, None)
        self._forget(url)
        self._kept[url] = kept
        self.bytes += kept.size
        while len(self._kept) > self._keeping.chains or self.bytes > self._keeping.bytes:
            self._forget(next(iter(self._kept)))

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
        # Kept for minutes, an exception would keep the frames it came through as well.
        result = result.with_traceback(None)
        now, kept, before = self._now(), self._kept.get(url), self._failed.pop(url, None)
        times = before.times + 1 if before else 0
        wait = min(self._keeping.retry_at_most, self._keeping.retry_after << min(times, 16))
        self._failed[url] = _Failed(result, now + wait, times)
        while len(self._failed) > self._keeping.failures:
            self._failed.popitem(last=False)
        ahead = kept is not None and now < kept.refresh_at
        found = self._used_on(url) if ahead or isinstance(result, Unobtainable) else None
        if kept is None or found is None:
            self._forget(url)
            return result
        kept.refresh_at = max(kept.refresh_at, now + wait)
        return found

    def _used_on(self, url: str) -> ValidChain | Untrusted | None:
        """A chain known from before, while only the repository is at fault; None where there is
        none, or none that may be used on."""
        kept, now = self._kept.get(url), self._now()
        if kept is None or not isinstance(kept.judged, ValidChain) or now > kept.judged.not_after:
            return None
        if now >= kept.refresh_at and not self._keeping.stale:
            return None
        if kept.by is not self._trust or now >= kept.judge_again_at:
            self._judge(kept, now)
        return kept.judged


def _slow() -> Unobtainable:
    return Unobtainable("timeout", "The repository does not answer in time.")


def _against(judged: ValidChain | Untrusted) -> TypeGuard[Untrusted]:
    """Whether the chain itself was refused. For a list that we lack, no repository is asked anew
    and no address is held to have failed."""
    return isinstance(judged, Untrusted) and judged.defect not in chains.OURS
