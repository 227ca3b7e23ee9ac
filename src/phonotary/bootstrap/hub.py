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
from phonotary.bootstrap.seed import Seeded, first_account
from phonotary.bootstrap.standing import Standings
from phonotary.bootstrap.together import Together
from phonotary.bootstrap.work import Worker
from phonotary.clock import Clock, Instant
from phonotary.config import Settings
from phonotary.errors import Reason, Refused
from phonotary.events import Job
from phonotary.shaken import certificates
from phonotary.shaken.certificates import SigningCredential
from phonotary.shaken.signing import CredentialOutOfDate
from phonotary.storage import jobs, migrate, snapshot
from phonotary.storage.database import Database, Outcome
from phonotary.storage.store import SqlStore
from phonotary.trusthub.filing import VET, Vetting
from phonotary.web import app, pages, stir_v1
from phonotary.web.gate import Gate
from phonotary.web.sandbox.recorder import Recorder

_SPC = "9999"
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
    reviewer_password: str
    seed: int | None = None
    """The settings' seed at the first start on some data, another one at each later start."""
    chains: dict[str, bytes] = field(default_factory=dict)
    credential: SigningCredential | None = None
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
        enqueued: list[Job] = []
        result = self.database.write(self._remembered(work, enqueued))
        self._follow(enqueued)
        return result

    def _write_each(self, works: Sequence[Callable[[SqlStore], Any]]) -> list[Outcome]:
        enqueued: list[Job] = []
        outcomes = self.database.write_each([self._remembered(w, enqueued) for w in works])
        self._follow(enqueued)
        return outcomes

    def _remembered(
        self, work: Callable[[SqlStore], Any], enqueued: list[Job]
    ) -> Callable[[SqlStore], Any]:
        def remembered(store: SqlStore) -> Any:
            result = work(store)
            enqueued.extend(store.enqueued)
            if store.access_changed:
                self.gate.forget()
            return result

        return remembered

    def _follow(self, enqueued: list[Job]) -> None:
        """What was written is committed: whatever goes wrong here must not be its answer. The
        worker finds the same jobs, tries them again and tells what is wrong with them."""
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
        return self.now()

    def caller_sid(self, headers: Mapping[str, str]) -> str | None:
        """The account behind a signing request's headers, None when they prove nobody."""
        proof = headers.get("authorization", "").encode("latin-1")
        try:
            return self.authenticate({b"authorization": proof}).sid
        except Refused:
            return None

    def asgi(self) -> ASGIApp:
        prefixed: dict[str, ASGIApp] = {}
        if self.settings.sandbox or self.settings.stir_chain:
            prefixed["/stir/v1/"] = stir_v1.app(
                authenticate=self.caller_sid,
                standing_of=Standings(self.database, self.now),
                credential=self._credential,
                # Real time: a client's iat is real, however far the sandbox's clock has advanced.
                now=self.clock.wall,
            )
            prefixed["/certs/"] = stir_v1.certs_app(self.chains)
        whole = app.build(self, prefixed, pages.routes(self))
        if self.controls is None:
            return whole
        return Recorder(whole, self.controls.log, self.controls.faults, self.now)

    def _credential(self) -> SigningCredential:
        """What signs now. In a sandbox the certificate ages by the hub's clock."""
        credential = self.credential
        if credential is None:
            raise RuntimeError("the hub was not given its address yet")
        if not credential.not_before <= self.now() < credential.not_after:
            raise CredentialOutOfDate(credential.fingerprint)
        return credential

    def serve_at(self, origin: str) -> None:
        """Learn the hub's own address: the x5u of a sandbox's PASSporTs starts with it. A service
        signs with its provider's own certificate, from the address that provider publishes."""
        self._learn_credential(origin)
        self.database.serve()

    def _learn_credential(self, origin: str) -> None:
        settings = self.settings
        if settings.stir_chain and settings.stir_key and settings.stir_x5u:
            chain, key = _read(settings.stir_chain), _read(settings.stir_key)
            self.credential = certificates.load_credential(chain, key, settings.stir_x5u)
            return
        if not settings.sandbox:
            return
        chain, key = self.database.write(self._certificates)
        print_ = certificates.fingerprint(chain)
        name = f"{print_}.pem"
        self.chains[name] = chain
        self.credential = certificates.load_credential(chain, key, f"{origin}/certs/{name}")

    def _certificates(self, store: SqlStore) -> tuple[bytes, bytes]:
        """The sandbox's own chain and key: made once for a data directory, then kept."""
        chain, key = store.setting("stir_chain"), store.setting("stir_key")
        if chain and key:
            return chain.encode(), key.encode()
        made = certificates.sandbox_certificates(self.clock.wall(), _SPC, "phonotary sandbox")
        store.put_setting("stir_chain", made.chain_pem.decode())
        store.put_setting("stir_key", made.key_pem.decode())
        store.put_setting("stir_root", made.root_pem.decode())
        return made.chain_pem, made.key_pem


def open_hub(settings: Settings) -> Hub:
    """Open the database, bring its schema up to date, find or make the first account."""
    database = Database(settings.database_url, _POOL)
    migrate.upgrade(database)
    clock = Clock()

    def start(store: SqlStore) -> tuple[str, str, Seeded | None, int | None]:
        store.alone()
        seed = _another_start(store, settings.seed)
        sids.seed(seed)
        if settings.sandbox:
            jobs.release(store)
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
        worker=Worker(database, clock, sandbox=settings.sandbox),
        seeded=seeded,
        reviewer_password=reviewer_password,
        seed=seed,
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refused(
            Reason.INVALID_PARAMETER, f"{file} cannot be read: {error.strerror}"
        ) from error


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
