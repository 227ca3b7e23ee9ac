"""The bodies of requests, read up to a bound; a form as its fields."""

from __future__ import annotations

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.types import Receive

from phonotary.errors import Reason, Refused
from phonotary.web.forms import MAX_FIELDS, form_fields

MAX_BODY = 1 << 20
# How much of a body that is too large is still read, so that its sender gets an answer.
_PATIENCE = 16 << 20

Form = ImmutableMultiDict[str, str]


async def read_body(receive: Receive, limit: int = MAX_BODY) -> bytes:
    """The whole body, refused if it is larger than ``limit`` bytes.

    What is too much is read all the same, and thrown away: a connection closed on a client that is
    still sending is reset, and the client never sees why. There is an end to that too.
    """
    chunks: list[bytes] = []
    size = 0
    more = True
    while more and size <= limit + _PATIENCE:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunk = message.get("body", b"")
        size += len(chunk)
        if chunk and size <= limit:
            chunks.append(chunk)
        more = message.get("more_body", False)
    if size > limit:
        raise Refused(Reason.BODY_TOO_LARGE, f"The body is larger than {limit} bytes")
    return b"".join(chunks)


async def read_form(request: Request, limit: int = MAX_BODY, most_fields: int = MAX_FIELDS) -> Form:
    """The form in the request's body; of fields of one name the last counts, and all are kept.

    Raises Refused (BODY_TOO_LARGE) beyond ``limit`` bytes, and (UNREADABLE_BODY) for what is no
    form or has more than ``most_fields`` fields.
    """
    body = await read_body(request.receive, limit)
    kind = request.headers.get("content-type", "").encode()
    return Form(form_fields(kind, body, most_fields))
