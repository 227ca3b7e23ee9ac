"""What every page shares: one template folder, escaping on, and headers that trust nobody."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse

from phonotary.errors import Reason, Refused

if TYPE_CHECKING:
    from jinja2 import Environment

_HEADERS = {
    # The pages carry no script and load nothing from anywhere.
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
    # Nothing leaves this origin; but with "no-referrer" a browser says that the console's own forms
    # come from ``null`` (Fetch, "append a request Origin header").
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
_STATUS = {
    Reason.ACCOUNT_NOT_ACTIVE: 403,
    Reason.FORBIDDEN: 403,
    Reason.NOT_FOUND: 404,
    Reason.CONFLICT: 409,
    Reason.BODY_TOO_LARGE: 413,
    Reason.UNAVAILABLE: 503,
}


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    return HTMLResponse(_environment().get_template(template).render(**values), status, _HEADERS)


def refusal(refused: Refused) -> HTMLResponse:
    response = page("refused.html", status_of(refused), because=refused.because)
    if response.status_code == 503:
        response.headers["retry-after"] = "1"
    return response


def status_of(refused: Refused) -> int:
    return _STATUS.get(refused.reason, 400)


def position(text: str) -> int | None:
    """Where a page of a list begins, None where nothing is said. Raises Refused."""
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise Refused(Reason.INVALID_PARAMETER, "There is no such page.")
    return int(text)


@cache
def _environment() -> Environment:
    """Loaded with the first page: a sandbox for tests never shows one."""
    from jinja2 import Environment, FileSystemLoader

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
