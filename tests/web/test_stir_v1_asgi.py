"""What only the ASGI adapter of ``/stir/v1`` can meet, and the certificate repository."""

from __future__ import annotations

import asyncio
import json
import uuid

import httpx
import pytest
from cryptography import x509

from phonotary.web.stir_v1 import MAX_BODY, SIGNING, AsgiApp, Headers, asgi, certs_app
from tests.web import stir
from tests.web.stir import (
    CREDENTIAL,
    GOOD,
    ISSUED,
    KNOWN,
    SAMPLE,
    Answer,
    Services,
    assert_error,
    error,
    over_asgi,
)

BODY = json.dumps(SAMPLE).encode()


def drive(
    server: AsgiApp,
    headers: list[tuple[bytes, bytes]],
    chunks: list[bytes],
    method: str = "POST",
    path: str = SIGNING,
) -> Answer | None:
    """One request with its body in chunks, after which the client leaves; None for no answer."""
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    return stir.drive(server, scope, chunks)


def good(length: int) -> list[tuple[bytes, bytes]]:
    sent = {**GOOD, "content-length": str(length)}
    return [(k.encode(), v.encode()) for k, v in sent.items()]


def test_a_true_http_client_gets_the_same() -> None:
    async def talk() -> httpx.Response:
        transport = httpx.ASGITransport(app=asgi(Services().door()))
        async with httpx.AsyncClient(transport=transport, base_url="http://local") as client:
            return await client.post(SIGNING, json=SAMPLE, headers=KNOWN)

    response = asyncio.run(talk())
    assert response.status_code == 200
    assert response.headers["X-Phonotary-Attestation"] == "A"


@pytest.mark.parametrize("length", ["-1", "ten", "1, 2", "9" * 40, "\u00b2"])
def test_a_length_is_a_number(length: str) -> None:
    answer = over_asgi(Services().door(), "POST", SIGNING, {**GOOD, "content-length": length}, BODY)
    assert_error(answer, "SVC4005", "Content-Length", error(answer)["variables"][1])


def test_a_body_longer_than_it_says_is_still_bounded() -> None:
    answer = drive(asgi(Services().door()), good(10), [b" " * 10_000] * 4)
    assert answer is not None
    assert_error(answer, "SVC4006", f"it is longer than {MAX_BODY} bytes")


def test_a_body_may_come_in_pieces() -> None:
    answer = drive(asgi(Services().door()), good(len(BODY)), [BODY[:7], b"", BODY[7:]])
    assert answer is not None
    assert answer.status == 200


def test_nobody_is_answered_after_they_left() -> None:
    services = Services()
    assert drive(asgi(services.door()), good(5), []) is None
    assert services.to_sign == []


def test_headers_sent_twice_are_not_quietly_chosen_between() -> None:
    seen: list[bytes] = []

    def authenticate(headers: Headers) -> str | None:
        seen.append(headers[b"authorization"])
        return None

    twice = [(b"authorization", b"Basic a"), (b"authorization", b"Basic b")]
    drive(asgi(Services().door(authenticate=authenticate)), twice, [])
    assert seen == [b"Basic a, Basic b"]


def test_a_request_id_with_a_line_break_is_replaced() -> None:
    sent = {**GOOD, "x-requestid": "a\r\nset-cookie: b"}
    answered = over_asgi(Services().door(), "POST", SIGNING, sent).headers["x-requestid"]
    assert str(uuid.UUID(answered)) == answered


REPOSITORY = certs_app({"leaf.pem": ISSUED.chain_pem})


def certificate(method: str = "GET", path: str = "/certs/leaf.pem") -> Answer:
    answer = drive(REPOSITORY, [], [], method, path)
    assert answer is not None
    return answer


def test_the_repository_serves_the_chain_leaf_first() -> None:
    answer = certificate()
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/pem-certificate-chain"
    assert answer.headers["content-length"] == str(len(answer.body))
    leaf, ca = x509.load_pem_x509_certificates(answer.body)
    assert leaf.public_key() == CREDENTIAL.key.public_key()
    assert leaf.issuer == ca.subject


def test_a_head_request_gets_the_headers_only() -> None:
    assert certificate("HEAD").headers == certificate().headers
    assert certificate("HEAD").body == b""


@pytest.mark.parametrize("path", ["/certs/", "/certs/other.pem", "/certs/../leaf.pem", "/leaf.pem"])
def test_an_unknown_certificate_is_not_found(path: str) -> None:
    assert certificate(path=path).status == 404


def test_a_chain_can_only_be_read() -> None:
    answer = certificate("POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_a_chain_published_later_is_served() -> None:
    chains: dict[str, bytes] = {}
    server = certs_app(chains)
    before = drive(server, [], [], "GET", "/certs/new.pem")
    chains["new.pem"] = ISSUED.chain_pem
    after = drive(server, [], [], "GET", "/certs/new.pem")
    assert before is not None
    assert after is not None
    assert (before.status, after.status) == (404, 200)
