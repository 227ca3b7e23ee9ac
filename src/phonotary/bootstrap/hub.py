"""The running hub: one database, one clock, one worker, every door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.to_thread
from starlette.types import ASGIApp

from phonotary import sids
from phonotary.access.accounts import Account
from phonotary.bootstrap.seed import Seeded, first_account
from phonotary.bootstrap.standing import Standings
from phonotary.bootstrap.work import Worker
from phonotary.clock import Clock, Instant
from phonotary.config import Settings
from phonotary.errors import Refused
from phonotary.events import Job
from phonotary.shaken import certificates
from phonotary.shaken.certificates import SigningCredential
from phonotary.storage import migrate
from phonotary.storage.database import Database
from phonotary.storage.store import SqlStore
from phonotary.trusthub.filing import VET, Vetting
from phonotary.web import app, pages, stir_v1
from phonotary.web.gate import Gate

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
    seeded: Seeded
    reviewer_password: str
    chains: dict[str, bytes] = field(default_factory=dict)
    credential: SigningCredential | None = None
    _limiter: anyio.CapacityLimiter | None = None

    def now(self) -> Instant:
        return self.clock.now()

    def authenticate(self, headers: Mapping[bytes, bytes]) -> Account:
        return self.gate.authenticate(headers)

    async def read(self, work: Callable[[SqlStore], Any]) -> Any:
        return await self._run(self.database.read, work)

    async def write(self, work: Callable[[SqlStore], Any]) -> Any:
        """Commit, then do at once what is due at once: instant vetting decides a bundle before
        the next request, and the answer to this one still says pending-review."""
        return await self._run(self._write, work)

    def _write(self, work: Callable[[SqlStore], Any]) -> Any:
        enqueued: list[Job] = []

        def remembered(store: SqlStore) -> Any:
            result = work(store)
            enqueued[:] = store.enqueued
            if store.access_changed:
                self.gate.forget()
            return result

        result = self.database.write(remembered)
        if any(job.kind == VET and job.due <= self.now() for job in enqueued):
            self.worker.vet_due()
        if enqueued:
            self.worker.wake()
        return result

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
        now = self.clock.advance(seconds)
        self.database.write(
            lambda store: store.put_setting("clock_advanced", str(self.clock.advanced))
        )
        await self.worker.drain()
        return now

    def caller_sid(self, headers: Mapping[str, str]) -> str | None:
        """The account behind a signing request's headers, None when they prove nobody."""
        proof = headers.get("authorization", "").encode("latin-1")
        try:
            return self.authenticate({b"authorization": proof}).sid
        except Refused:
            return None

    def asgi(self) -> ASGIApp:
        signing = stir_v1.app(
            authenticate=self.caller_sid,
            standing_of=Standings(self.database, self.now),
            credential=self._credential,
            # Real time: a client's iat is real, however far the sandbox's clock was advanced.
            now=self.clock.wall,
        )
        prefixed = {"/stir/v1/": signing, "/certs/": stir_v1.certs_app(self.chains)}
        return app.build(self, prefixed, pages.routes(self))

    def _credential(self) -> SigningCredential:
        if self.credential is None:
            raise RuntimeError("the hub was not given its address yet")
        return self.credential

    def serve_at(self, origin: str) -> None:
        """Learn the hub's own address: the x5u of every PASSporT starts with it."""
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
    sids.seed(settings.seed)
    database = Database(settings.database_url, _POOL)
    migrate.upgrade(database)
    clock = Clock()

    def start(store: SqlStore) -> tuple[str, str, Seeded]:
        clock.advanced = int(store.setting("clock_advanced") or 0)
        token_secret = _kept_secret(store, "token_secret")
        password = _kept_secret(store, "reviewer_password")
        return token_secret, password, first_account(store, settings, clock.now())

    token_secret, reviewer_password, seeded = database.write(start)
    return Hub(
        settings=settings,
        database=database,
        clock=clock,
        vetting=Vetting(settings.vetting),
        gate=Gate(database, clock.wall, token_secret),
        worker=Worker(database, clock, sandbox=settings.sandbox),
        seeded=seeded,
        reviewer_password=reviewer_password,
    )


def _kept_secret(store: SqlStore, name: str) -> str:
    """A secret of this hub: minted at its first start, the same ever after."""
    secret = store.setting(name)
    if secret is None:
        secret = sids.secret()
        store.put_setting(name, secret)
    return secret
