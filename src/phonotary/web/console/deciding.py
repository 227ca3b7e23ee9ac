"""The forms that reviewers decide by: who sends one, what it says, and how a no is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from phonotary.errors import Refused
from phonotary.web.bodies import Form, read_form
from phonotary.web.console import signing_in
from phonotary.web.console.page import page, refusal
from phonotary.web.forms import MAX_FIELDS

_MOST_BYTES = 65_536

Decide = Callable[[Request, str, Form], Awaitable[Response]]
"""What a reviewer's form does, by the reviewer's name; Refused is shown to them as a page."""


def by_form(hub: Any, decide: Decide, most_fields: int = MAX_FIELDS) -> Any:
    """The endpoint that has ``decide`` answer a form of our own that a reviewer sends."""

    async def endpoint(request: Request) -> Response:
        reviewer = signing_in.reviewer(hub, request)
        if reviewer is None:
            return signing_in.unknown()
        if not signing_in.same_origin(request):
            return page("refused.html", 403, because="This form was sent from another site.")
        try:
            form = await read_form(request, _MOST_BYTES, most_fields)
            return await decide(request, reviewer, form)
        except Refused as refused:
            return refusal(refused)

    return endpoint
