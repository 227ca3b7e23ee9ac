"""The laboratory's doors: paths, methods, types and bounds; what they carry is the room's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from phonotary.shaken import jose
from phonotary.shaken.laboratory import tokens
from phonotary.shaken.laboratory.laboratory import ACME, STI_PA
from phonotary.web.laboratory import doors
from tests.rooms.shaken.laboratory_scenes import NOW, ORIGIN, OWL, SCOPE, Client, laboratory

LAB = laboratory()
VECTORS = Path(__file__).parents[1] / "vectors" / "sti_pa_api.json"
Exchange = tuple[int, dict[str, str], bytes]


def ask(method: str, path: str, body: bytes = b"", lab: Any = LAB, **headers: str) -> Exchange:
    sent: list[dict[str, Any]] = []
    pieces = [body[:10], body[10:]]

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        sent.append(message)

    found = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": found}
    asyncio.run(doors.app(lambda: lab, lambda: NOW)(scope, receive, send))
    start, end = sent
    heads = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], heads, end["body"]


def test_the_directory_names_every_resource_of_its_own_profile() -> None:
    for path in LAB.servers:
        status, headers, body = ask("GET", f"{path}/directory")
        assert status == 200
        assert headers["content-type"] == "application/json"
        places = json.loads(body)
        assert places["newOrder"] == f"{ORIGIN}{path}/new-order"


def test_a_nonce_comes_by_head_and_by_get() -> None:
    for method, wanted in (("HEAD", 200), ("GET", 204)):
        status, headers, body = ask(method, f"{ACME}/new-nonce")
        assert (status, body) == (wanted, b"")
        assert headers["replay-nonce"]
        assert headers["cache-control"] == "no-store"
        assert 'rel="index"' in headers["link"]


def test_an_account_is_made_through_the_door() -> None:
    client = Client(LAB)
    nonce = ask("HEAD", f"{ACME}/new-nonce")[1]["replay-nonce"]
    header = {"nonce": nonce, "url": client.url("new-account")}
    header["jwk"] = jose.jwk(client.key.public_key())  # type: ignore[assignment]
    body = jose.sign_flattened(client.key, header, b"{}")
    status, headers, _ = ask("POST", f"{ACME}/new-account", body, content_type=JOSE)
    assert status == 201
    assert headers["location"].startswith(f"{ORIGIN}{ACME}/account/")
    assert headers["replay-nonce"] != nonce


JOSE = "application/jose+json"


def test_a_request_of_another_type_is_refused_with_a_problem() -> None:
    status, headers, body = ask("POST", f"{ACME}/new-order", b"{}", content_type="text/plain")
    assert status == 415
    assert headers["content-type"] == "application/problem+json"
    assert json.loads(body)["type"] == "urn:ietf:params:acme:error:malformed"


@pytest.mark.parametrize("length", [str(doors.MAX_BODY + 1), ""])
def test_a_body_over_the_bound_is_refused_announced_or_not(length: str) -> None:
    body = b" " * (doors.MAX_BODY + 1)
    headers = {"content_type": JOSE, "content_length": length}
    assert ask("POST", f"{ACME}/new-order", body, **headers)[0] == 413
    assert ask("POST", f"{STI_PA}/api/v1/auth/login", body, **headers)[0] == 413


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", f"{ACME}/new-order", "POST"),
        ("POST", f"{ACME}/directory", "GET, HEAD"),
        ("POST", f"{STI_PA}/download/v1/crl", "GET, HEAD"),
        ("GET", f"{STI_PA}/api/v1/auth/login", "POST"),
        ("DELETE", f"{STI_PA}/api/v1/account/709J/token", "POST"),
    ],
)
def test_another_method_is_told_which_there_are(method: str, path: str, allowed: str) -> None:
    status, headers, _ = ask(method, path)
    assert (status, headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "path", ["/lab/acme", "/lab/", f"{STI_PA}/x", f"{STI_PA}/api/v1/account/709j/token"]
)
def test_a_path_there_is_not_is_not_found(path: str) -> None:
    assert ask("GET", path)[0] == 404


def test_an_unknown_acme_resource_is_a_problem() -> None:
    status, _, body = ask("POST", f"{ACME}/nothing/1/here", b"{}", content_type=JOSE)
    assert status == 404
    assert json.loads(body)["type"].endswith(":malformed")


def login(password: str = OWL.password) -> Exchange:
    body = json.dumps({"userId": OWL.user_id, "password": password}).encode()
    return ask("POST", f"{STI_PA}/api/v1/auth/login", body, content_type="application/json")


def test_a_member_logs_in_and_gets_a_token_and_the_list() -> None:
    status, headers, body = login()
    assert (status, headers["cache-control"]) == (200, "no-store")
    session = json.loads(body)["accessToken"]
    key = Client(LAB).key.public_key()
    asked = json.dumps({"atc": tokens.atc(jose.b64(SCOPE), key)}).encode()
    path = f"{STI_PA}/api/v1/account/709J/token"
    given = json.loads(ask("POST", path, asked, authorization=session)[2])
    assert given["status"] == "success"
    assert given["crl"] == LAB.sti_pa.crl_url
    assert jose.read_compact(given["token"]).claims()["atc"]["fingerprint"].startswith("SHA256")
    listed = json.loads(ask("GET", f"{STI_PA}/api/v1/ca-list", authorization=session)[2])
    assert listed["caList"].count(".") == 2
    assert ask("POST", path, asked)[0] == 401
    other = f"{STI_PA}/api/v1/account/818H/token"
    assert ask("POST", other, asked, authorization=session)[0] == 403


def test_the_doors_are_those_that_production_clients_use() -> None:
    seen = json.loads(VECTORS.read_text())
    base = seen["base"]["production"]
    crl = seen["crl"].removeprefix(base)
    assert ask("GET", f"{STI_PA}{crl}")[0] == 200
    answered = {"login": json.loads(login()[2])}
    session = answered["login"]["accessToken"]
    claim = tokens.atc(jose.b64(SCOPE), Client(LAB).key.public_key())
    assert set(claim) == set(seen["spc_token"]["body"]["atc"])
    method, path, *_ = seen["spc_token"]["req"].split()
    body = json.dumps({"atc": claim}).encode()
    path = f"{STI_PA}{path.replace('{SPID}', '709J')}"
    answered["spc_token"] = json.loads(ask(method, path, body, authorization=session)[2])
    method, path, *_ = seen["ca_list"]["req"].split()
    answered["ca_list"] = json.loads(ask(method, f"{STI_PA}{path}", authorization=session)[2])
    for name, answer in answered.items():
        assert set(seen[name]["resp"]) <= set(answer)
        assert answer["status"] == seen[name]["resp"]["status"]


def test_a_refused_log_in_does_not_repeat_the_password() -> None:
    status, _, body = login("a wrong password")
    assert status == 401
    assert b"a wrong password" not in body
    path = f"{STI_PA}/api/v1/auth/login"
    status, _, body = ask("POST", path, b'{"userId":"owl","password":["a wrong password"]}')
    assert status == 400
    assert b"a wrong password" not in body


def test_everybody_may_read_the_crl_and_the_sti_pas_certificate() -> None:
    status, headers, body = ask("GET", f"{STI_PA}/download/v1/crl")
    assert (status, headers["content-type"]) == (200, "application/pkix-crl")
    assert x509.load_der_x509_crl(body).is_signature_valid(
        LAB.sti_pa.signer.private_key.public_key()
    )
    status, headers, empty = ask("HEAD", f"{STI_PA}/download/v1/crl")
    assert (status, empty) == (200, b"")
    assert int(headers["content-length"]) == len(body)
    _, headers, pem = ask("GET", f"{STI_PA}/download/v1/certificate")
    assert headers["content-type"] == "application/pem-certificate-chain"
    assert x509.load_pem_x509_certificate(pem) == LAB.sti_pa.signer.certificate


def test_a_fault_of_ours_shows_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    status, _, body = ask("GET", f"{STI_PA}/download/v1/crl", lab=object())
    assert status == 500
    assert b"attribute" not in body
    assert "the laboratory failed" in caplog.text


def test_a_client_that_goes_away_is_not_answered() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    heads = [(b"content-type", JOSE.encode())]
    scope = {"type": "http", "method": "POST", "path": f"{ACME}/new-order", "headers": heads}
    asyncio.run(doors.app(lambda: LAB, lambda: NOW)(scope, receive, send))
