"""Who opens a page of the console, by HTTP Basic, and whether a form is the console's own.

Reviewers sign in with a name of their choice and the reviewer's password, which is minted with the
hub and printed by ``up``; customers with their account's credentials or an API key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from phonotary import sids
from phonotary.access.accounts import same
from phonotary.errors import Reason, Refused
from phonotary.web.basic import credentials
from phonotary.web.console.page import page


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever may open pages that show a reviewer everything, and a customer what is theirs."""

    name: str
    account_sid: str | None = None
    """The customer's account; None for a reviewer."""


def reviewer(hub: Any, request: Request) -> str | None:
    """The reviewer's name, or None when the credentials are not a reviewer's."""
    name, password = credentials(request.headers.get("authorization", ""))
    return name if name and same(password, hub.reviewer_password) else None


def viewer(hub: Any, request: Request) -> Viewer | None:
    """A customer or a reviewer; None for anybody else. Raises Refused for a customer whose account
    is not active, and where nobody can tell now who it is."""
    name, _ = credentials(request.headers.get("authorization", ""))
    if not sids.is_sid(name):
        known = reviewer(hub, request)
        return Viewer(known) if known else None
    try:
        account = hub.authenticate(dict(request.scope["headers"]))
    except Refused as refused:
        if refused.reason is not Reason.NOT_AUTHENTICATED:
            raise
        return None
    return Viewer(name, account.sid)


def unknown(because: str = "Sign in as a reviewer.") -> Response:
    response = page("refused.html", 401, because=because)
    response.headers["www-authenticate"] = 'Basic realm="phonotary console", charset="UTF-8"'
    return response


def same_origin(request: Request) -> bool:
    """Whether a form may have come from a page of ours, for a browser sends Basic credentials by
    itself, whoever wrote the page.

    ``Sec-Fetch-Site`` is the browser's own judgement (W3C Fetch Metadata section 2.4): it sees
    through a page that hides its origin and through a proxy that changes our name. ``none`` is what
    a person does without any page. Browsers send it over https and on loopback only; elsewhere
    ``Origin`` says it, which is on every POST of a browser (Fetch, "append a request Origin
    header").

    What has neither is no browser but a program. It has credentials only because it was given them,
    and no page can make it send them; to refuse it would protect nobody.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
