"""``POST /notices/{database}``: a database sends word that one of our orders there has moved.

Nothing in the body is believed but which order it is about: that one is asked about at once. So
whoever knows the password and forges a notice learns and changes nothing.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from phonotary.cnam.orders import Unreadable
from phonotary.errors import Reason, Refused
from phonotary.storage.store import SqlStore
from phonotary.web.basic import credentials
from phonotary.web.bodies import read_body

MOST_BYTES = 262_144
"""A notice that lists a thousand numbers is a fifth of this."""

_STATUS = {
    Reason.NOT_FOUND: 404,
    Reason.NOT_AUTHENTICATED: 401,
    Reason.BODY_TOO_LARGE: 413,
    Reason.UNAVAILABLE: 503,
}
_HEADERS = {
    401: {"www-authenticate": 'Basic realm="phonotary notices", charset="UTF-8"'},
    503: {"retry-after": "1"},
}


def routes(hub: Any) -> list[Route]:
    return [Route("/notices/{database}", _take(hub), methods=["POST"])]


def _take(hub: Any) -> Any:
    async def take(request: Request) -> Response:
        database = request.path_params["database"]
        notices = hub.names.notices
        try:
            notices.require(database, *credentials(request.headers.get("authorization", "")))
            body = await read_body(request.receive, MOST_BYTES)

            def work(store: SqlStore) -> bool:
                return bool(notices.take(store, database, body))

            if not await hub.write(work):
                # Somebody else's, or closed already: nobody is told which.
                return Response(status_code=404)
        except Unreadable:
            # Not ours to try again, as the database being busy is.
            return Response(status_code=400)
        except Refused as refused:
            status = _STATUS.get(refused.reason, 400)
            return Response(status_code=status, headers=_HEADERS.get(status))
        hub.worker.wake()
        return Response(status_code=200)

    return take
