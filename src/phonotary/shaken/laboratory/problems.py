"""The problems an ACME server tells, each with its HTTP status (RFC 8555 section 6.7)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from phonotary.errors import Reason, Refused

URN = "urn:ietf:params:acme:error:"


class Kind(StrEnum):
    """The problem types of the registry that can arise here."""

    ACCOUNT_DOES_NOT_EXIST = "accountDoesNotExist"
    ALREADY_REVOKED = "alreadyRevoked"
    BAD_CSR = "badCSR"
    BAD_NONCE = "badNonce"
    BAD_PUBLIC_KEY = "badPublicKey"
    BAD_REVOCATION_REASON = "badRevocationReason"
    BAD_SIGNATURE_ALGORITHM = "badSignatureAlgorithm"
    MALFORMED = "malformed"
    ORDER_NOT_READY = "orderNotReady"
    RATE_LIMITED = "rateLimited"
    REJECTED_IDENTIFIER = "rejectedIdentifier"
    SERVER_INTERNAL = "serverInternal"
    UNAUTHORIZED = "unauthorized"
    UNSUPPORTED_IDENTIFIER = "unsupportedIdentifier"


_STATUS = {
    Kind.ORDER_NOT_READY: 403,
    Kind.RATE_LIMITED: 429,
    Kind.SERVER_INTERNAL: 500,
    Kind.UNAUTHORIZED: 403,
}


class Problem(Refused):
    """An ACME refusal. ``status`` is HTTP's, for the few that say more than 400."""

    def __init__(self, kind: Kind, detail: str, status: int | None = None) -> None:
        super().__init__(Reason.INVALID_PARAMETER, detail)
        self.kind = kind
        self.status = status or _STATUS.get(kind, 400)

    def document(self) -> dict[str, Any]:
        """The problem document (RFC 7807, as ACME uses it)."""
        document: dict[str, Any] = {
            "type": f"{URN}{self.kind}",
            "detail": self.because,
            "status": self.status,
        }
        if self.kind is Kind.BAD_SIGNATURE_ALGORITHM:
            document["algorithms"] = ["ES256"]
        return document


def malformed(detail: str, status: int | None = None) -> Problem:
    return Problem(Kind.MALFORMED, detail, status)


def unauthorized(detail: str) -> Problem:
    return Problem(Kind.UNAUTHORIZED, detail)
