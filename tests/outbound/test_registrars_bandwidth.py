"""LIDB orders to a server that keeps them as Bandwidth's documents say, and to one that fails."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from phonotary.cnam.orders import (
    Action,
    Line,
    LineState,
    Order,
    OrderUnknown,
    Unavailable,
    Unreadable,
    Visibility,
)
from phonotary.errors import Refused
from phonotary.outbound.registrars.bandwidth import Bandwidth, Settings
from tests.simulators import lidb
from tests.simulators import lying_repository as lies
from tests.simulators.lidb import Lidb, Peer

ONE, TWO, FREE, STRANGE = "+14155550100", "+14155550101", "+18005550100", "+12125550100"


def order(
    *numbers: str, key: str = "key-1", action: Action = Action.REGISTER, name: str = "ACME"
) -> Order:
    return Order(key, action, tuple(Line(each, name) for each in numbers or (ONE, TWO)))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    return Settings(
        "bandwidth", "9900000", "api-user", str(password), allow_loopback=True, patience=10
    )


@asynccontextmanager
async def there(settings: Settings, **how: bool) -> AsyncIterator[tuple[Lidb, Peer, Bandwidth]]:
    database = Lidb(owned={ONE[2:], TWO[2:]}, **how)
    async with lidb.peer(database) as peer:
        yield database, peer, Bandwidth(replace(settings, url=peer.url + "/api"))
    assert database.malformed == []


@pytest.mark.parametrize("wrapped", [False, True])
def test_an_order_goes_from_received_to_complete(settings: Settings, wrapped: bool) -> None:
    async def run() -> None:
        async with there(settings, wrapped=wrapped) as (database, _, bandwidth):
            outcome = await bandwidth.submit(order())
            assert outcome.order_ref in database.orders
            assert outcome.of(ONE).state == LineState.SUBMITTED
            seen = []
            for _ in range(3):
                outcome = await bandwidth.poll(outcome.order_ref, {ONE, TWO})
                seen.append((outcome.of(TWO).state, outcome.done))
                database.advance()
            assert seen == [
                (LineState.SUBMITTED, False),
                (LineState.ACCEPTED, False),
                (LineState.DONE, True),
            ]
            assert database.stored[ONE[2:]].name == "ACME"

    asyncio.run(run())


def test_errors_are_of_single_numbers(settings: Settings) -> None:
    async def run() -> None:
        async with there(settings) as (database, _, bandwidth):
            outcome = await bandwidth.submit(order(ONE, TWO, FREE, STRANGE))
            database.time_out = {TWO[2:]}
            database.advance()
            database.advance()
            outcome = await bandwidth.poll(outcome.order_ref)
            assert outcome.done
            assert {n: (outcome.of(n).state, outcome.of(n).code) for n in outcome.per_number} == {
                ONE: (LineState.DONE, None),
                TWO: (LineState.QUEUED, "5015"),
                FREE: (LineState.REJECTED, "11015"),
                STRANGE: (LineState.REJECTED, "11014"),
            }

    asyncio.run(run())


def test_what_is_settled_already_does_not_stand_in_the_way_of_the_rest(settings: Settings) -> None:
    async def run() -> None:
        async with there(settings) as (database, _, bandwidth):
            outcome = await bandwidth.submit(order(ONE, STRANGE))
            assert outcome.of(STRANGE).state == LineState.REJECTED
            database.advance()
            database.advance()
            outcome = await bandwidth.poll(outcome.order_ref, [ONE])
            assert set(outcome.per_number) == {ONE}
            assert outcome.of(ONE).state == LineState.DONE

    asyncio.run(run())


def test_an_order_of_nothing_but_errors_fails(settings: Settings) -> None:
    async def run() -> None:
        async with there(settings) as (database, _, bandwidth):
            ref = (await bandwidth.submit(order(STRANGE))).order_ref
            database.advance()
            database.advance()
            assert database.orders[ref].status == "FAILED"
            outcome = await bandwidth.poll(ref)
            assert (outcome.done, outcome.of(STRANGE).code) == (True, "11014")

    asyncio.run(run())


@pytest.mark.parametrize("listed_ids", [True, False])
def test_a_submission_whose_answer_was_lost_makes_no_second_order(
    settings: Settings, listed_ids: bool
) -> None:
    async def run() -> None:
        async with there(settings, listed_ids=listed_ids) as (database, peer, bandwidth):
            await bandwidth.submit(order(key="another"))
            for _ in range(2):
                database.advance()
            peer.lost = [False] * (1 if listed_ids else 2) + [True]
            with pytest.raises(Unavailable):
                await bandwidth.submit(order())
            assert len(database.orders) == 2
            outcome = await bandwidth.submit(order())
            assert database.orders[outcome.order_ref].customer_order_id == "key-1"
            assert len(database.orders) == 2

    asyncio.run(run())


def test_a_number_in_anothers_order_counts_as_submitted_and_is_then_ordered_anew(
    settings: Settings,
) -> None:
    async def run() -> None:
        async with there(settings) as (database, _, bandwidth):
            await bandwidth.submit(order(ONE, key="first", name="OLD"))
            outcome = await bandwidth.submit(order(ONE, TWO, key="second"))
            assert (outcome.of(ONE).state, outcome.of(ONE).code) == (LineState.SUBMITTED, "11020")
            database.advance()
            database.advance()
            outcome = await bandwidth.poll(outcome.order_ref)
            assert outcome.of(ONE).state == LineState.QUEUED
            assert outcome.of(TWO).state == LineState.DONE
            await bandwidth.submit(order(ONE, key="third"))
            database.advance()
            database.advance()
            assert database.stored[ONE[2:]].name == "ACME"

    asyncio.run(run())


def test_a_removal_hides_the_name(settings: Settings) -> None:
    async def run() -> None:
        async with there(settings) as (database, _, bandwidth):
            await bandwidth.submit(order(ONE))
            database.advance()
            database.advance()
            await bandwidth.submit(order(ONE, key="away", action=Action.REMOVE))
            database.advance()
            database.advance()
            assert database.stored[ONE[2:]].visibility == Visibility.PRIVATE
            nameless = Order("n", Action.REMOVE, (Line(ONE, ""),))
            assert (await bandwidth.submit(nameless)).of(ONE).state == LineState.REJECTED
            assert len(database.orders) == 2

    asyncio.run(run())


def test_a_refused_order_has_bandwidths_code_and_text(settings: Settings) -> None:
    async def run() -> None:
        async with there(settings) as (_, peer, bandwidth):
            said = "<Code>11007</Code><Description>No visibility supplied.</Description>"
            errors = f"<ErrorList><Error>{said}</Error></ErrorList>"
            body = f"<LidbOrderResponse>{errors}</LidbOrderResponse>".encode()
            bad = lies.serves(body, "application/xml", status="400 Bad Request")
            peer.faults = [None, bad]
            outcome = await bandwidth.submit(order())
            assert outcome.done
            assert outcome.of(ONE).state == LineState.REJECTED
            assert (outcome.of(ONE).code, outcome.of(ONE).text) == (
                "11007",
                "No visibility supplied.",
            )

    asyncio.run(run())


def test_an_unknown_order_is_told_apart_from_a_fault(settings: Settings) -> None:
    async def run() -> None:
        async with there(settings) as (_, peer, bandwidth):
            for ref in ("2dda315b-e669", "../../users", ""):
                with pytest.raises(OrderUnknown):
                    await bandwidth.poll(ref)
            assert len(peer.asked) == 1  # what is no reference is not asked for

    asyncio.run(run())


def test_another_order_or_number_in_the_answer_is_not_believed(settings: Settings) -> None:
    async def run() -> None:
        async with there(settings) as (database, peer, bandwidth):
            one = (await bandwidth.submit(order(ONE))).order_ref
            with pytest.raises(Unreadable):
                await bandwidth.poll(one, {TWO})
            other = database.orders[one]
            database.orders["b"] = other
            with pytest.raises(Unreadable):
                await bandwidth.poll("b")
            assert peer.methods() == ["GET", "POST", "GET", "GET"]

    asyncio.run(run())


LAUGHS = b'<!DOCTYPE a [<!ENTITY l "l"><!ENTITY m "&l;&l;&l;&l;">]><LidbOrder>&m;</LidbOrder>'
FAULTS = {
    "500": lies.serves(b"oh", "text/plain", status="500 Oh"),
    "503": lies.serves(b"", "text/plain", "Retry-After: 120", status="503 Later"),
    "401": lies.serves(b"", "text/plain", status="401 Who"),
    "403": lies.serves(b"", "text/plain", status="403 No"),
    "redirect": lies.serves(b"", "text/plain", "Location: http://127.0.0.1/", status="302 Go"),
    "silent": lies.never(),
    "dripping": lies.drips(b"x" * 1000),
    "broken off": lies.breaks_off(),
    "endless": lies.endless(),
    "hostile": lies.serves(LAUGHS, "application/xml"),
    "HTML": lies.serves(b"<html><body>Sorry</body></html>", "text/html"),
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("at", [0, 1])
def test_whatever_fails_is_to_be_tried_again(settings: Settings, kind: str, at: int) -> None:
    if kind in ("silent", "dripping"):
        settings = replace(settings, patience=0.8)

    async def run() -> None:
        async with there(settings) as (database, peer, bandwidth):
            peer.faults = [None] * at + [FAULTS[kind]]
            begun = time.monotonic()
            with pytest.raises(Unavailable) as caught:
                await bandwidth.submit(order())
            assert time.monotonic() - begun < 3
            assert caught.value.retry_after == (120 if kind == "503" else None)
            assert "correct" not in str(caught.value)
            assert database.orders == {}
            assert (await bandwidth.submit(order())).order_ref in database.orders

    asyncio.run(run())


@pytest.mark.parametrize(
    ("header", "seconds"), [("30", 30), ("999999999", 86_400), ("soon", None), ("-1", None)]
)
def test_a_429_says_how_long_to_wait(settings: Settings, header: str, seconds: int | None) -> None:
    async def run() -> None:
        async with there(settings) as (_, peer, bandwidth):
            wait = lies.serves(b"", "text/plain", f"Retry-After: {header}", status="429 Wait")
            peer.faults = [wait]
            with pytest.raises(Unavailable) as caught:
                await bandwidth.poll("2dda315b")
            assert caught.value.retry_after == seconds

    asyncio.run(run())


def certificate(directory: Path, address: str) -> tuple[ssl.SSLContext, str]:
    """A server's context for one address, and the file of the only root that it has."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "LIDB")])
    now = datetime.now(UTC)
    names = [x509.IPAddress(ipaddress.ip_address(address))]
    pem = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )
    root, both = directory / "root.pem", directory / "server.pem"
    root.write_bytes(pem)
    both.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(both)
    return server, str(root)


@pytest.mark.parametrize(
    ("address", "trusted", "holds"),
    [("127.0.0.1", True, True), ("127.0.0.2", True, False), ("127.0.0.1", False, False)],
)
def test_tls_holds_for_the_root_and_the_name(
    settings: Settings, tmp_path: Path, address: str, trusted: bool, holds: bool
) -> None:
    tls, root = certificate(tmp_path, address)

    async def run() -> int:
        database = Lidb(owned={ONE[2:], TWO[2:]})
        async with lidb.peer(database, tls) as peer:
            ca_file = root if trusted else None
            bandwidth = Bandwidth(replace(settings, url=peer.url + "/api", ca_file=ca_file))
            if holds:
                await bandwidth.submit(order())
            else:
                with pytest.raises(Unavailable):
                    await bandwidth.submit(order())
            return len(database.orders)

    assert asyncio.run(run()) == int(holds)


def test_nobody_at_the_port_is_to_be_tried_again(settings: Settings) -> None:
    bandwidth = Bandwidth(replace(settings, url="http://127.0.0.1:1/api"))
    with pytest.raises(Unavailable):
        asyncio.run(bandwidth.submit(order()))


def test_this_machine_is_asked_only_where_that_is_allowed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused):
        Bandwidth(replace(settings, url="http://127.0.0.1:1/api", allow_loopback=False))
    named = "https://inside.example.com:1/api"
    hidden = Bandwidth(replace(settings, url=named, allow_loopback=False))
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: here)
    with pytest.raises(Unavailable, match="private"):
        asyncio.run(hidden.poll("2dda315b"))
    monkeypatch.undo()
    plain = Bandwidth(replace(settings, url="http://1.1.1.1/api"))
    with pytest.raises(Unavailable, match="private"):
        asyncio.run(plain.poll("2dda315b"))


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "[::1]", "localhost", "LocalHost.", "10.1.2.3", "192.168.0.9"),
        *("172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[fe80::1]", "[fc00::1]"),
        "[::ffff:10.0.0.1]",
    ],
)
def test_a_url_with_a_private_address_is_a_wrong_setting(settings: Settings, host: str) -> None:
    wrong = replace(settings, url=f"https://{host}:8443/api", allow_loopback=False)
    with pytest.raises(Refused, match="bandwidth's url is a private address"):
        Bandwidth(wrong)
    for public in ("8.8.8.8", "[2606:4700::1111]", "lidb.example.com"):
        Bandwidth(replace(settings, url=f"https://{public}/api", allow_loopback=False))


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://dashboard.example.com/api", "allow_loopback": False},
        {"url": "https://user:pw@dashboard.example.com/api"},
        {"url": "ftp://dashboard.example.com"},
        {"account": "../users"},
        {"password_file": "/nonexistent"},
        {"password_file": "/dev/null"},
    ],
)
def test_settings_that_cannot_serve_are_refused(
    settings: Settings, wrong: dict[str, str | bool]
) -> None:
    with pytest.raises(Refused):
        Bandwidth(replace(settings, **wrong))  # type: ignore[arg-type]
