"""What the ledger proves of a bundle of evidence, part by part, and what nobody can prove.

A chain covers its own rows. What stands beside it is proven where a row names it by its digest: a
certificate by its fingerprint, decisions and the numbers' history by rows that witness them. All
else is what the database says today, and the bundle says so.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from cryptography import x509

from phonotary.clock import iso8601
from phonotary.storage import ledger_audit
from phonotary.storage.database import Database
from phonotary.storage.ledger_histories import CHANGES, DECISIONS

_BY_CHAIN = "each call's row is in a chain of hashes"
_BY_FINGERPRINT = "the calls' rows name the certificate by its SHA-256, and issuers have signed it"
_BY_WITNESS = "rows of the ledger witness every entry; witnessed_at says since when"
_BY_NOBODY = "what the database says today"


class Proof:
    """What is proven of one hub, asked as one bundle needs it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sound: dict[str, bool] = {}
        self._histories = ledger_audit.Histories(database)
        self._witnesses = [
            (row, witness, self._histories.holds(witness))
            for row, witness in ledger_audit.witnesses(database)
            if not self._histories.is_void(witness)
        ]

    def chain_checks(self, chain: str) -> bool:
        """Whether a chain's rows are as they were written; what they name is asked part by part."""
        if chain not in self._sound:
            found = ledger_audit.verify(self._database, chain, self._histories)
            self._sound[chain] = all(fault.beside for fault in found.faults)
        return self._sound[chain]

    def witnessed_at(self, of: str, entries: Iterable[int]) -> dict[int, str]:
        """Since when entries are witnessed as they are now, by rows whose chains check; without
        those that are not."""
        wanted = sorted(entries)
        found: dict[int, str] = {}
        for row, witness, holds in self._witnesses:
            if witness.of != of or not holds:
                continue
            for first, last in witness.runs:
                for entry in wanted[bisect_left(wanted, first) : bisect_right(wanted, last)]:
                    if entry not in found and self.chain_checks(row.chain):
                        found[entry] = iso8601(witness.at)
        return found

    def complete(self, of: str) -> bool:
        """Whether everything that was ever witnessed of a history is still there and as it was; a
        history of which nothing was may have lost anything."""
        found = [holds for _, witness, holds in self._witnesses if witness.of == of]
        return bool(found) and all(found)


def prove(database: Database, found: dict[str, Any]) -> dict[str, Any]:
    """Put into a bundle of evidence what is proven of each entry; what is proven of each part."""
    proof = Proof(database)
    for call in found["calls"]:
        call["proof"]["chain_checks"] = proof.chain_checks(call["proof"]["chain"])
    told = [each["history"] for each in found["bundles"].values() if each]
    decisions = _witnessed(proof, DECISIONS, told)
    changes = _witnessed(proof, CHANGES, found["numbers"].values())
    return {
        "calls": _part(all(map(_is_proven, found["calls"])), _BY_CHAIN),
        "certificates": _part(_as_recorded(found), _BY_FINGERPRINT),
        "bundles.history": _part(decisions, _BY_WITNESS),
        "bundles.filed": _part(decisions, _BY_WITNESS),
        "numbers": _part(changes, _BY_WITNESS),
        **{
            part: _part(False, _BY_NOBODY)
            for part in ("bundles.record", "bundles.evaluations", "bundles.today", "accounts")
        },
    }


def _as_recorded(found: dict[str, Any]) -> bool:
    """Whether the certificates that calls name are told, and are theirs."""
    named = {each["certificate"] for each in found["calls"] if each["certificate"]}
    return named <= set(found["certificates"]) and all(
        each["is_as_recorded"] and each["issuers_signed"] for each in found["certificates"].values()
    )


def _is_proven(call: dict[str, Any]) -> bool:
    proof = call["proof"]
    return bool(proof["chain_checks"] and proof["identity_is_as_recorded"])


def _part(proven: bool, by: str) -> dict[str, Any]:
    return {"proven": proven, "by": by}


def _witnessed(proof: Proof, of: str, histories: Iterable[list[dict[str, Any]]]) -> bool:
    """Whether every entry that is told is witnessed, and none that was is missing."""
    entries = [entry for history in histories for entry in history]
    since = proof.witnessed_at(of, {entry["version"] for entry in entries})
    for entry in entries:
        entry["witnessed_at"] = since.get(entry["version"])
    return proof.complete(of) and all(entry["witnessed_at"] for entry in entries)


def issuers_signed(chain_pem: str) -> bool:
    """Whether each certificate of a chain (PEM, the leaf first) was issued by the one after it."""
    try:
        chain = x509.load_pem_x509_certificates(chain_pem.encode())
        for issued, issuer in pairwise(chain):
            issued.verify_directly_issued_by(issuer)
    except Exception:
        # Whatever a library says of a certificate that somebody has put there, it is none of ours.
        return False
    return True
