"""uvicorn with the short cut, over real sockets: what a client may do, in whatever pieces."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httptools
import pytest
import uvicorn
import uvloop
from uvicorn.lifespan.off import LifespanOff

from phonotary.web import lean, patience
from phonotary.web.stir_v1 import MAX_BODY, Answer, Door, Headers
from tests.web.stir import SAMPLE, Services, parsed

BODY = json.dumps(SAMPLE).encode()


def request(body: bytes = BODY, *more: str, version: str = "1.1", path: str = "signing") -> bytes:
    """A good signing request with more header lines."""
    lines = [
        f"POST /stir/v1/{path} HTTP/{version}",
        "Host: test",
        "Authorization: Basic known",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Reader:
    """What a client made of the bytes it got."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.answers.append((self._parser.get_status_code(), self._headers, self._body))


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self._read = reader, writer, Reader()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answers(self, count: int) -> list[tuple[int, dict[str, str], bytes]]:
        """So many answers, no more of which have come."""
        while len(self._read.answers) < count:
            data = await asyncio.wait_for(self.reader.read(65_536), 5)
            assert data, "the server hung up"
            self._read.feed(data)
        found, self._read.answers = self._read.answers, []
        assert len(found) == count
        return found

    async def closed(self) -> bytes:
        """What still came before the server hung up."""
        return await asyncio.wait_for(self.reader.read(), 5)


async def _other(scope: Any, receive: Any, send: Any) -> None:
    """What uvicorn serves beside the door: it tells what it was asked."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(0.05)
    said = f"{scope['method']} {scope['path']} {len(body)}".encode()
    headers = [(b"content-length", str(len(said)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})


class Running:
    def __init__(self, server: uvicorn.Server, port: int) -> None:
        self.server, self.port = server, port
        self._clients: list[Client] = []

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self._clients.append(client)
        return client

    async def leave(self) -> None:
        for client in self._clients:
            client.writer.transport.abort()
            with suppress(ConnectionError):
                await client.writer.wait_closed()


@asynccontextmanager
async def serving(door: Door, **settings: Any) -> AsyncIterator[Running]:
    config = uvicorn.Config(
        _other,
        port=0,
        http=lean.protocol(door),
        log_config=None,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
        **settings,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = LifespanOff(config)
    await server.startup()
    await server.on_tick(0)
    running = Running(server, server.servers[0].sockets[0].getsockname()[1])
    try:
        yield running
    finally:
        await running.leave()
        for listening in server.servers:
            listening.close()
            await listening.wait_closed()
        while server.server_state.connections or server.server_state.tasks:
            await asyncio.sleep(0.001)


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Awaitable[None]], None]:
    def run(work: Any) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(work)

    return run


Run = Callable[[Any], None]


async def echo(headers: Headers) -> Answer:
    """An answer that has to be waited for."""
    await asyncio.sleep(0.02)
    return 200, headers[b"x-requestid"], []


def named(method: str, target: str, headers: Headers, body: bytes, source: str) -> Any:
    """A door that tells its request's name; those that begin with ``wait`` must be waited for."""
    name = headers[b"x-requestid"]
    return echo(headers) if name.startswith(b"wait") else (200, name, [])


def test_a_call_is_signed_and_the_connection_kept(run: Run) -> None:
    async def work() -> None:
        services = Services()
        async with serving(services.door()) as running:
            client = await running.client()
            for _ in range(3):
                client.send(request())
                ((status, headers, body),) = await client.answers(1)
                assert status == 200
                assert "identity" in json.loads(body)["signingResponse"]
                assert "connection" not in headers
                assert headers["date"]
            assert [call.source for call in services.to_sign] == ["127.0.0.1"] * 3

    run(work())


def test_every_other_path_is_uvicorns_on_the_same_connection(run: Run) -> None:
    async def work() -> None:
        async with serving(Services().door()) as running:
            client = await running.client()
            for _ in range(2):
                client.send(b"PUT /other HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
                assert (await client.answers(1))[0][2] == b"PUT /other 3"
                client.send(request())
                assert (await client.answers(1))[0][0] == 200
            client.send(b"POST /o HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send(b"5\r\nabcde\r\n0\r\n\r\n")
            assert (await client.answers(1))[0][2] == b"POST /o 5"
            client.send(b"POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n")
            client.send(b"Content-Length: 3\r\n\r\n")
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(b"abc")
            assert (await client.answers(1))[0][2] == b"POST /e 3"

    run(work())


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b", "c"],
        ["wait-a", "b", "wait-c", "d"],
        ["a", "/slow", "b", "/fast", "wait-c", "/slow", "d"],
        ["/slow", "wait-a", "wait-b", "/fast"],
    ],
    ids="-".join,
)
def test_pipelined_requests_are_answered_in_order(run: Run, names: list[str]) -> None:
    def line(name: str) -> bytes:
        if name.startswith("/"):
            return f"GET {name} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        return request(b"{}", f"X-RequestID: {name}")

    async def work() -> None:
        async with serving(named) as running:
            client = await running.client()
            client.send(b"".join(map(line, names)))
            found = [body.decode() for _, _, body in await client.answers(len(names))]
            assert found == [f"GET {one} 0" if one.startswith("/") else one for one in names]
            client.send(line("last"))
            assert (await client.answers(1))[0][2] == b"last"

    run(work())


def test_a_long_pipeline_behind_a_slow_answer_is_served_whole(run: Run) -> None:
    async def work() -> None:
        async with serving(named) as running:
            client = await running.client()
            names = ["wait", *(str(number) for number in range(3000))]
            client.send(b"".join(request(b"{}", f"X-RequestID: {name}") for name in names))
            found = [body.decode() for _, _, body in await client.answers(len(names))]
            assert found == names

    run(work())


def test_a_request_may_come_byte_by_byte(run: Run) -> None:
    async def work() -> None:
        async with serving(Services().door()) as running:
            client = await running.client()
            for byte in request():
                client.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await client.answers(1))[0][0] == 200

    run(work())


def test_a_client_that_leaves_in_the_middle_signs_nothing(run: Run) -> None:
    async def work() -> None:
        services = Services()
        async with serving(services.door()) as running:
            client = await running.client()
            client.send(request()[:-10])
            await asyncio.sleep(0.02)
            client.writer.close()
            await client.writer.wait_closed()
            await asyncio.sleep(0.02)
            assert services.to_sign == []
            assert running.server.server_state.connections == set()

    run(work())


def test_a_client_that_leaves_while_waiting_harms_nobody(run: Run) -> None:
    async def work() -> None:
        async with serving(named) as running:
            client = await running.client()
            client.send(request(b"{}", "X-RequestID: wait") * 3)
            await asyncio.sleep(0.01)
            client.writer.transport.abort()
            await asyncio.sleep(0.1)
            assert running.server.server_state.connections == set()
            assert running.server.server_state.tasks == set()

    run(work())


@pytest.mark.parametrize("size", [MAX_BODY + 1, 400_000])
def test_a_body_over_the_bound_is_refused_and_the_refusal_arrives(run: Run, size: int) -> None:
    async def work() -> None:
        async with serving(Services().door()) as running:
            client = await running.client()
            client.send(request(b" " * size))
            ((status, headers, body),) = await client.answers(1)
            assert (status, headers["connection"]) == (400, "close")
            assert json.loads(body)["requestError"]["serviceException"]["messageId"] == "SVC4006"
            assert await client.closed() == b""

    run(work())


def test_a_body_at_the_bound_is_read(run: Run) -> None:
    async def work() -> None:
        async with serving(Services().door()) as running:
            client = await running.client()
            client.send(request(BODY + b" " * (MAX_BODY - len(BODY))))
            assert (await client.answers(1))[0][0] == 200

    run(work())


def test_a_refused_body_is_not_read_without_end(run: Run) -> None:
    async def work() -> None:
        async with serving(Services().door()) as running:
            client = await running.client()
            client.send(request(b"", "").replace(b"Length: 0", b"Length: 999999999"))
            assert (await client.answers(1))[0][0] == 400
            with pytest.raises(ConnectionError):
                for _ in range(4 * lean.LINGER // 65_536 + 100):
                    client.send(b" " * 65_536)
                    await asyncio.wait_for(client.writer.drain(), 5)
                    await asyncio.sleep(0)
            client.writer.transport.abort()

    run(work())


@pytest.mark.parametrize("rest", [b"5\r\nabcde\r\n0\r\n\r\n" + request(), b"no chunk\r\n\r\n"])
def test_a_chunked_request_has_no_length(run: Run, rest: bytes) -> None:
    async def work() -> None:
        async with serving(Services().door()) as running:
            client = await running.client()
            head = request(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
            client.send(head + rest)
            ((status, headers, body),) = await client.answers(1)
            assert (status, headers["connection"]) == (411, "close")
            assert json.loads(body)["requestError"]["serviceException"]["messageId"] == "SVC4007"
            assert await client.closed() == b""

    run(work())


@pytest.mark.parametrize(
    ("more", "version", "kept"),
    [
        ((), "1.1", True),
        (("Connection: keep-alive",), "1.1", True),
        (("Connection: close",), "1.1", False),
        ((), "1.0", False),
        (("Connection: keep-alive",), "1.0", False),
    ],
)
@pytest.mark.parametrize("name", ["now", "wait"])
def test_a_connection_is_closed_when_the_client_says_so(
    run: Run, more: tuple[str, ...], version: str, kept: bool, name: str
) -> None:
    async def work() -> None:
        async with serving(named) as running:
            client = await running.client()
            client.send(request(b"{}", f"X-RequestID: {name}", *more, version=version))
            ((status, headers, _),) = await client.answers(1)
            assert status == 200
            if kept:
                assert "connection" not in headers
                client.send(request(b"{}", "X-RequestID: x"))
                assert (await client.answers(1))[0][2] == b"x"
            else:
                assert headers["connection"] == "close"
                assert await client.closed() == b""

    run(work())


def test_nothing_behind_a_last_request_is_served(run: Run) -> None:
    async def work() -> None:
        services = Services()
        async with serving(services.door()) as running:
            client = await running.client()
            client.send(request(BODY, "Connection: close") + request() + request() + b"\0")
            assert (await client.answers(1))[0][0] == 200
            assert await client.closed() == b""
            assert len(services.to_sign) == 1

    run(work())


def test_a_head_request_gets_no_body(run: Run) -> None:
    async def work() -> None:
        async with serving(Services().door()) as running:
            client = await running.client()
            client.send(b"HEAD /stir/v1/signing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = parsed(await client.closed())
            assert (answer.status, answer.body) == (405, b"")
            assert int(answer.headers["content-length"]) > 0

    run(work())


def test_a_client_that_expects_to_be_told_to_go_on_is_told(run: Run) -> None:
    async def work() -> None:
        async with serving(Services().door()) as running:
            client = await running.client()
            whole = request(BODY, "Expect: 100-continue")
            client.send(whole[: -len(BODY)])
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(BODY)
            assert (await client.answers(1))[0][0] == 200
            client.send(request(b" " * 20_000, "Expect: 100-continue")[:300])
            assert (await client.answers(1))[0][0] == 400

    run(work())


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /stir/v1/signing HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /stir/v1/signing HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /stir/v1/signing HTTP/1.1\r\nContent-Length: 1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n",
        b"POST /stir/v1/signing HTTP/1.1\r\nbad header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
    ids=["two-lengths", "negative", "length-and-chunked", "no-colon", "tls"],
)
def test_what_is_no_http_is_refused_and_closed(run: Run, sent: bytes) -> None:
    async def work() -> None:
        services = Services()
        async with serving(services.door()) as running:
            client = await running.client()
            client.send(sent)
            assert (await client.closed()).startswith(b"HTTP/1.1 400 ")
            assert services.to_sign == []

    run(work())


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /stir/v1/text/sign?orig=" + b"1" * 500_000,
        b"GET /other HTTP/1.1\r\nX: " + b"1" * 500_000,
        b"POST /stir/v1/signing HTTP/1.1\r\n" + b"A: b\r\n" * 100_000,
    ],
    ids=["target", "value", "many"],
)
def test_a_head_without_end_is_cut(run: Run, endless: bytes) -> None:
    async def work() -> None:
        async with serving(Services().door()) as running:
            client = await running.client()
            client.send(endless)
            with suppress(ConnectionError):
                assert (await client.closed()).startswith(b"HTTP/1.1 400 ")
            await asyncio.sleep(0.01)
            assert running.server.server_state.connections == set()

    run(work())


def test_a_header_sent_twice_reaches_the_door_as_one(run: Run) -> None:
    seen: list[Headers] = []

    def door(method: str, target: str, headers: Headers, body: bytes, source: str) -> Answer:
        seen.append(headers)
        return 200, b"", []

    async def work() -> None:
        async with serving(door) as running:
            client = await running.client()
            client.send(request(BODY, "AUTHORIZATION: Basic other", "X-Other: a"))
            await client.answers(1)
        assert seen[0][b"authorization"] == b"Basic known, Basic other"
        assert b"x-other" not in seen[0]

    run(work())


@pytest.mark.parametrize("left_at", ["after", "body"])
def test_a_silent_client_is_hung_up_on(run: Run, left_at: str) -> None:
    async def work() -> None:
        async with serving(Services().door(), timeout_keep_alive=0.1) as running:
            client = await running.client()
            if left_at == "after":
                for _ in range(3):
                    client.send(request())
                    await client.answers(1)
                    await asyncio.sleep(0.06)
            else:
                client.send(request()[:-1])
            assert await client.closed() == b""

    run(work())


def test_a_client_that_does_not_read_is_waited_for(run: Run) -> None:
    answered = 0

    def door(method: str, target: str, headers: Headers, body: bytes, source: str) -> Answer:
        nonlocal answered
        answered += 1
        return 200, b"x" * 60_000, []

    async def work() -> None:
        async with serving(door) as running:
            client = await running.client()
            count = 300
            client.send(request(b"") * count)
            await asyncio.sleep(0.3)
            assert answered < count
            got = 0
            while got < count:
                data = await asyncio.wait_for(client.reader.read(1 << 20), 5)
                client._read.feed(data)
                got += len(client._read.answers)
                client._read.answers.clear()
            assert answered == count

    run(work())


def test_a_client_that_reads_slowly_is_not_taken_for_a_silent_one(run: Run) -> None:
    answered = 0

    def door(method: str, target: str, headers: Headers, body: bytes, source: str) -> Answer:
        nonlocal answered
        answered += 1
        return 200, b"x" * 60_000, []

    async def work() -> None:
        async with serving(door, timeout_keep_alive=0.1) as running:
            client = await running.client()
            sent, before = 0, -1
            # Each in a turn of its own, until none is answered any more.
            while sent < 2_000 and answered != before:
                before = answered
                client.send(request(b""))
                sent += 1
                await asyncio.sleep(0.002)
            assert sent < 2_000
            await asyncio.sleep(0.3)
            assert len(await client.answers(sent)) == sent

    run(work())


def test_a_client_in_steady_use_is_kept_after_an_answer_that_was_waited_for(run: Run) -> None:
    async def work() -> None:
        async with serving(named, timeout_keep_alive=0.1) as running:
            client = await running.client()
            for first in ("x", "wait"):
                client.send(request(b"{}", f"X-RequestID: {first}"))
                await client.answers(1)
            for _ in range(8):
                client.send(request(b"{}", "X-RequestID: x"))
                await client.answers(1)
                await asyncio.sleep(0.03)

    run(work())


@pytest.mark.parametrize("state", ["idle", "body", "waiting"])
def test_a_shutdown_lets_a_request_be_finished(run: Run, state: str) -> None:
    async def work() -> None:
        async with serving(named) as running:
            client = await running.client()
            sent = request(b"{}", f"X-RequestID: {'wait' if state == 'waiting' else 'x'}")
            client.send(sent[:-1] if state == "body" else sent)
            if state == "idle":
                await client.answers(1)
            await asyncio.sleep(0.01)
            stopping = asyncio.create_task(running.server.shutdown())
            await asyncio.sleep(0.01)
            if state == "body":
                client.send(sent[-1:])
            if state != "idle":
                ((status, headers, _),) = await client.answers(1)
                assert (status, headers["connection"]) == (200, "close")
            assert await client.closed() == b""
            await asyncio.wait_for(stopping, 5)

    run(work())


def test_an_upgrade_is_answered_and_then_the_connection_closed(run: Run) -> None:
    async def work() -> None:
        async with serving(Services().door()) as running:
            client = await running.client()
            client.send(request(BODY, "Connection: Upgrade", "Upgrade: h2c"))
            ((status, headers, _),) = await client.answers(1)
            assert (status, headers["connection"]) == (400, "close")
            assert await client.closed() == b""

    run(work())


@pytest.mark.parametrize("said", [b"", b"POST /st", b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n"])
def test_a_client_that_does_not_say_what_it_wants_is_hung_up_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.2)

    async def work() -> None:
        async with serving(echoed) as server:
            silent, working = await server.client(), await server.client()
            silent.send(said)
            working.send(b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await working.answers(1))[0][0] == 200
            assert await silent.closed() == b""

    run(work())


def test_a_letter_at_a_time_is_no_way_to_stay(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)

    async def work() -> None:
        async with serving(echoed) as server:
            slow = await server.client()
            sent = 0
            for letter in b"GET /elsewhere HTTP/1.1" * 2:
                if slow.reader.at_eof() or slow.writer.is_closing():
                    break
                slow.send(bytes([letter]))
                sent += 1
                with suppress(TimeoutError, ConnectionError):
                    await asyncio.wait_for(slow.reader.read(1), 0.05)
            assert 1 <= sent < 40

    run(work())


def test_no_more_connections_are_taken_than_there_is_room_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "CONNECTIONS", 2)

    async def work() -> None:
        async with serving(echoed) as server:
            first, _ = await server.client(), await server.client()
            await asyncio.sleep(0.02)
            third = await server.client()
            with suppress(ConnectionError):
                assert await third.closed() == b""
            first.send(b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await first.answers(1))[0][0] == 200

    run(work())


def echoed(
    method: str, target: str, headers: Headers, body: bytes, source: str
) -> Awaitable[Answer]:
    return echo(headers)
