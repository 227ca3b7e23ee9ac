"""The bytes of a PASSporT against published vectors (RFC 8225, 8588, 8946, 6979)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from phonotary.errors import Reason, Refused
from phonotary.shaken import passport

VECTORS = Path(__file__).parents[2] / "vectors"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


RFC8225 = vectors("rfc8225")
RFC8588 = vectors("rfc8588")
RFC8946 = vectors("rfc8946")
FIXED = vectors("deterministic_es256")
FIXED_KEY = load_pem_private_key(FIXED["private_key_pkcs8"].encode(), None)
FIXED_PUBLIC = load_pem_public_key(FIXED["public_key"].encode())
SHAKEN = next(v for v in FIXED["vectors"] if v["name"] == "shaken")


def named(vector: dict[str, Any]) -> str:
    return str(vector["name"])


def part(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize("vector", RFC8225["canonical_json"])
def test_canonical_json_is_that_of_rfc8225_section_9(vector: dict[str, Any]) -> None:
    assert passport.canonical(vector["in"]) == vector["out"].encode()


@pytest.mark.parametrize("vector", RFC8225["vectors"], ids=named)
def test_canonical_header_and_claims_are_the_printed_ones(vector: dict[str, Any]) -> None:
    backwards = dict(reversed(vector["payload"].items()))
    assert passport.canonical(backwards).decode() == vector["payload_json"]
    assert passport.canonical(vector["header"]).decode() == vector["header_json"]


def test_canonical_json_sorts_by_code_point_at_every_level() -> None:
    # U+FF01 sorts before U+1F600 by code point, after it by UTF-16 unit.
    claims = {"b": {"\U0001f600": 1, "\uff01": [{"z": True, "Z": None}]}, "a": "é"}
    expected = '{"a":"é","b":{"\uff01":[{"Z":null,"z":true}],"\U0001f600":1}}'
    assert passport.canonical(claims) == expected.encode()


def test_a_shaken_payload_is_that_of_rfc8588() -> None:
    claims = RFC8588["payload"]
    payload = passport.shaken_payload(
        claims["attest"],
        claims["dest"]["tn"],
        claims["iat"],
        claims["orig"]["tn"],
        claims["origid"],
    )
    assert payload.decode() == RFC8588["canonical_payload"]


def test_destinations_are_sorted() -> None:
    payload = passport.shaken_payload("A", ["3", "1", "2"], 0, "4", "x")
    assert json.loads(payload)["dest"] == {"tn": ["1", "2", "3"]}


@pytest.mark.parametrize("vector", FIXED["vectors"], ids=named)
def test_deterministic_tokens_are_byte_equal(vector: dict[str, Any]) -> None:
    header = json.loads(vector["header_json"])
    assert isinstance(FIXED_KEY, ec.EllipticCurvePrivateKey)
    token = passport.sign(
        passport.canonical(json.loads(vector["payload_json"])),
        FIXED_KEY,
        header["x5u"],
        ppt=header.get("ppt"),
        deterministic=True,
    )
    assert token == vector["token"]


def test_random_signatures_differ_and_both_verify() -> None:
    assert isinstance(FIXED_KEY, ec.EllipticCurvePrivateKey)
    assert isinstance(FIXED_PUBLIC, ec.EllipticCurvePublicKey)
    payload = SHAKEN["payload_json"].encode()
    tokens = {passport.sign(payload, FIXED_KEY, "https://c.example/p.pem") for _ in range(2)}
    assert len(tokens) == 2
    for token in tokens:
        assert passport.verify(token, FIXED_PUBLIC).payload == json.loads(payload)


def test_short_signature_halves_keep_their_leading_zeros() -> None:
    # One signature in 128 has an r or s below 2^248; DER drops the zero, ES256 must not.
    assert isinstance(FIXED_KEY, ec.EllipticCurvePrivateKey)
    assert isinstance(FIXED_PUBLIC, ec.EllipticCurvePublicKey)
    for number in range(2000):
        payload = passport.canonical({"n": number})
        token = passport.sign(payload, FIXED_KEY, "https://c.example/", deterministic=True)
        signature = passport.read(token).signature
        if signature[0] == 0 or signature[32] == 0:
            assert len(signature) == 64
            assert passport.verify(token, FIXED_PUBLIC).payload == {"n": number}
            return
    pytest.fail("no short half among two thousand signatures")


@pytest.mark.parametrize("vector", RFC8946["vectors"], ids=named)
def test_the_tokens_printed_in_rfc8946_verify(vector: dict[str, Any]) -> None:
    key = load_pem_public_key(RFC8946["public_key"].encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    found = passport.verify(vector["token"], key)
    assert found.header == json.loads(vector["header_json"])
    assert found.payload == json.loads(vector["payload_json"])


def test_the_signature_printed_in_rfc8225_appendix_a_matches_neither_printed_key() -> None:
    token = RFC8225["vectors"][0]["token"]
    for name in ("public_key_a1", "public_key_a2"):
        key = load_pem_public_key(RFC8225[name].encode())
        assert isinstance(key, ec.EllipticCurvePublicKey)
        with pytest.raises(passport.SignatureMismatch):
            passport.verify(token, key)


def test_one_changed_claim_breaks_the_signature() -> None:
    header, _, signature = SHAKEN["token"].split(".")
    raised = part(SHAKEN["payload_json"].replace("12155550121", "12155550122"))
    assert isinstance(FIXED_PUBLIC, ec.EllipticCurvePublicKey)
    with pytest.raises(passport.SignatureMismatch):
        passport.verify(f"{header}.{raised}.{signature}", FIXED_PUBLIC)


@pytest.mark.parametrize("signature", [b"\0" * 64, b"\xff" * 64], ids=["zero", "out-of-range"])
def test_degenerate_signatures_do_not_verify(signature: bytes) -> None:
    signed = SHAKEN["token"].rpartition(".")[0]
    assert isinstance(FIXED_PUBLIC, ec.EllipticCurvePublicKey)
    with pytest.raises(passport.SignatureMismatch):
        passport.verify(f"{signed}.{part(signature)}", FIXED_PUBLIC)


@pytest.mark.parametrize(
    "header", [{"alg": "none", "typ": "passport"}, {"alg": "ES256", "typ": "JWT"}, {}]
)
def test_only_an_es256_passport_is_verified(header: dict[str, str]) -> None:
    assert isinstance(FIXED_KEY, ec.EllipticCurvePrivateKey)
    assert isinstance(FIXED_PUBLIC, ec.EllipticCurvePublicKey)
    _, payload, signature = SHAKEN["token"].split(".")
    token = f"{part(json.dumps(header))}.{payload}.{signature}"
    with pytest.raises(Refused, match=r"its (alg|typ) is not") as caught:
        passport.verify(token, FIXED_PUBLIC)
    assert not isinstance(caught.value, passport.SignatureMismatch)


SIG = SHAKEN["token"].rpartition(".")[2]


@pytest.mark.parametrize(
    "token",
    [
        "",
        f"..{SIG}",
        SHAKEN["token"] + "=",
        SHAKEN["token"] + "\n",
        SHAKEN["token"][:-1],
        f"a.e30.{SIG}",
        f"{part('[]')}.e30.{SIG}",
        f"e30.{part('{')}.{SIG}",
        f"e30.{part(bytes([0xFF]))}.{SIG}",
        "e30." + part('{"iat":1,"iat":2}') + f".{SIG}",
        "e30." + part('{"iat":NaN}') + f".{SIG}",
        f"e30.{part('[' * 9000)}.{SIG}",
        f"e30.{'A' * passport.MAX_TOKEN}.{SIG}",
    ],
    ids=[
        "empty",
        "compact",
        "padded",
        "newline",
        "short-signature",
        "impossible-length",
        "header-not-object",
        "not-json",
        "not-utf8",
        "twin-keys",
        "nan",
        "deeply-nested",
        "too-long",
    ],
)
def test_what_is_not_a_full_form_token_is_refused(token: str) -> None:
    with pytest.raises(Refused) as caught:
        passport.read(token)
    assert caught.value.reason is Reason.INVALID_PARAMETER


def test_the_bytes_signed_are_kept_as_received() -> None:
    assert passport.read(SHAKEN["token"]).signed.decode() == SHAKEN["token"].rpartition(".")[0]
