"""What is read as a JWS, by the STI-CA and by a verifier of the STI-PA's list alike."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from phonotary.errors import Refused
from phonotary.shaken import issuing, jose
from phonotary.shaken.paths import MAX_CERTIFICATES

KEY = issuing.new_key()
ROOT = issuing.root(1_790_000_000)
X5C = base64.b64encode(ROOT.certificate.public_bytes(Encoding.DER)).decode()


def compact(header: str, payload: str = "{}") -> str:
    return ".".join((jose.b64(header.encode()), jose.b64(payload.encode()), "AAAA"))


def test_what_was_signed_is_read_and_proven_by_its_key_alone() -> None:
    read = jose.read_compact(jose.sign_compact(KEY, {"typ": "JWT"}, b'{"a":1}'))
    assert (read.header, read.claims()) == ({"alg": "ES256", "typ": "JWT"}, {"a": 1})
    assert jose.verify(read, KEY.public_key())
    assert not jose.verify(read, issuing.new_key().public_key())
    assert not jose.verify(read, ec.generate_private_key(ec.SECP384R1()).public_key())


def test_a_flattened_jws_is_read_as_a_compact_one_is() -> None:
    read = jose.read_flattened(jose.sign_flattened(KEY, {"url": "u"}, b"{}"))
    assert read.header == {"alg": "ES256", "url": "u"}
    assert jose.verify(read, KEY.public_key())


def test_a_payload_may_be_as_long_as_a_list_of_authorities() -> None:
    payload = json.dumps({"trustList": ["x" * 600_000]}).encode()
    read = jose.read_compact(jose.sign_compact(KEY, {}, payload))
    assert jose.verify(read, KEY.public_key())
    assert read.payload == payload


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.c.d",
        "é.é.é",
        compact("[]"),
        compact("not JSON"),
        compact("[" * 100_000),
        compact('{"alg":"ES256","alg":"none"}'),
        compact('{"alg":"ES256"}').replace(".", "=.", 1),
        compact(json.dumps({"alg": "ES256", "x": "x" * 16_384})),
        compact("{}", "x" * jose.MAX_BYTES),
    ],
)
def test_what_is_no_jws_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        jose.read_compact(text)


@pytest.mark.parametrize("payload", ["[]", "1", "", "[" * 100_000, '{"exp":1,"exp":2}'])
def test_claims_are_one_object_with_each_name_once(payload: str) -> None:
    read = jose.read_compact(compact('{"alg":"ES256"}', payload))
    with pytest.raises(Refused):
        read.claims()


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {}, {"crit": ["x"], "x": 1}])
def test_a_header_that_says_something_else_proves_nothing(header: dict[str, object]) -> None:
    _, payload, signature = jose.sign_compact(KEY, {}, b"{}").split(".")
    read = jose.read_compact(f"{jose.b64(json.dumps(header).encode())}.{payload}.{signature}")
    assert not jose.verify(read, KEY.public_key())


def test_a_critical_parameter_that_is_not_known_proves_nothing() -> None:
    # RFC 7515 section 4.1.11; signed by other means, since our own signer refuses to.
    first = jose.b64(b'{"alg":"ES256","crit":["odd"],"odd":1}')
    signed = _signed(f"{first}.{jose.b64(b'{}')}")
    assert not jose.verify(jose.read_compact(signed), KEY.public_key())
    plain = _signed(".".join((jose.b64(b'{"alg":"ES256","odd":1}'), jose.b64(b"{}"))))
    assert jose.verify(jose.read_compact(plain), KEY.public_key())


@pytest.mark.parametrize("said", ["false", "true", "0"])
def test_a_payload_that_is_signed_as_it_stands_is_refused(said: str) -> None:
    """RFC 7797: else what is proven is the text, and what is read is what its base64url holds."""
    first = jose.b64(f'{{"alg":"ES256","b64":{said},"crit":["b64"]}}'.encode())
    payload = jose.b64(b'{"sub":"somebody else"}')
    r, s = decode_dss_signature(KEY.sign(f"{first}.{payload}".encode(), ec.ECDSA(SHA256())))
    signature = jose.b64(r.to_bytes(32) + s.to_bytes(32))
    with pytest.raises(Refused):
        jose.read_compact(f"{first}.{payload}.{signature}")
    whole = {"protected": first, "payload": payload, "signature": signature}
    with pytest.raises(Refused):
        jose.read_flattened(json.dumps(whole).encode())


def _signed(parts: str) -> str:
    r, s = decode_dss_signature(KEY.sign(parts.encode(), ec.ECDSA(SHA256())))
    return f"{parts}.{jose.b64(r.to_bytes(32) + s.to_bytes(32))}"


def test_a_chain_is_read_from_x5c() -> None:
    assert jose.certificates({}) == ()
    assert jose.certificates({"x5c": [X5C, X5C]}) == (ROOT.certificate,) * 2


@pytest.mark.parametrize(
    "held",
    [
        None,
        X5C,
        [],
        [1],
        ["AAAA"],
        [f"{X5C}\n"],
        [X5C.replace("/", "_").replace("+", "-") + "-"],
        [ROOT.pem.decode()],
        [X5C] * (MAX_CERTIFICATES + 1),
    ],
)
def test_x5c_is_a_list_of_base64_and_nothing_else(held: object) -> None:
    with pytest.raises(Refused):
        jose.certificates({"x5c": held})
