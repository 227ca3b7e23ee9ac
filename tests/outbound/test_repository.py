"""What is kept of other providers' chains, for how long, and how often anybody is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from phonotary.bootstrap.verifying import VerificationService
from phonotary.outbound.fetch import Fetcher
from phonotary.outbound.keeping import Keeping
from phonotary.outbound.repository import Repository
from phonotary.shaken import issuing, tn_auth_list
from phonotary.shaken.chains import Defect, Untrusted, ValidChain
from phonotary.shaken.revocations import Revocations
from phonotary.shaken.trust import Trust
from phonotary.shaken.verdicts import Unobtainable, Verdict, Verstat
from phonotary.shaken.verification import CallToVerify, Rules
from tests.simulators import lying_repository as lies
from tests.simulators.lying_repository import LyingRepository
from tests.simulators.odd_certificates import scope_at
from tests.simulators.stir_provider import (
    CA,
    DEST,
    NOW,
    ORIG,
    TRUST,
    Provider,
    provider,
    shaken,
)

T = TypeVar("T")
OWL = provider()
DAY = 86_400
REVOKED = Trust(
    TRUST.anchors, Revocations(frozenset(OWL.valid().links[:1]), NOW - 10, NOW + 10 * DAY)
)


@dataclass
class House:
    """A verifier and one other provider's repository, on one clock."""

    there: LyingRepository
    repository: Repository
    service: VerificationService
    clock: list[int]
    told: list[Verdict] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.there.origin}/c"

    def serve(self, behaviour: lies.Behaviour) -> str:
        return self.there.at("/c", behaviour)

    def call(self, **changes: Any) -> CallToVerify:
        claims = shaken(iat=self.clock[0], **changes)
        header = Provider(OWL.leaf, x5u=self.url).header(claims)
        return CallToVerify(orig=ORIG, dest=(DEST,), identities=(header,))


def house(run: Callable[[House], Awaitable[T]], trust: Trust = TRUST, **keeping: Any) -> T:
    """Run with a repository that serves OWL's chain at ``/c`` until told otherwise."""

    async def outer() -> T:
        async with lies.running() as there:
            lab, clock = frozenset({there.origin}), [NOW]
            told: list[Verdict] = []
            repository = Repository(Fetcher(lab=lab), trust, lambda: clock[0], Keeping(**keeping))
            service = VerificationService(
                repository,
                lambda: clock[0],
                Rules(lab=lab),
                remember=lambda call, verdict, door, source: told.append(verdict),
            )
            there.at("/c", lies.serves(OWL.pem))
            try:
                return await run(House(there, repository, service, clock, told))
            finally:
                await service.close()

    return asyncio.run(outer())


def test_a_chain_is_fetched_once_and_then_known_at_once() -> None:
    async def run(h: House) -> None:
        assert h.service.verify_now(h.call()) is None
        assert (await h.service.verify(h.call())).passed
        found = h.service.verify_now(h.call())
        assert found is not None
        assert found.passed
        assert h.there.requests == ["/c"]
        assert len(h.told) == 2

    house(run)


def test_fifty_calls_at_once_make_one_request() -> None:
    async def run(h: House) -> None:
        h.serve(lies.after(0.1, lies.serves(OWL.pem)))
        verdicts = await asyncio.gather(*(h.service.verify(h.call()) for _ in range(50)))
        assert all(one.passed for one in verdicts)
        assert h.there.requests == ["/c"]

    house(run)


def test_one_caller_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    async def run(h: House) -> None:
        h.serve(lies.after(0.1, lies.serves(OWL.pem)))
        first, second = (asyncio.create_task(h.repository.obtain(h.url)) for _ in range(2))
        await asyncio.sleep(0.02)
        first.cancel()
        assert isinstance(await second, ValidChain)

    house(run)


BAD: dict[str, tuple[lies.Behaviour, str, Verstat]] = {
    "silent": (lies.never(), "E8", Verstat.NONE),
    "dripping": (lies.drips(OWL.pem), "E8", Verstat.NONE),
    "endless": (lies.endless(), "E8", Verstat.NONE),
    "redirecting": (lies.redirects("http://127.0.0.1:9/"), "E8", Verstat.NONE),
    "missing": (lies.serves(b"", status="404 Not Found"), "E8", Verstat.NONE),
    "html": (lies.serves(b"<html>Log in</html>", "text/html"), "E8", Verstat.NONE),
    "empty": (lies.serves(b""), "E8", Verstat.NONE),
    "broken off": (lies.breaks_off(), "E8", Verstat.NONE),
    "another's chain": (lies.serves(provider().pem), "E18", Verstat.FAILED),
    "broken pem": (lies.serves(OWL.pem[:300]), "E17", Verstat.FAILED),
    "leaf alone": (lies.serves(OWL.leaf.pem), "E17", Verstat.FAILED),
    "stranger's chain": (
        lies.serves(
            (lambda root: issuing.chain(issuing.leaf(root, NOW, "709J"), root))(issuing.root(NOW))
        ),
        "E17",
        Verstat.FAILED,
    ),
}


@pytest.mark.parametrize("kind", list(BAD))
def test_a_bad_repository_is_answered_in_time_and_not_asked_again(kind: str) -> None:
    behaviour, case, verstat = BAD[kind]

    async def run(h: House) -> None:
        h.serve(behaviour)
        begun = time.monotonic()
        verdict = await h.service.verify(h.call())
        assert time.monotonic() - begun < 0.9
        assert (verdict.case, verdict.verstat) == (case, verstat)
        again = await h.service.verify(h.call())
        assert (again.case, again.verstat) == (case, verstat)
        assert h.there.requests == ["/c"]

    house(run)


def test_nobody_at_the_address_is_answered_in_time() -> None:
    async def run(h: House) -> None:
        h.there.port = 1
        begun = time.monotonic()
        found = await h.repository.obtain("http://127.0.0.1:1/c")
        assert time.monotonic() - begun < 0.9
        assert isinstance(found, Unobtainable)

    house(run)


def test_a_name_server_that_hangs_is_answered_in_time() -> None:
    async def hang(host: str, port: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    async def run() -> None:
        repository = Repository(Fetcher(resolve=hang), TRUST, lambda: NOW)
        begun = time.monotonic()
        found = await repository.obtain("https://certificates.example/c.pem")
        assert 0.4 < time.monotonic() - begun < 0.9
        assert isinstance(found, Unobtainable)
        assert found.fault == "timeout"
        await repository.close()

    asyncio.run(run())


def test_a_failure_is_tried_again_after_a_growing_while() -> None:
    async def run(h: House) -> None:
        h.serve(lies.serves(b"", status="500 Oh"))
        asked = []
        for pause in (0, 29, 1, 59, 1, 119, 1):
            h.clock[0] += pause
            await h.repository.obtain(h.url)
            asked.append(len(h.there.requests))
        assert asked == [1, 1, 2, 2, 3, 3, 4]
        h.serve(lies.serves(OWL.pem))
        h.clock[0] += 900
        assert isinstance(await h.repository.obtain(h.url), ValidChain)

    house(run)


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ((), DAY),
        (("Cache-Control: max-age=60",), DAY),
        (("Cache-Control: no-store",), DAY),
        (("Cache-Control: max-age=172800",), 2 * DAY),
        (("Cache-Control: max-age=31536000",), 7 * DAY),
    ],
)
def test_a_chain_is_kept_a_day_or_as_long_as_the_server_says_up_to_a_week(
    header: tuple[str, ...], kept: int
) -> None:
    async def run(h: House) -> None:
        h.serve(lies.serves(OWL.pem, lies.PEM_TYPE, *header))
        await h.repository.obtain(h.url)
        h.clock[0] += kept - 1
        assert h.repository.kept(h.url) is not None
        h.clock[0] += 1
        assert h.repository.kept(h.url) is None
        await h.repository.obtain(h.url)
        assert len(h.there.requests) == 2

    house(run)


def test_a_chain_stays_in_use_while_only_its_repository_is_away() -> None:
    async def run(h: House) -> None:
        await h.repository.obtain(h.url)
        h.serve(lies.serves(b"", status="500 Oh"))
        h.clock[0] += DAY
        assert (await h.service.verify(h.call())).passed
        assert h.service.verify_now(h.call()) is not None
        assert len(h.there.requests) == 2
        h.clock[0] += 30
        assert h.service.verify_now(h.call()) is None

    house(run)


def test_a_chain_is_given_up_with_its_repository_where_the_setting_says_so() -> None:
    async def run(h: House) -> None:
        await h.repository.obtain(h.url)
        h.serve(lies.serves(b"", status="500 Oh"))
        h.clock[0] += DAY
        assert isinstance(await h.repository.obtain(h.url), Unobtainable)

    house(run, stale=False)


def test_an_expired_chain_is_not_used_on() -> None:
    async def run(h: House) -> None:
        await h.repository.obtain(h.url)
        h.serve(lies.serves(b"", status="500 Oh"))
        h.clock[0] = OWL.valid().not_after + 1
        assert isinstance(await h.repository.obtain(h.url), Unobtainable)

    house(run)


def test_a_chain_that_expires_before_its_day_is_over_is_fetched_again() -> None:
    short = provider(not_after=NOW + 100)

    async def run(h: House) -> None:
        h.serve(lies.serves(short.pem))
        assert isinstance(await h.repository.obtain(h.url), ValidChain)
        h.clock[0] += 101
        h.serve(lies.serves(OWL.pem))
        assert h.repository.kept(h.url) is None
        found = await h.repository.obtain(h.url)
        assert isinstance(found, ValidChain)
        assert found.fingerprint == OWL.valid().fingerprint

    house(run)


def test_a_revocation_reaches_a_kept_chain_without_a_fetch() -> None:
    async def run(h: House) -> None:
        assert (await h.service.verify(h.call())).passed
        h.repository.set_trust(REVOKED)
        verdict = h.service.verify_now(h.call())
        assert verdict is not None
        assert (verdict.case, verdict.reason) == ("E17", "revoked")
        h.repository.set_trust(TRUST)
        again = h.service.verify_now(h.call())
        assert again is not None
        assert again.passed
        assert h.there.requests == ["/c"]

    house(run)


def test_a_revoked_chain_is_looked_for_again_as_its_provider_may_have_another() -> None:
    async def run(h: House) -> None:
        await h.repository.obtain(h.url)
        h.repository.set_trust(REVOKED)
        assert isinstance(h.repository.kept(h.url), Untrusted)
        other = provider()
        h.serve(lies.serves(other.pem))
        h.clock[0] += 30
        found = await h.repository.obtain(h.url)
        assert isinstance(found, ValidChain)
        assert found.fingerprint == other.valid().fingerprint

    house(run)


def test_new_authorities_reach_an_address_that_was_not_believed() -> None:
    nobody = Trust((issuing.root(NOW).certificate,))

    async def run(h: House) -> None:
        assert (await h.service.verify(h.call())).case == "E17"
        h.repository.set_trust(TRUST)
        assert (await h.service.verify(h.call())).passed

    house(run, nobody)


def test_a_kept_chain_is_judged_again_when_required_revocations_run_out() -> None:
    strict = Trust(TRUST.anchors, Revocations(frozenset(), NOW - 10, NOW + 100), crl_required=True)

    async def run(h: House) -> None:
        assert isinstance(await h.repository.obtain(h.url), ValidChain)
        h.clock[0] = NOW + 101
        found = h.repository.kept(h.url)
        assert isinstance(found, Untrusted)
        assert found.defect is Defect.STALE_REVOCATION_LIST

    house(run, strict)


def test_a_list_that_we_lack_is_held_against_no_address_and_no_chain() -> None:
    none = Trust(TRUST.anchors, None, crl_required=True)
    current = Trust(TRUST.anchors, Revocations(frozenset(), NOW - 10, NOW + DAY), crl_required=True)

    async def run(h: House) -> None:
        for seconds in (0, 31, 3600):
            h.clock[0] = NOW + seconds
            verdict = await h.service.verify(h.call())
            assert (verdict.reason, verdict.verstat) == ("no-current-revocations", Verstat.NONE)
        h.repository.set_trust(current)
        found = h.service.verify_now(h.call())
        assert found is not None
        assert found.passed
        h.repository.set_trust(none)
        assert not (await h.service.verify(h.call())).passed
        assert h.there.requests == ["/c"]

    house(run, none)


def test_a_verifier_without_authorities_asks_nobody() -> None:
    async def run(h: House) -> None:
        found = h.service.verify_now(h.call())
        assert found is not None
        assert (found.reason, found.verstat) == ("no-anchors", Verstat.NONE)
        h.repository.set_trust(TRUST)
        assert (await h.service.verify(h.call())).passed
        h.repository.set_trust(Trust(()))
        assert (await h.service.verify(h.call())).reason == "no-anchors"
        assert h.there.requests == ["/c"]

    house(run, Trust(()))


def test_the_least_used_chain_goes_when_there_is_no_room() -> None:
    async def run(h: House) -> None:
        urls = [h.there.at(f"/{n}", lies.serves(OWL.pem)) for n in range(4)]
        for url in urls[:3]:
            await h.repository.obtain(url)
        h.repository.kept(urls[0])
        await h.repository.obtain(urls[3])
        assert [h.repository.kept(url) is not None for url in urls] == [True, False, True, True]
        assert len(h.repository) == 3

    house(run, chains=3)


def test_addresses_that_fail_push_no_chain_out() -> None:
    async def run(h: House) -> None:
        await h.repository.obtain(h.url)
        made_up = [f"{h.there.origin}:80/{n}" for n in range(10)]
        for url in made_up:
            await h.repository.obtain(url)
        assert h.repository.kept(h.url) is not None
        # Nor do they take more room than theirs: the oldest is forgotten.
        known = [url for url in made_up if h.repository.kept(url) is not None]
        assert known == made_up[-3:]

    house(run, chains=2, failures=3)


def test_fetches_in_line_share_the_budget_and_are_not_held_against_their_address() -> None:
    async def run(h: House) -> None:
        slow = h.there.at("/slow", lies.never())
        first = asyncio.create_task(h.repository.obtain(slow))
        await asyncio.sleep(0.01)
        begun = time.monotonic()
        found = await h.repository.obtain(h.url)
        assert time.monotonic() - begun < 0.9
        assert isinstance(await first, Unobtainable)
        if isinstance(found, Unobtainable):
            assert found.fault in ("busy", "timeout")
        assert isinstance(await h.repository.obtain(h.url), ValidChain)

    house(run, fetches=1)


LIST_URL = "https://lists.example/owl"
LISTED = issuing.leaf(CA, NOW, "709J", extensions=scope_at(LIST_URL))


class Lists(Fetcher):
    """Serves a TN list by reference from memory, everything else as usual."""

    answers: Any = None

    async def get(self, url: str, media_type: str) -> Any:
        if url != LIST_URL:
            return await super().get(url, media_type)
        assert media_type == "application/tnauthlist"
        if isinstance(self.answers, Exception):
            raise self.answers
        return self.answers


@pytest.mark.parametrize("there", [True, False])
def test_a_tn_list_by_reference_is_fetched_with_the_chain(there: bool) -> None:
    from phonotary.outbound.fetch import Fetched

    async def run() -> None:
        async with lies.running() as repo:
            url = repo.at("/c", lies.serves(issuing.chain(LISTED, CA)))
            fetcher = Lists(lab=frozenset({repo.origin}))
            listed = Fetched(tn_auth_list.encode([tn_auth_list.One(ORIG)]), None)
            fetcher.answers = listed if there else Unobtainable("status", "Not there.")
            repository = Repository(fetcher, TRUST, lambda: NOW)
            found = await repository.obtain(url)
            if there:
                assert isinstance(found, ValidChain)
                assert found.covers(ORIG) is True
                assert found.covers(DEST) is False
            else:
                assert isinstance(found, Unobtainable)
            await repository.close()

    asyncio.run(run())


def test_every_verdict_is_remembered_with_its_door_and_source() -> None:
    told: list[tuple[Any, ...]] = []

    async def run(h: House) -> None:
        service = VerificationService(
            h.repository, lambda: NOW, h.service.rules, remember=lambda *what: told.append(what)
        )
        call = h.call()
        first = await service.verify(call, "sip", "192.0.2.1")
        second = service.verify_now(call, "http", "192.0.2.2")
        assert second is not None
        assert second.case == "replayed"
        assert told == [(call, first, "sip", "192.0.2.1"), (call, second, "http", "192.0.2.2")]

    house(run)


def test_nothing_is_remembered_before_there_is_a_verdict() -> None:
    async def run(h: House) -> None:
        assert h.service.verify_now(h.call()) is None
        assert h.told == []

    house(run)


def test_a_chain_to_nobody_we_trust_names_nothing_that_is_fetched() -> None:
    async def run(h: House) -> None:
        asked: list[str] = []
        fetch = h.repository._fetcher.get

        async def get(url: str, media_type: str) -> Any:
            asked.append(url)
            return await fetch(url, media_type)

        h.repository._fetcher.get = get  # type: ignore[method-assign]
        above = issuing.sti_ca(issuing.root(NOW), NOW)
        leaf = issuing.leaf(above, NOW, "818H", extensions=scope_at(LIST_URL))
        h.serve(lies.serves(issuing.chain(leaf, above)))
        verdict = await h.service.verify(h.call())
        assert (verdict.case, verdict.reason) == ("E17", "untrusted")
        assert asked == [h.url]

    house(run)


def test_what_stands_around_a_chain_is_not_kept() -> None:
    async def run(h: House) -> None:
        h.serve(lies.serves(b"x" * 50_000 + OWL.pem))
        assert (await h.service.verify(h.call())).passed
        assert len(h.repository) == 1
        assert h.repository.bytes < 10_000

    house(run)


def test_all_chains_together_stay_within_their_bytes() -> None:
    async def run(h: House) -> None:
        for number in range(4):
            h.there.at(f"/{number}", lies.serves(OWL.pem))
            await h.repository.obtain(f"{h.there.origin}/{number}")
        assert len(h.repository) == 2
        assert h.repository.bytes <= 2 * len(OWL.pem) + 10

    house(run, bytes=2 * len(OWL.pem) + 10)


def test_whatever_goes_wrong_in_a_fetch_the_call_gets_a_verdict() -> None:
    async def run(h: House) -> None:
        async def get(url: str, media_type: str) -> Any:
            raise RuntimeError("a fault that nobody foresaw")

        h.repository._fetcher.get = get  # type: ignore[method-assign]
        verdict = await h.service.verify(h.call())
        assert (verdict.case, verdict.code) == ("E8", 436)
        assert h.service.verify_now(h.call()) is not None

    house(run)


def test_a_call_whose_verdict_nobody_got_may_come_again() -> None:
    async def run(h: House) -> None:
        def full(*_: Any) -> None:
            raise RuntimeError("the ledger is full")

        call = h.call()
        await h.service.verify(h.call())
        h.service._remember, remember = full, h.service._remember
        with pytest.raises(RuntimeError):
            h.service.verify_now(call)
        h.service._remember = remember
        verdict = h.service.verify_now(call)
        assert verdict is not None
        assert verdict.passed

    house(run)
