"""A dip's answer on the wire. Text is the name alone, and nothing where there is none: FreeSWITCH,
Asterisk and FreePBX show whatever the body says, whichever status it came with."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from phonotary.cnam.clients import OverQuota
from phonotary.cnam.dips import Answer as Told
from phonotary.cnam.dips import asked
from phonotary.errors import Reason, Refused
from phonotary.web.cnam.asking import JSON, TEXT, Asked
from phonotary.web.stir_v1 import Answer
from phonotary.web.stir_v1.answers import RawHeaders

_PLAIN = (b"content-type", b"text/plain")
_JSON = (b"content-type", b"application/json")
_NOT_KEPT = (b"cache-control", b"no-store")
_BASIC = (b"www-authenticate", b'Basic realm="phonotary", charset="UTF-8"')
_ALLOW = (b"allow", b"GET, HEAD")
_STATUSES = {
    Reason.NOT_AUTHENTICATED: 401,
    Reason.ACCOUNT_NOT_ACTIVE: 403,
    Reason.FORBIDDEN: 403,
    Reason.NOT_FOUND: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.MISSING_PARAMETER: 400,
    Reason.INVALID_PARAMETER: 400,
    Reason.UNAVAILABLE: 503,
}
_EXTRA: dict[int, RawHeaders] = {401: [_BASIC], 405: [_ALLOW], 503: [(b"retry-after", b"1")]}


def told(answer: Told, question: Asked) -> Answer:
    """The answer to a dip, in the form it was asked for."""
    name = answer.name or ""
    headers = _headers(answer.ttl, answer.status.value, question.form)
    if question.form == TEXT:
        return 200 if name else question.miss, name.encode("ascii"), headers
    if question.form == JSON:
        body = _opencnam(answer, name, question)
        return 200 if name else question.miss, msgspec.json.encode(body), headers
    return 200, msgspec.json.encode(_true_cnam(name)), headers


def refused(fault: Refused, form: str) -> Answer:
    """A refusal. The sentence stands in a header where the body would be shown as a name."""
    status = 429 if isinstance(fault, OverQuota) else _STATUSES.get(fault.reason, 500)
    headers = [_JSON if form != TEXT else _PLAIN, _NOT_KEPT, *_EXTRA.get(status, [])]
    if isinstance(fault, OverQuota):
        headers.append((b"retry-after", str(fault.retry_after).encode()))
    if form == TEXT:
        sentence = fault.because.encode("ascii", "replace")
        return status, b"", [*headers, (b"x-phonotary-refusal", sentence)]
    if form == JSON:
        return status, msgspec.json.encode({"err": fault.because}), headers
    return status, msgspec.json.encode(_true_cnam("", fault.because)), headers


def _opencnam(answer: Told, name: str, question: Asked) -> dict[str, object]:
    """OpenCNAM's four keys, in its order, and two of ours."""
    key = asked(question.number)[0]
    number = f"+{key}" if key else question.number[:32]
    return {
        "name": name,
        "number": number,
        "price": 0,
        "uri": question.uri,
        "status": answer.status.value,
        "source": answer.source,
    }


def _true_cnam(name: str, error: str = "") -> dict[str, object]:
    """What Superfecta's TrueCNAM source reads. Nothing here scores spam."""
    return {
        "err": int(bool(error)),
        "error_message": error,
        "name": name,
        "spam_score_match": 0,
        "spam_score": 0,
    }


@lru_cache(maxsize=4096)
def _headers(ttl: int, status: str, form: str) -> RawHeaders:
    """Nobody changes it: the adapters only read it."""
    return [
        _PLAIN if form == TEXT else _JSON,
        (b"cache-control", b"private, max-age=%d" % ttl),
        (b"x-phonotary-status", status.encode()),
    ]
