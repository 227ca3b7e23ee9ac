"""The addresses of a name, asked for in threads that nobody has to wait for.

A look-up cannot be called off, and one whose name server hangs takes the C library half a minute.
Whoever gives up on it leaves its thread behind: those are daemons, so that a process ends without
them, and there is a bound to how many there are.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from contextlib import suppress

from phonotary.shaken import credential_url


class Crowded(OSError):
    """Too many look-ups are under way, of one site or of all together; this one was not begun."""


class Resolver:
    """Bounds look-ups; those of one event loop or of several."""

    def __init__(self, most: int = 64, of_a_site: int = 4) -> None:
        """``of_a_site`` is the share of each :func:`credential_url.site`: one name server that
        hangs holds no more than that, whoever has given up on it meanwhile."""
        self._most, self._of_a_site = most, of_a_site
        self._sites: Counter[str] = Counter()
        self._counting = threading.Lock()

    async def __call__(self, host: str, port: int) -> list[str]:
        """All addresses of a host, as text, each once. Raises Crowded at once, OSError or
        UnicodeError where the name has none; whoever calls sets the time it may take."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()
        site = credential_url.site(host)
        self._take(site)
        asks = threading.Thread(
            target=self._ask, args=(host, port, site, loop, answer), name="resolve", daemon=True
        )
        try:
            asks.start()
        except RuntimeError as error:
            self._leave(site)
            raise Crowded("no thread could be started") from error
        return await answer

    def _take(self, site: str) -> None:
        with self._counting:
            if self._sites.total() >= self._most or self._sites[site] >= self._of_a_site:
                raise Crowded("too many names are being looked up")
            self._sites[site] += 1

    def _leave(self, site: str) -> None:
        with self._counting:
            self._sites[site] -= 1
            if not self._sites[site]:
                del self._sites[site]

    def _ask(
        self,
        host: str,
        port: int,
        site: str,
        loop: asyncio.AbstractEventLoop,
        answer: asyncio.Future[list[str]],
    ) -> None:
        found: list[str] | Exception
        try:
            every = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = list(dict.fromkeys(str(address[0]).split("%")[0] for *_, address in every))
        except Exception as error:
            found = error
        self._leave(site)
        # Everybody may have gone home long ago, and the loop with them.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, answer, found)


def _tell(answer: asyncio.Future[list[str]], found: list[str] | Exception) -> None:
    if answer.done():
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)


resolve = Resolver(of_a_site=64)
"""For whom the number of those who ask is bounded elsewhere: callbacks, and the databases."""
