"""One careful GET, against servers on this machine that do what strangers' servers may do."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from phonotary.outbound.fetch import MAX_BODY, Fetched, Fetcher, lifetime
from phonotary.shaken.verdicts import Unobtainable
from tests.simulators import lying_repository as lies
from tests.simulators.lying_repository import PEM_TYPE, LyingRepository
from tests.simulators.streams import listening

BODY = b"-----BEGIN CERTIFICATE-----\n"


def fetch(
    arrange: Callable[[LyingRepository], str], *, within: float = 0.9, **settings: Any
) -> Fetched:
    """What one GET of the arranged address gives; the test fails when it takes long."""

    async def run() -> Fetched:
        async with lies.running() as repository:
            url = arrange(repository)
            fetcher = Fetcher(**{"lab": frozenset({repository.origin}), **settings})
            begun = time.monotonic()
            try:
                async with asyncio.timeout(0.5):
                    return await fetcher.get(url, PEM_TYPE)
            finally:
                assert time.monotonic() - begun < within
                await fetcher.close()

    return asyncio.run(run())


def refusal(arrange: Callable[[LyingRepository], str], **settings: Any) -> Unobtainable:
    with pytest.raises(Unobtainable) as caught:
        fetch(arrange, **settings)
    return caught.value


def test_a_body_comes_as_it_was_served() -> None:
    found = fetch(lambda there: there.at("/c", lies.serves(BODY)))
    assert found == Fetched(BODY, None)


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_a_redirect_is_not_followed(status: str) -> None:
    asked: list[LyingRepository] = []

    def arrange(there: LyingRepository) -> str:
        asked.append(there)
        to = there.at("/d", lies.serves(BODY))
        return there.at("/c", lies.serves(b"", PEM_TYPE, f"Location: {to}", status=f"{status} Go"))

    assert refusal(arrange).fault == "redirect"
    assert asked[0].requests == ["/c"]


@pytest.mark.parametrize("status", ["204 None", "206 Part", "404 Not Found", "500 Oh"])
def test_only_a_200_counts(status: str) -> None:
    found = refusal(lambda there: there.at("/c", lies.serves(b"", status=status)))
    assert found.fault == "status"


@pytest.mark.parametrize("told", [True, False])
def test_no_more_than_the_cap_is_read(told: bool) -> None:
    assert refusal(lambda there: there.at("/c", lies.endless(told))).fault == "size"


def test_a_body_of_exactly_the_cap_is_read() -> None:
    body = BODY.ljust(MAX_BODY)
    assert len(fetch(lambda there: there.at("/c", lies.serves(body))).body) == MAX_BODY
    longer = body + b" "
    assert refusal(lambda there: there.at("/c", lies.serves(longer))).fault == "size"


def test_an_exchange_that_breaks_off_is_a_failure() -> None:
    assert refusal(lambda there: there.at("/c", lies.breaks_off())).fault == "connect"


@pytest.mark.parametrize("behaviour", [lies.never(), lies.drips(BODY)])
def test_a_slow_server_does_not_outlast_the_callers_patience(behaviour: lies.Behaviour) -> None:
    with pytest.raises(TimeoutError):
        fetch(lambda there: there.at("/c", behaviour))


def test_another_media_type_is_let_pass() -> None:
    found = fetch(lambda there: there.at("/c", lies.serves(BODY, "text/plain; charset=utf-8")))
    assert found.body == BODY


def test_a_compressed_body_is_refused_unopened() -> None:
    served = lies.serves(BODY, PEM_TYPE, "Content-Encoding: gzip")
    assert refusal(lambda there: there.at("/c", served)).fault == "type"


def test_nobody_at_the_port_is_a_failure() -> None:
    def arrange(there: LyingRepository) -> str:
        return "http://127.0.0.1:1/c"

    assert refusal(arrange, lab=frozenset({"http://127.0.0.1:1"})).fault == "connect"


def test_the_laboratory_is_excused_by_origin_only() -> None:
    found = refusal(lambda there: there.at("/c", lies.serves(BODY)), lab=frozenset())
    assert found.fault == "address"


def resolving(*addresses: str) -> Callable[[str, int], Coroutine[Any, Any, list[str]]]:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("10.0.0.1",),
        ("169.254.169.254",),
        ("::1",),
        ("fe80::1",),
        ("fd00::1",),
        ("::ffff:10.0.0.1",),
        ("0.0.0.0",),
        ("100.64.0.1",),
        ("93.184.216.34", "192.168.0.1"),
        (),
    ],
)
def test_a_name_that_leads_to_a_private_address_is_not_connected_to(
    addresses: tuple[str, ...],
) -> None:
    found = refusal(
        lambda there: "https://certificates.example/c.pem", resolve=resolving(*addresses)
    )
    assert found.fault == "address"


def test_a_private_address_in_the_uri_itself_is_not_connected_to() -> None:
    for host in ("127.0.0.1", "[::1]", "0x7f000001", "2130706433", "127.1"):
        assert refusal(lambda there, host=host: f"https://{host}/c.pem").fault == "address"


def test_a_name_that_does_not_resolve_has_no_address() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    found = refusal(lambda there: "https://certificates.example/c.pem", resolve=resolve)
    assert found.fault == "address"


def test_the_connection_goes_to_the_address_that_was_checked_under_the_name_that_was_asked() -> (
    None
):
    asked: list[LyingRepository] = []

    def arrange(there: LyingRepository) -> str:
        asked.append(there)
        there.at("/c", lies.serves(BODY))
        return f"http://laboratory.test:{there.port}/c"

    async def run() -> Fetched:
        async with lies.running() as repository:
            url = arrange(repository)
            origin = frozenset({url.removesuffix("/c")})
            fetcher = Fetcher(lab=origin, resolve=resolving("127.0.0.1"))
            try:
                return await fetcher.get(url, PEM_TYPE)
            finally:
                await fetcher.close()

    assert asyncio.run(run()).body == BODY
    assert f"host: laboratory.test:{asked[0].port}" in asked[0].heads[0].lower()


def certificate(tmp_path: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for one name, and a client's that trusts exactly it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    pem = cert.public_bytes(Encoding.PEM)
    both = tmp_path / "server.pem"
    both.write_bytes(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(both)
    client = ssl.create_default_context(cadata=pem.decode())
    return server, client


@pytest.mark.parametrize(
    ("name", "fault"), [("laboratory.test", None), ("another.test", "tls"), ("untrusted", "tls")]
)
def test_tls_holds_for_the_name_and_not_for_the_address(
    tmp_path: Path, name: str, fault: str | None
) -> None:
    server, client = certificate(tmp_path, name)
    if name == "untrusted":
        client = ssl.create_default_context()

    async def run() -> Fetched:
        async with lies.running(server) as repository:
            repository.at("/c", lies.serves(BODY))
            origin = f"https://laboratory.test:{repository.port}"
            fetcher = Fetcher(lab=frozenset({origin}), tls=client, resolve=resolving("127.0.0.1"))
            try:
                return await fetcher.get(f"{origin}/c", PEM_TYPE)
            finally:
                await fetcher.close()

    if fault is None:
        assert asyncio.run(run()).body == BODY
    else:
        with pytest.raises(Unobtainable) as caught:
            asyncio.run(run())
        assert caught.value.fault == fault


@asynccontextmanager
async def far_away(port: int, seconds: float) -> AsyncIterator[int]:
    """A port that leads to another one, and whose first word takes that long."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(pump(reader, to_writer), pump(to_reader, writer))
        finally:
            for each in (writer, to_writer):
                each.close()
                with suppress(ConnectionError):
                    await each.wait_closed()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while part := await source.read(65_536):
                sink.write(part)
            sink.write_eof()

    async with listening(answer) as found:
        yield found


def test_who_takes_long_to_connect_is_given_longer_at_the_second_attempt(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "laboratory.test")

    async def run() -> Fetched:
        async with lies.running(server) as there, far_away(there.port, 0.35) as port:
            there.at("/c", lies.serves(BODY))
            origin = f"https://laboratory.test:{port}"
            # Nobody listens at the other address, which is not tried twice.
            found = resolving("::1", "127.0.0.1")
            fetcher = Fetcher(lab=frozenset({origin}), tls=client, resolve=found)
            try:
                return await fetcher.get(f"{origin}/c", PEM_TYPE)
            finally:
                await fetcher.close()

    assert asyncio.run(run()).body == BODY


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": "max-age=172800"}, 172_800),
        ({"cache-control": "public, Max-Age=10"}, 10),
        ({"cache-control": "s-maxage=5, no-store"}, None),
        ({"cache-control": "x-max-age=7"}, None),
        ({"cache-control": "max-age=never"}, None),
        (
            {
                "date": "Sun, 06 Nov 1994 08:49:37 GMT",
                "expires": "Mon, 07 Nov 1994 08:49:37 GMT",
            },
            86_400,
        ),
        (
            {
                "cache-control": "max-age=5",
                "date": "Sun, 06 Nov 1994 08:49:37 GMT",
                "expires": "Mon, 07 Nov 1994 08:49:37 GMT",
            },
            5,
        ),
        ({"date": "Sun, 06 Nov 1994 08:49:37 GMT", "expires": "0"}, None),
        (
            {
                "date": "Mon, 07 Nov 1994 08:49:37 GMT",
                "expires": "Sun, 06 Nov 1994 08:49:37 GMT",
            },
            0,
        ),
    ],
)
def test_a_lifetime_is_what_the_headers_say(headers: dict[str, str], seconds: int | None) -> None:
    assert lifetime(headers) == seconds


@pytest.mark.parametrize("host", ["xn--zz.evil.example", "xn--.evil.example"])
def test_a_name_that_dns_cannot_hold_is_no_address(host: str) -> None:
    async def run() -> None:
        async def anywhere(host: str, port: int) -> list[str]:
            return ["192.0.2.1"]

        fetcher = Fetcher(resolve=anywhere)
        try:
            with pytest.raises(Unobtainable) as refused:
                async with asyncio.timeout(2):
                    await fetcher.get(f"https://{host}/c", "text/plain")
            assert refused.value.fault in ("address", "connect")
        finally:
            await fetcher.close()

    asyncio.run(run())
