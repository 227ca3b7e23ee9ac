"""Bytes on Twilio's wire: JSON bodies, error bodies, the headers every answer carries."""

from __future__ import annotations

from typing import Any

import msgspec

from phonotary import sids
from phonotary.errors import Reason, Refused
from phonotary.web.refusals import DIALECT

Headers = list[tuple[bytes, bytes]]

# The five CORS headers of the published document.
_CORS: tuple[tuple[bytes, bytes], ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"Accept, Authorization, Content-Type, X-Twilio-AccountSid"),
    (b"access-control-allow-credentials", b"true"),
    (b"access-control-expose-headers", b"Twilio-Request-Id"),
)
_JSON = (b"content-type", b"application/json; charset=utf-8")
_XML = (b"content-type", b"application/xml; charset=utf-8")

encode = msgspec.json.Encoder().encode


class Answer:
    """One HTTP answer, ready to be sent."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Headers) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    async def send(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def answer(status: int, body: Any, extra: Headers | None = None) -> Answer:
    """A JSON answer; 204 goes without a body, as every client expects of a delete."""
    content = b"" if status == 204 else encode(body)
    return _answer(status, content, _JSON, extra)


def _answer(
    status: int, content: bytes, kind: tuple[bytes, bytes], extra: Headers | None
) -> Answer:
    headers: Headers = [
        *_CORS,
        (b"twilio-request-id", sids.mint("RQ").encode()),
        (b"content-length", str(len(content)).encode()),
    ]
    if status != 204:
        headers.append(kind)
    if extra:
        headers += extra
    return Answer(status, content, headers)


def refusal(refused: Refused, extra: Headers | None = None) -> Answer:
    """Twilio's legacy error body, which every official client of every age understands."""
    status, code = DIALECT[refused.reason]
    headers = list(extra or ())
    if refused.reason is Reason.NOT_AUTHENTICATED:
        headers.append((b"www-authenticate", b'Basic realm="Twilio API"'))
    return answer(status, error_body(status, code, refused.because), headers)


def error_body(status: int, code: int, message: str) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }


def failure() -> Answer:
    """Something of ours broke. Nothing of it is shown."""
    return answer(500, error_body(500, 20500, "Internal Server Error"))


def xml_refusal(path: str) -> Answer:
    """For whoever asks the 2010-04-01 API for XML (its default), in XML."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<TwilioResponse><RestException><Code>20404</Code>'
        "<Message>phonotary answers the 2010-04-01 API in JSON only; add .json to the path"
        "</Message><MoreInfo>https://www.twilio.com/docs/errors/20404</MoreInfo>"
        "<Status>404</Status></RestException></TwilioResponse>"
    )
    return _answer(404, text.encode(), _XML, None)
