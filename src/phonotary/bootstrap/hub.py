"""The running hub: one database, one clock, one worker, every door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from starlette.types import ASGIApp

from phonotary import sids
from phonotary.access.accounts import Account
from phonotary.bootstrap.caller_names import CallerNames
from phonotary.bootstrap.controls import (
    CLOCK,
    DAY,
    PRISTINE,
    REACH,
    STEP,
    Controls,
    advanced_in,
    keep_pristine,
)
from phonotary.bootstrap.logos import Logos
from phonotary.bootstrap.seed import Seeded, first_account
from phonotary.bootstrap.together import Together
from phonotary.bootstrap.voice import Voice
from phonotary.bootstrap.work import Worker
from phonotary.clock import Clock, Instant
from phonotary.config import Settings
from phonotary.errors import Reason, Refused
from phonotary.events import Job
from phonotary.storage import jobs, migrate, snapshot
from phonotary.storage.cnam import CnamStore
from phonotary.storage.database import Database, Outcome
from phonotary.storage.store import SqlStore
from phonotary.trusthub.display import Logo
from phonotary.trusthub.filing import VET, Vetting
from phonotary.web import app, cnam, pages, stir_v1
from phonotary.web.gate import Gate
from phonotary.web.laboratory import doors as lab_doors
from phonotary.web.sandbox.recorder import Recorder

# Connections to PostgreSQL, and so threads that may wait for it. More only add hand-overs.
_POOL = 8


@dataclass
class Hub:
    """Implements ``web.operations.Hub``; built once by :func:`open_hub`."""

    settings: Settings
    database: Database
    clock: Clock
    vetting: Vetting
    gate: Gate
    worker: Worker
    seeded: Seeded | None
    """The sandbox's first account; a service has only those that were opened."""
    reviewer_password: str = field(repr=False)
    seed: int | None = None
    """The settings' seed at the first start on some data, another one at each later start."""
    secret: str = field(default="", repr=False)
    """Keys what must mean nothing to others: OAuth tokens, per-customer origids."""
    voice: Voice = field(init=False)
    names: CallerNames = field(init=False)
    door: stir_v1.Door = field(init=False)
    """Of the paths that calls and dips come by."""
    dip_door: stir_v1.Door = field(init=False)
    _limiter: anyio.CapacityLimiter | None = None

    def __post_init__(self) -> None:
        self._together = Together(self._write_each)
        self.moving = asyncio.Lock()
        """Held by whoever moves the clock: two at once would lose one's step."""
        self.controls = Controls(self) if self.settings.sandbox else None

    def now(self) -> Instant:
        return self.clock.now()

    def authenticate(self, headers: Mapping[bytes, bytes]) -> Account:
        return self.gate.authenticate(headers)

    async def read(self, work: Callable[[SqlStore], Any]) -> Any:
        return await self._run(self.database.read, work)

    async def write(self, work: Callable[[SqlStore], Any]) -> Any:
        """Commit, then do at once what is due at once: instant vetting decides a bundle before
        the next request, and the answer to this one still says pending-review."""
        if self.database.is_sqlite:
            return await self._together.write(work)
        return await self._run(self._write, work)

    def _write(self, work: Callable[[SqlStore], Any]) -> Any:
        after = _After()
        result = self.database.write(after.of(work))
        self._follow(after)
        return result

    def _write_each(self, works: Sequence[Callable[[SqlStore], Any]]) -> list[Outcome]:
        after = _After()
        outcomes = self.database.write_each([after.of(work) for work in works])
        self._follow(after)
        return outcomes

    def _follow(self, after: _After) -> None:
        """What was written is committed: whatever goes wrong here must not be its answer. The
        worker finds the same jobs, tries them again and tells what is wrong with them."""
        if after.access_changed:
            # Not before the commit, or another request would remember the old credentials again.
            self.gate.forget()
        enqueued = after.enqueued
        with suppress(Exception):
            if any(job.kind == VET and job.due <= self.now() for job in enqueued):
                self.worker.vet_due()
        if enqueued:
            self.worker.wake()

    async def _run(self, run: Callable[[Any], Any], work: Any) -> Any:
        """SQLite in line, for a thread hand-over costs more than the query; PostgreSQL, which is
        waited for, in a few threads."""
        if self.database.is_sqlite:
            return run(work)
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(_POOL)
        return await anyio.to_thread.run_sync(run, work, limiter=self._limiter)

    async def advance(self, seconds: int) -> Instant:
        """Move the sandbox's clock, and return when all that became due has happened."""
        async with self.moving:
            until = self.clock.advanced + seconds
            if seconds > STEP or until > REACH:
                raise Refused(
                    Reason.INVALID_PARAMETER,
                    f"The clock moves by {STEP // DAY} days at most, and by {REACH // DAY} in all",
                )
            await self.write(lambda store: store.put_setting(CLOCK, str(until)))
            await self.worker.advance(until)
            self.voice.look()
        return self.now()

    def caller_sid(self, headers: Mapping[bytes, bytes]) -> str | None:
        """The account behind a call's request, None when its headers prove nobody."""
        try:
            return self.gate.authenticate(headers).sid
        except Refused as refused:
            # A suspended account has proved who it is, and is told why it may not call.
            if refused.reason is not Reason.NOT_AUTHENTICATED:
                raise
            return None

    def asgi(self) -> ASGIApp:
        """Every HTTP door; :meth:`serve_at` must have told the address before."""
        voice = self.voice
        prefixed: dict[str, ASGIApp] = {"/certs/": stir_v1.certs_app(voice.chains)}
        if self.controls is None:
            return app.build(self, prefixed, pages.routes(self))
        # A sandbox records and disturbs every request, so these go the long way as well.
        prefixed[stir_v1.PREFIX] = stir_v1.asgi(self.door)
        for prefix in cnam.PREFIXES:
            prefixed[prefix] = stir_v1.asgi(self.dip_door)
        if voice.rehearsal is not None:
            laboratory = voice.rehearsal.laboratory
            prefixed["/lab/"] = lab_doors.app(lambda: laboratory, self.clock.wall)
        whole = app.build(self, prefixed, pages.routes(self))
        return Recorder(whole, self.controls.log, self.controls.faults, self.now)

    def serve_at(self, origin: str) -> None:
        """Learn the hub's own address: a sandbox's certificates are found there."""
        self.voice = Voice(
            self.settings,
            self.database,
            self.clock,
            secret=self.secret,
            origin=origin,
            account=self.seeded.account if self.seeded else None,
        )
        if not self.database.is_sqlite:
            self.gate.glance = self.voice.standings.glance
        self.names = CallerNames(self.settings, self.database, self.clock, self.voice.standings)
        self.voice.name_of = self.names.dips.name_of
        self.voice.dips = self.names.dips
        self.voice.looks.append(self.names.look)
        self.worker.registering = self.names.registering
        self.worker.retention = self.names.retention
        self.database.listeners.append(lambda subjects: self.worker.wake())
        stir_door = stir_v1.doors(
            authenticate=self.caller_sid,
            sign=self.voice.authentication.signing,
            sign_later=self.voice.authentication.sign_later,
            verify_now=self.voice.verification.verifying_now,
            verify=self.voice.verification.verify,
        )
        self.dip_door = cnam.door(self.names.dips, self._account_sid)
        self.door = cnam.beside(stir_door, self.dip_door)
        self.database.serve()

    @property
    def trouble(self) -> str | None:
        """Why calls should go to another hub, though this one's database can be read."""
        return self.voice.standings.trouble or self.voice.ledger.trouble

    async def start(self) -> None:
        """Open the doors that are not HTTP. Raises Refused when a port is taken."""
        await self.voice.start()
        await self.names.start()

    async def stop(self) -> None:
        # First, for it leaves the calls that wait in a file where the database does not answer; the
        # counts of dips wait for the database.
        await self.voice.stop()
        await self.names.stop()

    async def logo_of(self, bundle_sid: str) -> Logo | None:
        """What is behind the URL of a bundle's logo now; None where it names none."""
        return await self.worker.look_at(bundle_sid)

    def _account_sid(self, headers: Mapping[bytes, bytes]) -> str:
        return self.gate.authenticate(headers).sid


@dataclass
class _After:
    """What is to be done once writes are committed."""

    enqueued: list[Job] = field(default_factory=list)
    access_changed: bool = False

    def of(self, work: Callable[[SqlStore], Any]) -> Callable[[SqlStore], Any]:
        def noted(store: SqlStore) -> Any:
            result = work(store)
            self.enqueued.extend(store.enqueued)
            self.access_changed |= store.access_changed
            return result

        return noted


def open_hub(settings: Settings) -> Hub:
    """Open the database, bring its schema up to date, find or make the first account."""
    database = Database(settings.database_url, _POOL)
    migrate.upgrade(database)
    clock = Clock()
    database.now = clock.now

    def start(store: SqlStore) -> tuple[str, str, Seeded | None, int | None]:
        store.alone()
        seed = _another_start(store, settings.seed)
        sids.seed(seed)
        if settings.sandbox:
            jobs.release(store)
            CnamStore(store).release()
        clock.advanced = advanced_in(store)
        token_secret = _kept_secret(store, "token_secret")
        store.put_setting("vetting", settings.vetting)
        password = settings.reviewer_password or _kept_secret(store, "reviewer_password")
        _require_own_kind(store, settings)
        if not settings.sandbox:
            return token_secret, password, None, None
        if settings.state_file:
            snapshot.load(store, _state(settings.state_file))
            clock.advanced = advanced_in(store)
        seeded = first_account(store, settings, clock.now())
        keep_pristine(store)
        return token_secret, password, seeded, seed

    token_secret, reviewer_password, seeded, seed = database.write(start)
    return Hub(
        settings=settings,
        database=database,
        clock=clock,
        vetting=Vetting(settings.vetting),
        gate=Gate(database, clock.wall, token_secret),
        worker=Worker(database, clock, sandbox=settings.sandbox, logos=Logos(settings.stir.lab)),
        seeded=seeded,
        reviewer_password=reviewer_password,
        seed=seed,
        secret=token_secret,
    )


def _require_own_kind(store: SqlStore, settings: Settings) -> None:
    """A sandbox's approvals are worth nothing to a service, and a service's customers are not to
    be played with: neither opens what the other has made."""
    was_sandbox = store.setting(PRISTINE) is not None
    if was_sandbox and not settings.sandbox:
        raise Refused(
            Reason.CONFLICT,
            "this database was made by a sandbox; set PHONOTARY_DATABASE_URL to one of its own",
        )
    if settings.sandbox and not was_sandbox and store.accounts.first() is not None:
        raise Refused(
            Reason.CONFLICT, "this database belongs to a service; give the sandbox another --data"
        )
    if settings.state_file and was_sandbox:
        raise Refused(
            Reason.CONFLICT, "--state needs an empty data directory; this one has records already"
        )


def _state(file: Path) -> Any:
    """A dumped state; Refused in one sentence when the file holds none."""
    try:
        return msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise Refused(Reason.INVALID_PARAMETER, f"{file} holds no state: {error}") from error


def _another_start(store: SqlStore, seed: int | None) -> int | None:
    """The seed of this start. The second start of one data directory must not mint what the first
    one has minted; a fresh directory gets the same identifiers every time."""
    if seed is None:
        return None
    starts = int(store.setting("starts") or 0)
    store.put_setting("starts", str(starts + 1))
    return seed + (starts << 64)


def _kept_secret(store: SqlStore, name: str) -> str:
    """A secret of this hub: minted at its first start, the same ever after."""
    secret = store.setting(name)
    if secret is None:
        secret = sids.secret()
        store.put_setting(name, secret)
    return secret
