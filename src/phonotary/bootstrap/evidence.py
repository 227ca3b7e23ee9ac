"""What a traceback asks for, in one piece: the call, why it was signed so, and for whom.

A provider must answer a traceback within 24 hours (the FCC, since January 2024). The bundle holds
people's names and numbers, so it is written to whoever asked and to no log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from phonotary import tn
from phonotary.bootstrap import customers
from phonotary.bootstrap.proving import issuers_signed, prove
from phonotary.bootstrap.question import Question
from phonotary.clock import Instant, iso8601
from phonotary.errors import Reason, Refused
from phonotary.shaken import attestation, identity_header, passport
from phonotary.shaken.ledger import Call, Row, identity_of, read
from phonotary.shaken.origids import UUID
from phonotary.storage import ledger_kept, migrate
from phonotary.storage.database import Database
from phonotary.storage.ledger_table import Certificate
from phonotary.storage.store import SqlStore

_CEILINGS = {
    "level-not-requested": "No level was asked for, so the lowest is given.",
    "requested-lower": "A lower level was asked for than the facts justify.",
}
_EXPLANATIONS = {row.name: row.explanation for row in attestation.TABLE} | _CEILINGS


def evidence(
    database: Database, question: Question, *, now: Instant, unmasked: bool = False
) -> dict[str, Any]:
    """JSON values about the calls that are asked for, newest first: an ``origid`` may be repeated
    by whoever likes to, so there may be many.

    Registration numbers show their last four characters unless ``unmasked``. Refused: NOT_FOUND
    when there is no such call.
    """
    if migrate.current(database) != migrate.HEAD:
        raise Refused(Reason.NOT_FOUND, "That database holds no hub of this version")

    def collected(store: SqlStore) -> dict[str, Any]:
        asked = question.found(store)
        if not asked.rows:
            because = f"The ledger holds no such call{_no_uuid(question.origid)}"
            raise Refused(Reason.NOT_FOUND, because)
        return {"total": asked.total, **_Bundle(store, unmasked).of(asked.rows)}

    found = database.read(collected)
    proven = prove(database, found)
    return {"asked": question.told(), "made_at": iso8601(now), "proven": proven, **found}


def _no_uuid(origid: str | None) -> str:
    """Others sign whatever origid they like, so it is looked for all the same."""
    if origid is None or UUID.fullmatch(origid):
        return ""
    return f"; {origid} is no UUID, which every origid that is signed here is (RFC 8588)"


class _Bundle:
    """One bundle while it is put together. What several calls share is told once."""

    def __init__(self, store: SqlStore, unmasked: bool) -> None:
        self.store = store
        self.unmasked = unmasked
        self.certificates: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, ec.EllipticCurvePublicKey] = {}
        self.bundles: dict[str, dict[str, Any] | None] = {}
        self.approvals: dict[tuple[str, str], int | None] = {}
        self.accounts: dict[str, dict[str, Any] | None] = {}
        self.numbers: dict[str, list[dict[str, Any]]] = {}

    def of(self, rows: Iterable[Row]) -> dict[str, Any]:
        told = [self._call(row) for row in rows]
        return {
            "calls": told,
            "certificates": self.certificates,
            "accounts": self.accounts,
            "bundles": self.bundles,
            "numbers": self.numbers,
        }

    def _call(self, row: Row) -> dict[str, Any]:
        call = read(row.body)
        if not isinstance(call, Call):
            raise Refused(Reason.INVALID_PARAMETER, "A row of the ledger is no call")
        certificate = self._certificate(call)
        self._number(call.orig)
        return {
            "kind": call.kind,
            "at": iso8601(call.at),
            "door": call.door,
            "source": call.source,
            "orig": call.orig,
            "dest": list(call.dest),
            "origid": call.origid,
            "account_sid": call.account_sid,
            "decision": _decision(call) if call.kind == "signed" else None,
            "verdict": _verdict(call) if call.kind == "verified" else None,
            "rested_on": [self._input(call, *each) for each in call.inputs],
            "profile_of_account": self._customer(call),
            **self._identities(call, certificate),
            "certificate": _fingerprint(call, certificate),
            "spc": call.spc,
            "proof": self._proof(row, certificate if call.frame else None),
        }

    def _certificate(self, call: Call) -> Certificate | None:
        found = None
        if call.frame is not None:
            found = ledger_kept.certificate(self.store.connection, call.frame)
        elif call.fingerprint is not None:
            found = ledger_kept.of_fingerprint(self.store.connection, call.fingerprint)
        if found is not None and found.fingerprint not in self.certificates:
            leaf = _leaf(found)
            self.certificates[found.fingerprint] = _told(found, leaf)
            if leaf is not None and isinstance(key := leaf.public_key(), ec.EllipticCurvePublicKey):
                self.keys[found.fingerprint] = key
        return found

    def _identities(self, call: Call, certificate: Certificate | None) -> dict[str, Any]:
        """The Identity header as it was on the wire, and each of its PASSporTs taken apart."""
        frame = ledger_kept.frame_of(certificate) if certificate and call.frame else None
        told: dict[str, Any] = {"identity": None, "cut_from": call.cut, "passports": []}
        try:
            identity = identity_of(call, frame)
            told["identity"] = identity or None
            # The last of several that were cut is none any more.
            whole = identity if call.cut is None else identity.rpartition(",")[0]
            several = identity_header.split([whole])
        except Refused as refused:
            return {**told, "unreadable": refused.because}
        return {**told, "passports": [self._passport(each, call, certificate) for each in several]}

    def _passport(self, value: str, call: Call, certificate: Certificate | None) -> dict[str, Any]:
        told: dict[str, Any] = {"identity": value}
        try:
            token = passport.read(identity_header.parse(value).token)
        except Refused as refused:
            return {**told, "unreadable": refused.because}
        key = self.keys.get(_fingerprint(call, certificate) or "")
        its_own = certificate is not None and (
            call.frame is not None or token.header.get("x5u") == certificate.x5u
        )
        return {
            **told,
            "header": token.header,
            "payload": token.payload,
            # Of several values one is of the certificate that the row names.
            "signature_holds": _holds(token, key) if key is not None and its_own else None,
        }

    def _input(self, call: Call, sid: str, version: str) -> dict[str, Any]:
        """A record the decision rested on, with the decision about it that was valid then, and
        where to find what it held: as it was approved, or, as nothing was kept, as it is today."""
        told: dict[str, Any] = {"sid": sid, "version": version}
        known = self._known(sid)
        if known is None:
            return {**told, "status": None, "decided": None, "filed": None}
        told |= customers.at_the_time(known, version, call.at)
        filed = self._filed(sid, version)
        if filed is not None:
            return {**told, "filed": {"as": "approved", "version": filed}}
        return {**told, "filed": {"as": "today"} if known["today"] else None}

    def _filed(self, sid: str, version: str) -> int | None:
        """The version of the approval whose contents are told among the bundle's, None for none."""
        if (sid, version) not in self.approvals:
            found = customers.approved(self.store, sid, version, self.unmasked)
            if found is not None and (known := self._known(sid)) is not None:
                known["filed"].setdefault(str(found[0]), found[1])
            self.approvals[sid, version] = found[0] if found else None
        return self.approvals[sid, version]

    def _customer(self, call: Call) -> str | None:
        """The SID of the primary profile that stood for the account: one the decision rested on,
        else today's."""
        sid = call.account_sid
        if sid is None:
            return None
        if sid not in self.accounts:
            self.accounts[sid] = customers.account(self.store, sid, self.unmasked)
        told = self.accounts[sid] or {"owner_account_sid": sid}
        family = frozenset((sid, told["owner_account_sid"]))
        for each, version in call.inputs:
            filed, known = self._filed(each, version), self._known(each)
            contents = known["filed"].get(str(filed)) if known else None
            if contents is not None and customers.is_primary(contents, family):
                return each
        profile = customers.primary_sid(self.store, sid)
        return profile if profile and self._known(profile) else None

    def _known(self, sid: str) -> dict[str, Any] | None:
        if sid not in self.bundles:
            self.bundles[sid] = customers.bundle(self.store, sid, self.unmasked)
        return self.bundles[sid]

    def _number(self, orig: str) -> None:
        parsed = tn.parse(f"+{orig.removeprefix('+')}")
        if parsed is not None and parsed.e164 not in self.numbers:
            self.numbers[parsed.e164] = customers.number_history(self.store, parsed.e164)

    def _proof(self, row: Row, around: Certificate | None) -> dict[str, Any]:
        """``around``: the record that the row's Identity value is put together with."""
        previous = ledger_kept.before(self.store.connection, row)
        return {
            "chain": row.chain,
            "position": row.position,
            "hash": row.hash.hex(),
            "previous_hash": previous.hex() if previous else None,
            "body": row.body.decode(),
            "identity_is_as_recorded": around is None or ledger_kept.is_as_recorded(around),
        }


def _decision(call: Call) -> dict[str, Any]:
    return {
        "level": call.level,
        "requested": call.requested,
        "justified": call.justified,
        "reason": call.reason,
        "explanation": _EXPLANATIONS.get(call.reason),
        "policy": call.policy,
        "policy_is_still_in_force": call.policy == attestation.policy_version,
    }


def _verdict(call: Call) -> dict[str, Any]:
    return {
        "verstat": call.verstat,
        "case": call.case,
        "reason": call.reason,
        "attest": call.level,
    }


def _fingerprint(call: Call, certificate: Certificate | None) -> str | None:
    return certificate.fingerprint if certificate else call.fingerprint


def _leaf(certificate: Certificate) -> x509.Certificate | None:
    if certificate.chain_pem is None or ledger_kept.is_another(certificate):
        return None
    try:
        return x509.load_pem_x509_certificates(certificate.chain_pem.encode())[0]
    except ValueError:
        return None


def _told(certificate: Certificate, leaf: x509.Certificate | None) -> dict[str, Any]:
    pem = certificate.chain_pem
    told: dict[str, Any] = {
        "x5u": certificate.x5u,
        "chain_pem": pem,
        "is_as_recorded": pem is not None and ledger_kept.is_as_recorded(certificate),
        "issuers_signed": pem is not None and issuers_signed(pem),
    }
    if leaf is not None:
        told |= {
            "subject": leaf.subject.rfc4514_string(),
            "issuer": leaf.issuer.rfc4514_string(),
            "serial_number": f"{leaf.serial_number:x}",
            "not_before": iso8601(int(leaf.not_valid_before_utc.timestamp())),
            "not_after": iso8601(int(leaf.not_valid_after_utc.timestamp())),
        }
    return told


def _holds(token: passport.Passport, key: ec.EllipticCurvePublicKey) -> bool:
    try:
        passport.check(token, key)
    except Refused:
        return False
    return True
