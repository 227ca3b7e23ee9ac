"""uvicorn's HTTP protocol with a short cut: the paths of one door are answered without ASGI.

For a request under the prefix there is no scope, no task and no cycle: its parts are collected,
the door is called when it is complete, and one piece of bytes goes back. Every other request on
the same connection is uvicorn's, untouched, and so are its timers and its shutdown. What all
connections bring in one turn of the loop is read in one stretch (:mod:`phonotary.web.turns`).

What cannot be answered at once (an answer that must be waited for, a request behind another one, a
client that does not read) takes the place of a cycle in uvicorn's own pipeline, so that answers of
both kinds leave in the order in which the requests came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import GeneratorType
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from phonotary.abreast import Steps, alone
from phonotary.web.heads import Head, Heads
from phonotary.web.patience import Patience
from phonotary.web.stir_v1.answers import MAX_BODY, Answer, Door, Given, taken
from phonotary.web.turns import Turns
from phonotary.web.written import written

MAX_HEAD = 65_536
"""Bytes that a request's line and headers may need after the first piece that was read of them."""
LINGER = 1_048_576
"""Bytes of a refused body that are read and dropped, so that the refusal is not lost with them."""
LINGER_SECONDS = 2

# The only headers that a door reads.
_READ = frozenset(
    b"accept authorization content-length content-type identity transfer-encoding"
    b" x-requestid".split()
)
_Asked = tuple[str, str, dict[bytes, bytes], bytes, str]
"""What a door is called with."""
# Bytes received from one connection, and answered to it, that do not wait for the turn's end.
_LONG, _MANY = 16_384, 65_536
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def protocol(door: Door, prefixes: tuple[str, ...] = ("/stir/v1/",)) -> type[HttpToolsProtocol]:
    """What ``uvicorn.Config(http=…)`` takes: a protocol that asks ``door`` for all paths that begin
    with one of ``prefixes``.

    Headers that come twice reach the door joined with a comma; it never sees more of a body than
    MAX_BODY. The client's address is the connection's: no header is believed about it.
    """
    parts = {
        "_door": staticmethod(door),
        "_prefixes": tuple(each.encode() for each in prefixes),
        "_turns": Turns(_LeanProtocol.read, _LeanProtocol.send),
        "_heads": Heads(),
    }
    return type("LeanProtocol", (Patience, _LeanProtocol), parts)


class _Request:
    """A request of the door that waits, in the guise of uvicorn's RequestResponseCycle."""

    def __init__(self, asked: _Asked | None, keep_alive: bool) -> None:
        self.asked = asked
        """None once it is answered."""
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
        self.message_event = asyncio.Event()


class _LeanProtocol(HttpToolsProtocol):
    """One connection; :func:`protocol` makes the class that has a door."""

    _door: Callable[..., Given | Steps[Given]]
    _prefixes: tuple[bytes, ...]
    _turns: Turns[_LeanProtocol]
    _heads: Heads
    in_head_since: float | None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._came = b""
        """What was received in this turn of the loop."""
        self._steps: Steps[None] | None = None
        """To the answer of a request that was read in this turn."""
        self._answers = b""
        """What is to be sent at the end of it."""
        self._source = ""
        self._lean = False
        """Whether the message that is being read is the door's."""
        self._open = False
        """Whether such a message is still to be answered when it is complete."""
        self._in_head = False
        self._between = True
        """Whether what comes next is the beginning of a request."""
        self._first: bytes | None = None
        """What was received, when it begins with the head of the message that is being read."""
        self._head_size = 0
        self._found: dict[bytes, bytes] = {}
        self._body = b""
        self._keep = True
        self._ending = False
        self._serving: asyncio.Task[None] | None = None
        """What waits for an answer of the door's."""
        self._unread: _Request | None = None
        """Answered, but the client has yet to read enough of what it was sent."""
        self._over = False
        """Nothing that comes from now on is looked at."""
        self._lingers = False
        self._dropped = 0
        self._since: float | None = None
        """The loop's time when the client became silent in a place where it may not be for long."""
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client:
            self._source = self.client[0]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._came = self._answers = b""
        self._steps = None
        self._open = False
        self.pipeline.clear()
        if self._serving is not None:
            # Nobody is given what would come of it, so nothing is signed or remembered either.
            self._serving.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def data_received(self, data: bytes) -> None:
        # Who speaks is not silent any more, whichever timer runs out in this very turn.
        self._since = None
        self._unset_keepalive_if_required()
        if not self._came:
            self._turns.add(self)
        self._came += data
        if len(self._came) > _LONG:
            # What strangers send is not held for all of them at once.
            self.read()
            self.send()

    def eof_received(self) -> None:
        # The connection is closed for writing after this, and the answer must leave before.
        self.read()
        self.send()
        super().eof_received()

    def read(self) -> Steps[None] | None:
        """Read what was received in this turn; the steps to the last request's answer, if any are
        left."""
        data, self._came = self._came, b""
        if not data:
            return None
        if self._over:
            self._drop(len(data))
            return None
        found = self._heads.read(data) if self._between else None
        if found is not None:
            self._known(*found)
        else:
            self._parse(data)
        return self._steps

    def _parse(self, data: bytes) -> None:
        if self._between:
            self._first = data
        self._head_size += len(data)
        super().data_received(data)
        self._first = None
        if self._in_head and self._head_size > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's headers are too long.")
        elif self._lean and not self._over and self._idle:
            # uvicorn does this between two requests; here it is done in the middle of one, too.
            self._watch_for_silence()

    def _known(self, head: Head, body: bytes) -> None:
        """One whole request whose head was read before: the parser need not see it."""
        self.in_head_since = None
        self._lean = True
        method, target, headers, _ = head
        self._ask((method, target, headers, body, self._source), not self._ending)
        if not self._over and self._idle:
            self._watch_for_silence()

    def send(self) -> None:
        """Send what was answered in this turn."""
        self._settle()
        answers, self._answers = self._answers, b""
        if not answers or self.transport.is_closing():
            return
        self.transport.write(answers)
        if self.flow.write_paused and self._idle:
            self._unread = request = _Request(None, keep_alive=True)
            self._hold(request)

    def resume_writing(self) -> None:
        super().resume_writing()
        request, self._unread = self._unread, None
        if request is not None:
            request.response_complete = True
            self.on_response_complete()

    def shutdown(self) -> None:
        self.read()
        self.send()
        if self._open:
            self._ending = True
        else:
            super().shutdown()

    # What the parser calls, in this order.

    def on_message_begin(self) -> None:
        # What came before has its place in the order before this one is begun.
        self._settle()
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_head = True
        self._between = False
        self._head_size = 0

    def on_url(self, url: bytes) -> None:
        # A long one comes in pieces, and this is settled with the last of them.
        self.url += url
        self._lean = self._over or self.url.startswith(self._prefixes)
        self._found = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._lean:
            super().on_header(name, value)
            return
        name = name.lower()
        if name in _READ:
            found = self._found
            found[name] = b", ".join((found[name], value)) if name in found else value
        elif name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"

    def on_headers_complete(self) -> None:
        self._in_head = False
        if not self._lean:
            self._hand_over()
        elif not self._over:
            self._begin()

    def on_body(self, body: bytes) -> None:
        if not self._lean:
            super().on_body(body)
        elif self._open:
            # Content-Length has bounded it, and the parser holds the client to that.
            self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        self._between = True
        if not self._lean:
            super().on_message_complete()
        elif self._open:
            # The parser stops at an Upgrade, and what follows it is lost, a body too.
            self._complete(unread=not self._body and self.parser.should_upgrade())
        # What follows in the same piece does not begin it.
        self._first = None

    def _hand_over(self) -> None:
        """Give a request to uvicorn as if it had seen its beginning."""
        url, headers, expected = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expected
        self.headers.extend(headers)
        super().on_headers_complete()

    def _begin(self) -> None:
        """The head is read. A body that no door would read is refused before it comes."""
        parser = self.parser
        self._keep = parser.should_keep_alive() and parser.get_http_version() != "1.0"
        self._body = b""
        self._open = True
        length = self._found.get(b"content-length", b"")
        too_long = len(length) > 4 and (len(length) > 18 or int(length) > MAX_BODY)
        if too_long or b"transfer-encoding" in self._found:
            self._complete(unread=True)
        elif self.expect_100_continue and self._idle:
            self.send()
            self.transport.write(_CONTINUE)

    # Answering.

    @property
    def _idle(self) -> bool:
        """Whether all that came before is answered."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete

    def _complete(self, *, unread: bool = False) -> None:
        """The door's request is all there, or as much of it as will be read."""
        self._open = False
        transport = self.transport
        if transport.is_closing():
            return
        self._lingers = unread
        method, target = self.parser.get_method().decode("ascii"), self.url.decode("latin-1")
        if self._first is not None and not unread and self._plain:
            self._heads.keep(self._first, Head(method, target, self._found, len(self._body)))
        asked = (method, target, self._found, self._body, self._source)
        self._ask(asked, self._keep and not (unread or self._ending))

    @property
    def _plain(self) -> bool:
        """Whether the head of the message that is complete says nothing but what a door is told."""
        more = self.expect_100_continue or self.parser.should_upgrade()
        return self._keep and bool(self._body) and not more

    def _ask(self, asked: _Asked, keep: bool) -> None:
        """Ask the door, now or when all that came before is answered."""
        self._settle()
        if not self._idle:
            self._hold(request := _Request(asked, keep))
            self.pipeline.appendleft((request, self.app))  # type: ignore[arg-type]
            return
        given = self._door(*asked)
        if keep and isinstance(given, GeneratorType):
            self._steps = self._stepping(given, asked, keep)
        else:
            self._give(taken(given), asked, keep)

    def _stepping(self, steps: Steps[Given], asked: _Asked, keep: bool) -> Steps[None]:
        answer = yield from steps
        yield
        self._steps = None
        if not self.transport.is_closing():
            self._give(answer, asked, keep)

    def _settle(self) -> None:
        """Take the steps that are left now, without the others of this turn."""
        if self._steps is not None:
            alone(self._steps)

    def _give(self, answer: Given, asked: _Asked, keep: bool) -> None:
        if not isinstance(answer, tuple):
            self._hold(request := _Request(asked, keep))
            self._run(self._serve(request, answer))
            return
        self._answers += written(answer, asked[0], keep, self.server_state.default_headers)
        self.server_state.total_requests += 1
        if not keep or len(self._answers) > _MANY:
            self.send()
        if not keep:
            self._hang_up()

    def _hold(self, request: _Request) -> None:
        """Nothing more is read, and nothing behind it answered, before this one is done."""
        self.cycle = request  # type: ignore[assignment]
        # It is not the client's turn to speak, so its silence is not counted.
        self._since = None
        self.flow.pause_reading()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.pipeline:
            # uvicorn reads on while requests wait; then a client could pile them up.
            self.flow.pause_reading()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Where uvicorn goes on to the next request, which may be the door's."""
        if isinstance(cycle, _Request):
            self._run(self._serve(cycle, None))
        else:
            super()._start_asgi_task(cycle, app)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        """In uvicorn's own set of tasks, which its shutdown waits for."""
        self._serving = task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _serve(self, request: _Request, begun: Awaitable[Answer] | None) -> None:
        asked = request.asked
        assert asked is not None, "it is served once"
        answer = taken(self._door(*asked)) if begun is None else begun
        given = answer if isinstance(answer, tuple) else await answer
        if self.transport.is_closing():
            return
        method, keep = asked[0], request.keep_alive
        self.transport.write(written(given, method, keep, self.server_state.default_headers))
        if not keep:
            self._hang_up()
        elif self.flow.write_paused:
            self._unread = request
        else:
            request.response_complete = True
            self.on_response_complete()

    # Ending.

    def _hang_up(self) -> None:
        """Close, but not before the client could read its answer: closing with a body unread
        makes the system tell it of a reset instead (RFC 9112 section 9.6)."""
        self._over = True
        if self._lingers and self.transport.can_write_eof():
            self.transport.write_eof()
            self.flow.resume_reading()
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        # What follows a last answer in the same piece is no request, and gets no answer either.
        if not self._over:
            self.send()
            super().send_400_response(msg)

    def _drop(self, size: int) -> None:
        self._dropped += size
        if self._dropped > LINGER:
            self.transport.abort()

    def _watch_for_silence(self) -> None:
        self._since = self.loop.time()
        if self._watch is None:
            self._watch = self.loop.call_later(self.timeout_keep_alive, self._expire)

    def _expire(self) -> None:
        """uvicorn's keep-alive timeout. One timer is left to run and looks how long it has been:
        to make one anew for each request costs as much as reading the request."""
        self._watch = None
        if self._since is None or self.transport.is_closing():
            return
        left = self._since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._watch = self.loop.call_later(left, self._expire)
        else:
            self.transport.close()
