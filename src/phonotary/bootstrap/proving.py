"""What the ledger proves of a bundle of evidence, part by part, and what nobody can prove.

A chain covers its own rows. What stands beside it is proven where a row names it by its digest: a
certificate by its fingerprint, decisions and the numbers' history by rows that witness them. All
else is what the database says today, and the bundle says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from cryptography import x509

from phonotary.clock import iso8601
from phonotary.storage import ledger_histories, ledger_kept
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
        histories = ledger_kept.Histories(database)
        self._witnesses = [
            (row, witness, histories.holds(witness))
            for row, witness in ledger_kept.witnesses(database)
            if not histories.is_void(witness)
        ]

    def chain_checks(self, chain: str) -> bool:
        """Whether a chain's rows are as they were written; what they name is asked part by part."""
        if chain not in self._sound:
            found = ledger_kept.verify(self._database, only=chain)
            self._sound[chain] = all(fault.beside for fault in found.faults)
        return self._sound[chain]

    def witnessed_at(self, of: str, entry: int) -> str | None:
        """When an entry was witnessed as it is now, by a row whose chain checks; None for never."""
        for row, witness, holds in self._witnesses:
            named = witness.of == of and ledger_histories.names(witness, entry)
            if named and holds and self.chain_checks(row.chain):
                return iso8601(witness.at)
        return None

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
    bundles = [each for each in found["bundles"].values() if each]
    decisions = _witnessed(proof, DECISIONS, (each["history"] for each in bundles))
    changes = _witnessed(proof, CHANGES, found["numbers"].values())
    named = {each["certificate"] for each in found["calls"] if each["certificate"]}
    certificates = named <= set(found["certificates"]) and all(
        each["is_as_recorded"] and each["issuers_signed"] for each in found["certificates"].values()
    )
    return {
        "calls": _part(all(map(_is_proven, found["calls"])), _BY_CHAIN),
        "certificates": _part(certificates, _BY_FINGERPRINT),
        "bundles.history": _part(decisions, _BY_WITNESS),
        "bundles.filed": _part(decisions, _BY_WITNESS),
        "numbers": _part(changes, _BY_WITNESS),
        **{
            part: _part(False, _BY_NOBODY)
            for part in ("bundles.record", "bundles.evaluations", "bundles.today", "accounts")
        },
    }


def _is_proven(call: dict[str, Any]) -> bool:
    proof = call["proof"]
    return bool(proof["chain_checks"] and proof["identity_is_as_recorded"])


def _part(proven: bool, by: str) -> dict[str, Any]:
    return {"proven": proven, "by": by}


def _witnessed(proof: Proof, of: str, histories: Iterable[list[dict[str, Any]]]) -> bool:
    """Whether every entry that is told is witnessed, and none that was is missing."""
    whole = proof.complete(of)
    for history in histories:
        for entry in history:
            entry["witnessed_at"] = proof.witnessed_at(of, entry["version"])
            whole = whole and entry["witnessed_at"] is not None
    return whole


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
