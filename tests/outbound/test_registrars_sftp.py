"""Files to a real OpenSSH server, and from it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from phonotary.cnam import orders_delta
from phonotary.cnam.orders import Action, Line, LineState, Order, Unavailable, Unreadable
from phonotary.cnam.orders_delta import MOST_BYTES, Layout
from phonotary.errors import Refused
from phonotary.outbound.registrars.sftp import Settings, Sftp
from tests.simulators import sftp
from tests.simulators.sftp import Server

ONE, TWO = "+14155550100", "+14155550101"
ORDER = Order("k7", Action.REGISTER, (Line(ONE, "ACME"), Line(TWO, "ACME")), 1_763_640_000, 42)
NAME, ANSWER = "cnam-20251120-000042-k7.csv", "cnam-20251120-000042-k7.rsp.csv"

REFERENCE = orders_delta.reference(Layout(), ORDER)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with sftp.running(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    for each in running.files.glob("*/*"):
        each.unlink()
    return running


@pytest.fixture
def settings(server: Server) -> Settings:
    return Settings(
        "carrier",
        "127.0.0.1",
        server.user,
        server.known_hosts(),
        key_file=server.key_file,
        port=server.port,
        allow_loopback=True,
        patience=10,
    )


def respond(server: Server, text: str) -> None:
    (server.files / "responses" / ANSWER).write_text(text)


def test_a_file_goes_out_and_its_response_comes_back(server: Server, settings: Settings) -> None:
    carrier = Sftp(settings)
    assert asyncio.run(carrier.submit(ORDER)).order_ref == REFERENCE
    sent = server.files / "outgoing"
    assert [each.name for each in sent.iterdir()] == [NAME]
    assert (sent / NAME).read_text().splitlines()[1] == f"A,{ONE},ACME,BUSINESS,PUBLIC,"
    waiting = asyncio.run(carrier.poll(REFERENCE))
    assert (waiting.done, waiting.of(ONE).state) == (False, LineState.SUBMITTED)
    respond(server, f"TN,RESULT,TEXT\n{ONE},OK,\n{TWO},E5,no such number\n")
    outcome = asyncio.run(carrier.poll(REFERENCE, {ONE, TWO}))
    assert outcome.done
    assert outcome.of(ONE).state == LineState.DONE
    assert (outcome.of(TWO).state, outcome.of(TWO).code) == (LineState.REJECTED, "E5")


def test_a_repeated_order_is_the_same_file(server: Server, settings: Settings) -> None:
    carrier = Sftp(settings)
    asyncio.run(carrier.submit(ORDER))
    sent = server.files / "outgoing" / NAME
    before = sent.stat().st_mtime_ns, sent.stat().st_ino
    asyncio.run(carrier.submit(ORDER))
    assert (sent.stat().st_mtime_ns, sent.stat().st_ino) == before
    sent.unlink()  # the carrier has taken it
    respond(server, f"TN,RESULT\n{ONE},OK\n")
    asyncio.run(carrier.submit(ORDER))
    assert not sent.exists()


def test_an_upload_that_broke_off_is_begun_anew(server: Server, settings: Settings) -> None:
    half = server.files / "outgoing" / f".{NAME}.part"
    half.write_text("ACTION,TN" * 1000)
    asyncio.run(Sftp(settings).submit(ORDER))
    assert not half.exists()
    assert (server.files / "outgoing" / NAME).read_text().count("\n") == 3


@pytest.mark.parametrize(
    "text",
    [
        f"TN,RESULT\n{ONE},OK\n+14155550199,OK\n",
        f"TN,RESULT\n{ONE},OK\n{TWO},O",
        "<html>not a response</html>\n",
        "TN,RESULT\n" + "x" * (MOST_BYTES + 10),
    ],
    ids=["another's number", "half", "HTML", "huge"],
)
def test_a_response_that_does_not_fit_is_not_believed(
    server: Server, settings: Settings, text: str
) -> None:
    respond(server, text)
    with pytest.raises(Unreadable):
        asyncio.run(Sftp(settings).poll(REFERENCE, {ONE, TWO}))


def test_another_host_key_ends_it_before_anything_is_sent(
    server: Server, settings: Settings
) -> None:
    wrong = replace(settings, known_hosts_file=server.known_hosts("other_key"))
    with pytest.raises(Unavailable, match="not pinned"):
        asyncio.run(Sftp(wrong).submit(ORDER))
    assert list((server.files / "outgoing").iterdir()) == []


def test_a_host_that_is_not_named_is_not_pinned(server: Server, settings: Settings) -> None:
    known = Path(settings.known_hosts_file)
    elsewhere = known.with_name("elsewhere")
    elsewhere.write_text(known.read_text().replace("127.0.0.1", "sftp.example.com"))
    with pytest.raises(Unavailable, match="not pinned"):
        asyncio.run(Sftp(replace(settings, known_hosts_file=str(elsewhere))).submit(ORDER))


def test_a_key_that_is_not_known_there_is_refused(server: Server, settings: Settings) -> None:
    stranger = replace(settings, key_file=str(server.root / "stranger_key"))
    with pytest.raises(Unavailable, match="credentials"):
        asyncio.run(Sftp(stranger).submit(ORDER))


class Gate(asyncssh.SSHServer):
    """Passwords, which the OpenSSH server here has none of."""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("carrier", "correct horse")


@pytest.mark.parametrize("password", ["correct horse", "wrong"])
def test_a_password_comes_from_its_file(
    server: Server, settings: Settings, tmp_path: Path, password: str
) -> None:
    (tmp_path / "password").write_text(password + "\n")

    async def run() -> None:
        def files(channel: asyncssh.SSHServerChannel) -> asyncssh.SFTPServer:
            return asyncssh.SFTPServer(channel, chroot=str(server.files).encode())

        host_keys = [str(server.root / "host_key")]
        listener = await asyncssh.create_server(
            Gate, "127.0.0.1", 0, server_host_keys=host_keys, sftp_factory=files
        )
        port = listener.get_port()
        known = tmp_path / "known_hosts"
        pinned = Path(settings.known_hosts_file).read_text()
        known.write_text(pinned.replace(str(server.port), str(port)))
        carrier = replace(
            settings,
            port=port,
            user="carrier",
            key_file=None,
            password_file=str(tmp_path / "password"),
            known_hosts_file=str(known),
        )
        try:
            await Sftp(carrier).submit(ORDER)
        finally:
            listener.close()
            await listener.wait_closed()

    if password == "wrong":
        with pytest.raises(Unavailable, match="credentials") as caught:
            asyncio.run(run())
        assert "wrong" not in str(caught.value)
    else:
        asyncio.run(run())
        assert (server.files / "outgoing" / NAME).exists()


def test_a_missing_directory_is_said(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="file operation"):
        asyncio.run(Sftp(replace(settings, outgoing="nowhere")).submit(ORDER))


def test_nobody_at_the_port_and_nobody_who_speaks(settings: Settings) -> None:
    with pytest.raises(Unavailable, match="out of reach"):
        asyncio.run(Sftp(replace(settings, port=1)).submit(ORDER))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mute = replace(settings, port=silent.getsockname()[1], patience=0.5)
        with pytest.raises(Unavailable):
            asyncio.run(Sftp(mute).submit(ORDER))


def test_a_private_address_is_connected_to_only_where_that_is_allowed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match="host is a private address"):
        Sftp(replace(settings, host="127.0.0.1", allow_loopback=False))
    named = Sftp(replace(settings, host="inside.example.com", allow_loopback=False))
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 22))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
    with pytest.raises(Unavailable, match="private"):
        asyncio.run(named.submit(ORDER))


def test_settings_that_cannot_serve_are_refused(settings: Settings, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for wrong in (
        replace(settings, known_hosts_file=str(empty)),
        replace(settings, known_hosts_file="/nonexistent"),
        replace(settings, key_file=None),
        replace(settings, password_file=settings.key_file),
    ):
        with pytest.raises(Refused):
            Sftp(wrong)
    for name in ("../outgoing/x.csv", "a/b"):
        with pytest.raises(Refused):
            asyncio.run(Sftp(settings).poll(name))
