"""What a door answers: the error table of ATIS-1000082, and what every refusal becomes of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from types import GeneratorType
from typing import cast

from phonotary import sids
from phonotary.abreast import Steps, alone
from phonotary.errors import Reason, Refused
from phonotary.shaken.signing import InvalidClaim
from phonotary.shaken.verdicts import UnusableCall

Headers = Mapping[bytes, bytes]
"""Names in lower case; a header sent twice is joined with a comma (RFC 9110 section 5.3)."""
RawHeaders = list[tuple[bytes, bytes]]
Answer = tuple[int, bytes, RawHeaders]
"""Status, body, headers. Content-Length, Date and Connection are the adapter's."""
Given = Answer | Awaitable[Answer]
Door = Callable[[str, str, Headers, bytes, str], Given | Steps[Given]]
"""``door(method, target, headers, body, source)``: the target is a path with its query as sent,
``source`` the client's address. It answers at once, or in steps for those that come together, and
an answer that must be waited for is awaited. Neither raises."""


def taken(given: Given | Steps[Given]) -> Given:
    """What a door gives, with no steps left to take."""
    return alone(given) if isinstance(given, GeneratorType) else cast(Given, given)


MAX_BODY = 16_384
"""Bytes of a body. A request for one call is under 400, and one with five Identity headers under
8,000; this leaves room for a hundred and more destinations."""

_log = logging.getLogger(__name__)

# ATIS-1000082's whole table: identifier to HTTP status and text. No identifier is added to it.
_TABLE = {
    "SVC4000": (400, "Error: Missing request body."),
    "SVC4001": (400, "Error: Missing mandatory parameter '%1'."),
    "SVC4002": (406, "Error: Requested response body type '%1' is not supported."),
    "SVC4003": (404, "Error: Requested resource was not found."),
    "SVC4004": (415, "Error: Unsupported request body type, expected '%1'."),
    "SVC4005": (400, "Error: Invalid '%1' parameter value: %2."),
    "SVC4006": (400, "Error: Failed to parse received message body: %1."),
    "SVC4007": (411, "Error: Missing mandatory Content-Length header."),
    "POL4050": (405, "Error: Method not allowed"),
    "POL5000": (500, "Error: Internal Server Error. Please try again later."),
}
# Refusals the table has no identifier for: these carry the HTTP status and an empty identifier.
_UNLISTED = {
    Reason.NOT_AUTHENTICATED: 401,
    Reason.ACCOUNT_NOT_ACTIVE: 403,
    Reason.FORBIDDEN: 403,
    Reason.UNAVAILABLE: 503,
}
_EXTRA: dict[int, RawHeaders] = {
    401: [(b"www-authenticate", b'Basic realm="phonotary", charset="UTF-8"')],
    503: [(b"retry-after", b"1")],
}
_VISIBLE = bytes(range(0x21, 0x7F))

# A request's identifier has to be unique and nobody's secret: one random UUID for the process, and
# its last twelve digits count. A random one for each costs as much as reading the whole request.
_PROCESS = sids.uuid()[:24].encode()
_numbers = count()


class Problem(Exception):
    """One line of the error table, with what stands for %1 and %2."""

    def __init__(self, identifier: str, *variables: str, allow: str = "POST") -> None:
        super().__init__(identifier)
        self.identifier = identifier
        self.variables = variables
        self.allow = allow
        """For 405 only: the methods that are served."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A "no" before a dialect has put it into its words."""

    status: int
    identifier: str
    text: str
    """With %1 and %2 in it."""
    variables: tuple[str, ...]
    headers: RawHeaders

    @property
    def sentence(self) -> str:
        """The text with its variables, for dialects that have no place for them."""
        text = self.text.removeprefix("Error: ")
        for number, variable in enumerate(self.variables, 1):
            text = text.replace(f"%{number}", variable)
        return text


def refusal(fault: Exception) -> Refusal:
    """What went wrong, in the table's terms. What is our own fault only the log sees."""
    if isinstance(fault, Problem):
        return _listed(fault)
    if isinstance(fault, InvalidClaim):
        return _listed(Problem("SVC4005", fault.parameter, fault.because))
    if isinstance(fault, UnusableCall):
        if fault.case == "E1":
            return _listed(Problem("SVC4001", fault.parameter))
        return _listed(Problem("SVC4005", fault.parameter, fault.because))
    if isinstance(fault, Refused):
        if status := _UNLISTED.get(fault.reason):
            text = f"Error: {fault.because}"
            return Refusal(status, "", text, (), _EXTRA.get(status, []))
        if fault.reason is Reason.INVALID_PARAMETER:
            # The one value that is made of many, and so is refused without being named.
            return _listed(Problem("SVC4005", "identity", fault.because))
    _log.error("a call was not served", exc_info=fault)
    return _listed(Problem("POL5000"))


def _listed(problem: Problem) -> Refusal:
    status, text = _TABLE[problem.identifier]
    # Most reasons are whole sentences, and the table's text brings the full stop itself.
    variables = tuple(one.removesuffix(".") for one in problem.variables)
    headers = [(b"allow", problem.allow.encode())] if status == 405 else []
    return Refusal(status, problem.identifier, text, variables, headers)


def request_id(headers: Headers) -> tuple[bytes, bytes]:
    """``X-RequestID``: the caller's own when it is fit for a header, else a new one."""
    given = headers.get(b"x-requestid")
    if given and len(given) <= 128 and not given.translate(None, _VISIBLE):
        return b"x-requestid", given
    return b"x-requestid", b"%b%012x" % (_PROCESS, next(_numbers))
