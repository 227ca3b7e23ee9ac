"""The proxy as clients meet it: raw connections to a running hub."""

from __future__ import annotations

import json
import queue
import socket
import ssl
import time

import pytest

from tests.proxy.wire import (
    PATIENCE,
    SECONDARY,
    Proxy,
    read_all,
    read_answer,
    read_head,
    read_json,
    serving,
)

PROFILES = "/v1/CustomerProfiles"
FORM = f"FriendlyName=Proxy&Email=a%40example.com&PolicySid={SECONDARY}"


def test_a_tunnel_carries_several_requests_and_urls_keep_twilios_name(proxy: Proxy) -> None:
    host = "trusthub.twilio.com"
    with proxy.tunnel(host) as tunnel:
        made = []
        for _ in range(3):
            tunnel.sendall(proxy.request("POST", PROFILES, host, FORM))
            status, profile = read_json(tunnel)
            assert status == 201
            assert profile["url"] == f"https://{host}{PROFILES}/{profile['sid']}"
            made.append(profile["sid"])
        for sid in made:
            tunnel.sendall(proxy.request("DELETE", f"{PROFILES}/{sid}", host))
            assert read_json(tunnel) == (204, None)


@pytest.mark.parametrize(
    "host", ["trusthub.sydney.au1.twilio.com", "trusthub.ashburn.us1.twilio.com", "api.twilio.com"]
)
def test_every_twilio_host_has_a_certificate_of_its_own(proxy: Proxy, host: str) -> None:
    with proxy.tunnel(host) as tunnel:
        certificate = tunnel.getpeercert()
        assert certificate and certificate["subjectAltName"] == (("DNS", host),)
        assert tunnel.selected_alpn_protocol() == "http/1.1"
        tunnel.sendall(proxy.request("GET", "/v1/Policies?PageSize=1", host))
        status, page = read_json(tunnel)
        assert status == 200
        assert page["meta"]["next_page_url"].startswith(f"https://{host}/v1/Policies?")


def test_the_name_in_the_handshake_has_the_last_word(proxy: Proxy) -> None:
    with proxy.tunnel("api.twilio.com", sni="lookups.twilio.com") as tunnel:
        certificate = tunnel.getpeercert()
        assert certificate and certificate["subjectAltName"] == (("DNS", "lookups.twilio.com"),)


def test_a_host_in_capitals_is_the_same_host(proxy: Proxy) -> None:
    with proxy.tunnel("TRUSTHUB.Twilio.Com", sni="trusthub.twilio.com") as tunnel:
        tunnel.sendall(proxy.request("GET", "/healthz", "trusthub.twilio.com"))
        assert read_answer(tunnel)[2] == b"ok\n"


def test_a_body_may_wait_for_100_continue(proxy: Proxy) -> None:
    host = "trusthub.twilio.com"
    whole = proxy.request("POST", PROFILES, host, FORM, "Expect: 100-continue")
    with proxy.tunnel(host) as tunnel:
        tunnel.sendall(whole.removesuffix(FORM.encode()))
        assert read_head(tunnel).startswith(b"HTTP/1.1 100 ")
        tunnel.sendall(FORM.encode())
        assert read_json(tunnel)[0] == 201


def test_the_tls_port_answers_by_the_name_it_is_asked_for(proxy: Proxy) -> None:
    for host in ("trusthub.twilio.com", "api.dublin.ie1.twilio.com", "localhost"):
        with (
            socket.create_connection(proxy.tls_address, timeout=PATIENCE) as plain,
            proxy.context().wrap_socket(plain, server_hostname=host) as secured,
        ):
            secured.sendall(proxy.request("GET", "/v1/Policies?PageSize=1", host))
            status, page = read_json(secured)
            assert status == 200
            assert page["meta"]["next_page_url"].startswith(f"https://{host}/v1/Policies?")


def test_a_client_that_does_not_trust_the_run_is_named_in_the_log(proxy: Proxy) -> None:
    with proxy.connection() as plain:
        plain.sendall(b"CONNECT distrusted.twilio.com:443 HTTP/1.1\r\n\r\n")
        read_head(plain)
        elsewhere = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with pytest.raises(ssl.SSLCertVerificationError):
            elsewhere.wrap_socket(plain, server_hostname="distrusted.twilio.com")
    deadline = time.monotonic() + PATIENCE
    while "distrusted.twilio.com" not in proxy.log() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert "did not trust" in proxy.log()


def test_twilio_is_answered_on_its_port_only_and_never_dialled(proxy: Proxy) -> None:
    with proxy.connection() as plain:
        plain.sendall(b"CONNECT api.twilio.com:8443 HTTP/1.1\r\n\r\n")
        status, _, body = read_answer(plain)
    assert status == 403
    assert b"port 443 only" in body


def test_bytes_before_the_answer_to_connect_are_refused(proxy: Proxy) -> None:
    with proxy.connection() as plain:
        plain.sendall(b"CONNECT api.twilio.com:443 HTTP/1.1\r\n\r\nhello")
        assert read_answer(plain)[0] == 400


def test_other_hosts_get_a_tunnel_and_a_half_close_goes_through(proxy: Proxy) -> None:
    def backwards(connection: socket.socket) -> None:
        connection.sendall(read_all(connection)[::-1])

    with serving(backwards) as port, proxy.connection() as plain:
        plain.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\nfirst ".encode())
        assert read_head(plain) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        plain.sendall(b"then")
        plain.shutdown(socket.SHUT_WR)
        assert read_all(plain) == b"neht tsrif"


def test_a_tunnel_holds_back_a_sender_whose_reader_is_slow(proxy: Proxy) -> None:
    size = 64 << 20
    sent: queue.Queue[int] = queue.Queue()

    def pour(connection: socket.socket) -> None:
        connection.settimeout(1)
        total = 0
        block = bytes(1 << 20)
        try:
            while total < size:
                total += connection.send(block)
        except TimeoutError:
            sent.put(total)

    with serving(pour) as port, proxy.connection() as plain:
        plain.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        read_head(plain)
        # The reader reads nothing: what was taken lies in the kernel's buffers and ours.
        assert sent.get(timeout=PATIENCE) < size // 2


def test_a_host_that_cannot_be_reached_is_a_502_that_names_it(proxy: Proxy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with proxy.connection() as plain:
        plain.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
        status, _, body = read_answer(plain)
    assert status == 502
    assert f"127.0.0.1 port {port}" in body.decode()


def test_a_plain_request_is_forwarded_and_its_answer_streams(proxy: Proxy) -> None:
    go_on: queue.Queue[None] = queue.Queue()
    heard: queue.Queue[bytes] = queue.Queue()

    def slowly(connection: socket.socket) -> None:
        heard.put(read_head(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        go_on.get(timeout=PATIENCE)
        connection.sendall(b"later")

    with serving(slowly) as port, proxy.connection() as plain:
        plain.sendall(
            f"GET http://127.0.0.1:{port}/x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            "Proxy-Connection: keep-alive\r\nX-Mine: kept\r\n\r\n".encode()
        )
        read_head(plain)
        assert plain.recv(5, socket.MSG_WAITALL) == b"first"
        go_on.put(None)
        assert read_all(plain) == b"later"
    head = heard.get_nowait()
    assert head.startswith(f"GET /x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode())
    assert b"X-Mine: kept\r\n" in head
    assert b"Proxy-Connection" not in head


def test_a_plain_request_to_twilio_is_answered_and_the_next_is_another_connections(
    proxy: Proxy,
) -> None:
    host = "trusthub.twilio.com"
    request = proxy.request("GET", f"http://{host}/v1/Policies?PageSize=1", host)
    with proxy.connection() as plain:
        plain.sendall(request)
        status, headers, body = read_answer(plain)
        assert status == 200
        assert json.loads(body)["meta"]["next_page_url"].startswith(f"http://{host}/v1/Policies?")
        assert headers["connection"] == "close"
        assert plain.recv(1) == b""


def test_a_head_that_is_too_large_is_a_431(proxy: Proxy) -> None:
    with proxy.connection() as plain:
        plain.sendall(b"CONNECT api.twilio.com:443 HTTP/1.1\r\nX: " + b"a" * (32 << 10))
        status, _, body = read_answer(plain)
    assert status == 431
    assert b"16384" in body


def test_the_proxys_own_address_says_that_it_is_a_proxy(proxy: Proxy) -> None:
    with proxy.connection() as plain:
        plain.sendall(b"GET /v1/Policies HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        status, _, body = read_answer(plain)
    assert status == 400
    assert b"this port is a proxy" in body


@pytest.mark.parametrize(
    "line", ["CONNECT example.com:443 HTTP/1.1", "GET http://example.com/ HTTP/1.1"]
)
def test_offline_lets_nothing_leave_this_machine(offline_proxy: Proxy, line: str) -> None:
    with offline_proxy.connection() as plain:
        plain.sendall(f"{line}\r\n\r\n".encode())
        status, _, body = read_answer(plain)
    assert status == 403
    assert body == (
        b"phonotary: example.com is not on this machine, and --offline lets nothing leave it.\n"
    )


def test_offline_still_answers_for_twilio_and_reaches_this_machine(offline_proxy: Proxy) -> None:
    host = "trusthub.twilio.com"
    with offline_proxy.tunnel(host) as tunnel:
        tunnel.sendall(offline_proxy.request("GET", "/healthz", host))
        assert read_answer(tunnel)[0] == 200
    with (
        serving(lambda connection: connection.sendall(b"here")) as port,
        offline_proxy.connection() as plain,
    ):
        plain.sendall(f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n".encode())
        read_head(plain)
        assert read_all(plain) == b"here"
