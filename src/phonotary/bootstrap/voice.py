"""Everything of a hub that calls pass through: who signs, who verifies, what is remembered."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any

from phonotary import report
from phonotary.access.accounts import Account
from phonotary.bootstrap.credentials import Credentials
from phonotary.bootstrap.dipping import Dips
from phonotary.bootstrap.far_keys import Reach
from phonotary.bootstrap.measures import Measure, of_calls, text
from phonotary.bootstrap.rehearsal import Rehearsal
from phonotary.bootstrap.sealing import AuthenticationService
from phonotary.bootstrap.standing import Standings
from phonotary.bootstrap.trusting import TrustFiles
from phonotary.bootstrap.verifying import VerificationService
from phonotary.bootstrap.witnessing import Telling
from phonotary.clock import Clock, monotonic
from phonotary.cnam.dips import Status
from phonotary.config import Settings, Stir, default_data_directory
from phonotary.config import Trunk as TrunkSettings
from phonotary.errors import Reason, Refused
from phonotary.outbound.fetch import Fetcher
from phonotary.outbound.repository import Repository
from phonotary.shaken.certificates import SigningCredential
from phonotary.shaken.laboratory.policy_administrator import Member
from phonotary.shaken.ledger import Entry
from phonotary.shaken.origids import OrigidPolicy
from phonotary.shaken.replays import Replays
from phonotary.shaken.trust import Trust
from phonotary.shaken.verdicts import Verdict
from phonotary.shaken.verification import CallToVerify, Rules
from phonotary.shaken.verification_claims import asked
from phonotary.sip.answers import Policy, Then
from phonotary.sip.redirect import Redirect
from phonotary.sip.server import Server, serve
from phonotary.sip.trunks import LOOPBACK, Role, Trunk
from phonotary.storage import ledger_left
from phonotary.storage.database import Database
from phonotary.storage.ledger import LedgerWriter, WhenFull

# Seconds between two looks at what may have changed: files, revocations, the ledger's lag. A
# revocation in the laboratory is thereby known within two.
_LOOK = 1.0
_HOUR, _DAY = 3_600, 86_400
# Looks after the start when the ledger's newest row is told first; then every hour.
_SOON = 60
_WHEN_FULL: dict[str, WhenFull] = {"refuse": "refuse", "count": "drop-visible"}


class Voice:
    """The STIR services of one hub; made before it knows its address, started when it serves."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        *,
        secret: str,
        origin: str,
        account: Account | None,
    ) -> None:
        """``secret`` keys per-customer origids, ``origin`` is the hub's own address. ``account``
        is the sandbox's first: it is a member of the laboratory's STI-PA, and whoever sends SIP
        from this machine is taken for it. Raises Refused where a file is not as it should be."""
        stir, origin = settings.stir, _reachable(origin)
        self._settings = settings
        self._database = database
        self._clock = clock
        self.chains: dict[str, bytes] = {}
        """The certificate repository: what ``/certs/`` serves, by name."""
        # Calls are real even where the hub's clock is not, so STIR runs on real time throughout;
        # only the age of a sandbox's own certificate follows the clock that can be advanced.
        wall = clock.wall
        self.rehearsal: Rehearsal | None = None
        self._files: tuple[Credentials, TrustFiles] | None = None
        self._trunks = [_trunk(each) for each in settings.trunks]
        if account is not None and not self._trunks:
            self._trunks = [Trunk(LOOPBACK, account.sid, Role.BOTH)]
        credential_of: Callable[[str], SigningCredential]
        if settings.sandbox:
            members = (Member(account.sid, account.auth_token),) if account else ()
            self.rehearsal = Rehearsal(database, clock, origin, self.chains, members)
            credential_of = self.rehearsal
            trust = self.rehearsal.laboratory.trust(wall())
        else:
            trust_files = TrustFiles(stir, wall)
            credentials = Credentials(
                stir.providers,
                self._owner_of,
                wall,
                self.chains,
                lab=stir.lab,
                anchors=lambda: trust_files.trust.links,
                reach=Reach(stir.hsm_sessions, stir.hsm_seconds),
            )
            self._files = credentials, trust_files
            credential_of, trust = credentials, trust_files.trust
        self.standings = Standings(database, clock.now, stir.directory)
        self.ledger = LedgerWriter(
            database.url,
            bound=stir.ledger_bound,
            when_full=_WHEN_FULL[stir.ledger_full],
            wait=stir.ledger_wait,
            beside=ledger_left.beside(database.url, default_data_directory()),
            chain_of=lambda print_: self.chains.get(f"{print_}.pem"),
        )
        self._telling = Telling(self.ledger)
        self.authentication = AuthenticationService(
            standing_of=self.standings,
            credential_of=credential_of,
            now=wall,
            remember=self.ledger.append,
            origid_policy=OrigidPolicy(stir.origid),
            secret=secret,
            deterministic=stir.deterministic,
            always_rich=stir.rcd,
        )
        lab = stir.lab | ({origin} if settings.sandbox else set())
        self._fetcher = Fetcher(lab=lab)
        rules = _rules(stir, lab)
        self.verification = VerificationService(
            Repository(self._fetcher, trust, wall),
            wall,
            rules,
            _replays(stir, rules),
            remember=self._remember,
        )
        self._trust = trust
        self._told: dict[str, float] = {}
        """Alarms, and when the log had them last."""
        self._sip: Server | None = None
        self.name_of: Callable[[str], str | None] = lambda number: None
        """The registered name of a number, shown beside a call that is verified."""
        self.dips: Dips | None = None
        """What trunks of role NAME are told from."""
        self.looks: list[Callable[[], None]] = []
        """Further looks at what may have changed outside, each in a thread, for they take long."""

    @property
    def sip_port(self) -> int | None:
        return self._sip.port if self._sip else None

    async def start(self) -> None:
        """Raises Refused when the SIP port is taken."""
        self.standings.start()
        self.ledger.start()
        if self._settings.sip_port is not None:
            self._sip = await self._listen(self._settings.sip_port)

    async def _listen(self, port: int) -> Server:
        settings = self._settings
        redirect = Redirect(
            self._trunks,
            now=self._clock.wall,
            sign=self.authentication.signing,
            sign_later=self.authentication.sign_later,
            verify_now=self.verification.verifying_now,
            verify=self.verification.verify,
            name_of=self.name_of,
            dip=self._dip,
            admit=self.authentication.admit,
            policy=Policy(unsigned=Then(settings.sip_unsigned), failed=Then(settings.sip_failed)),
        )
        try:
            return await serve(settings.host, port, redirect, shared=settings.workers > 1)
        except OSError as error:
            raise Refused(
                Reason.INVALID_PARAMETER,
                f"cannot listen for SIP on {settings.host} port {port}: {error.strerror}",
            ) from error

    async def stop(self) -> None:
        """Nothing more is taken in, and what was promised to the ledger is written, or left for the
        next start."""
        if self._sip is not None:
            await self._sip.close()
        await self.verification.close()
        # Before all that waits for a database: a supervisor's patience ends after some seconds.
        left = await asyncio.to_thread(self.ledger.close)
        if left:
            _log().error("calls are lost: the ledger could not be written", rows=left)
        self.standings.stop()
        self._tell_newest()

    async def run(self) -> None:
        """Until cancelled: follow what changes outside, and say what somebody must see to."""
        said, looks = "", 0
        # The first fetch has half a second, and is not to spend it on loading a library.
        await asyncio.to_thread(self._fetcher.prepare)
        while True:
            await asyncio.sleep(_LOOK)
            looks += 1
            try:
                self.look()
                for each in self.looks:
                    await asyncio.to_thread(each)
                if looks % int(_HOUR / _LOOK) == 1:
                    self._alarm()
                if looks % int(_HOUR / _LOOK) == _SOON:
                    self._tell_newest()
                said = self._tell_lag(said)
            except Exception:
                _log().exception("a look at what has changed failed")

    def look(self) -> None:
        """Take in what has changed: certificates, authorities, revocations."""
        if self.rehearsal is not None:
            self.rehearsal.look()
            found = self.rehearsal.laboratory.trust(self._clock.wall())
            if _says_more(found, self._trust):
                self._believe(found)
        if self._files is not None:
            credentials, trust_files = self._files
            credentials.look()
            if trust_files.look():
                self._believe(trust_files.trust)

    def _believe(self, trust: Trust) -> None:
        self._trust = trust
        self.verification.repository.set_trust(trust)

    def measured(self) -> str:
        """What ``/metrics`` answers."""
        found: list[Measure] = []
        for files in self._files or ():
            found += files.measures()
        if self._files is not None:
            due = "Sentences that the log has for whoever must see to something."
            found.append(Measure("phonotary_stir_alarms", due, len(self._alarms())))
        return text([*found, *of_calls(self.ledger.lag, self.verification)])

    def _alarms(self) -> list[str]:
        return [sentence for files in self._files or () for sentence in files.alarms()]

    def _alarm(self) -> None:
        """Each sentence when it is new, and again after a day."""
        now, told = monotonic(), self._told
        self._told = {sentence: told.get(sentence, now) for sentence in self._alarms()}
        for sentence, since in self._told.items():
            if sentence not in told or now - since >= _DAY:
                self._told[sentence] = now
                _log().warning(sentence)

    def _tell_newest(self) -> None:
        """A sandbox's calls are nobody's evidence."""
        if not self._settings.sandbox:
            self._telling.tell()

    def _tell_lag(self, said: str) -> str:
        """Once for each new trouble of the ledger."""
        error = self.ledger.lag.last_error or ""
        if error and error != said:
            _log().warning("the ledger cannot be written", error=error)
        return error

    def _owner_of(self, account_sid: str) -> str | None:
        return self.standings.glance(lambda store: store.owner_of(account_sid))

    def _dip(self, number: str, account_sid: str) -> tuple[str | None, bool]:
        """A counted dip of the account's. Over its quota, and where the name cannot be known, there
        is none: the call goes on."""
        if self.dips is None:
            return None, False
        try:
            told = self.dips.now(number, self.dips.account(account_sid))
        except Refused:
            return None, False
        return told.name, told.status is Status.PRIVATE

    def _remember(self, call: CallToVerify, verdict: Verdict, door: str, source: str) -> None:
        self.ledger.append(_verified(call, verdict, door, source, self._clock.wall()))


def _rules(stir: Stir, lab: frozenset[str]) -> Rules:
    return Rules(
        lab=lab,
        diverted_freshness=stir.diverted_freshness,
        max_diversions=stir.max_diversions,
        max_targets=stir.max_targets,
        replays=stir.replays,
        allow_base=stir.allow_base,
        delegate_shaken=stir.delegate_shaken,
    )


def _replays(stir: Stir, rules: Rules) -> Replays:
    def full() -> None:
        _log().warning(
            "the memory of used PASSporTs is full, and a replay may pass: raise stir_replay_memory",
            room=stir.replay_memory,
        )

    return Replays(rules.freshness, stir.replay_memory, rules.diverted_freshness, full)


def _verified(call: CallToVerify, verdict: Verdict, door: str, source: str, now: int) -> Entry:
    # Canonical, as calls that are signed: a traceback asks for the number, not its spelling.
    numbers = asked(call.orig, call.dest)
    return Entry(
        kind="verified",
        at=now,
        door=door,
        source=source,
        account_sid=call.caller_sid or None,
        orig=numbers.orig[1],
        dest=tuple([value for _, value in numbers.dest]),
        origid=verdict.origid,
        level=verdict.attest,
        reason=verdict.reason or "verified",
        verstat=verdict.verstat,
        case=verdict.case,
        # All of them: which one decided is the verdict's to say, and a traceback's to check.
        identity=",".join(call.identities),
        fingerprint=verdict.fingerprint,
    )


def _says_more(found: Trust, held: Trust) -> bool:
    """Whether a certificate was revoked since, or the list that is held is past half its time."""
    new, old = found.revocations, held.revocations
    if new is None or old is None:
        return new is not old
    return new.revoked != old.revoked or 2 * new.this_update > old.this_update + old.next_update


def _reachable(origin: str) -> str:
    """A hub that listens on every address is found from its own machine, which is where a
    sandbox's calls are verified: nobody can fetch a certificate from 0.0.0.0."""
    return origin.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _trunk(settings: TrunkSettings) -> Trunk:
    """Raises Refused for a network that is none."""
    try:
        networks = tuple(ipaddress.ip_network(one) for one in settings.networks)
    except ValueError as fault:
        raise Refused(Reason.INVALID_PARAMETER, f"a trunk's network: {fault}") from fault
    return Trunk(
        networks, settings.account_sid, Role(settings.role), settings.attest, settings.trusted
    )


def _log() -> Any:
    return report.to("phonotary.voice")
