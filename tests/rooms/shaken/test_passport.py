"""The bytes of a PASSporT against published vectors (RFC 8225, 8588, 8946, 6979)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from phonotary.errors import Reason, Refused
from phonotary.shaken import passport
from phonotary.shaken.passport.es256 import to_raw

VECTORS = Path(__file__).parents[2] / "vectors"


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


RFC8224 = vectors("rfc8224")
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


@pytest.mark.parametrize("crit", [["exp"], [], None])
def test_a_header_that_demands_an_extension_is_not_verified(crit: object) -> None:
    assert isinstance(FIXED_KEY, ec.EllipticCurvePrivateKey)
    assert isinstance(FIXED_PUBLIC, ec.EllipticCurvePublicKey)
    token = SHAKEN["token"]
    demanding = {**passport.read(token).header, "crit": crit}
    signed = f"{part(json.dumps(demanding))}.{token.split('.')[1]}"
    signature = to_raw(FIXED_KEY.sign(signed.encode(), ec.ECDSA(SHA256())))
    with pytest.raises(Refused, match="demands an extension") as caught:
        passport.verify(f"{signed}.{part(signature)}", FIXED_PUBLIC)
    assert not isinstance(caught.value, passport.SignatureMismatch)


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


def signed(header: str, payload: str) -> str:
    """A token over these very bytes, however they are written."""
    assert isinstance(FIXED_KEY, ec.EllipticCurvePrivateKey)
    good = passport.sign(payload.encode(), FIXED_KEY, "https://c.example/", ppt=None)
    text = f"{part(header)}.{good.split('.')[1]}"
    der = FIXED_KEY.sign(text.encode(), ec.ECDSA(SHA256()))
    r, s = decode_dss_signature(der)
    return f"{text}.{part(r.to_bytes(32) + s.to_bytes(32))}"


def test_what_is_verified_are_the_bytes_received_not_their_canonical_form() -> None:
    assert isinstance(FIXED_PUBLIC, ec.EllipticCurvePublicKey)
    header = '{ "typ":"passport", "alg":"ES256", "x5u":"https://c.example/\\u0061" }'
    payload = '{"orig":{"tn":"1"}, "iat":1443208345.0,"dest":{"tn":["3","2"]}}'
    found = passport.verify(signed(header, payload), FIXED_PUBLIC)
    assert found.x5u == "https://c.example/a"
    assert found.payload["dest"] == {"tn": ["3", "2"]}


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"\\ud800"}',
        '{"a":1e999}',
        '{"a":Infinity}',
        '{"x":{"a":1,"b":2,"a":1}}',
        "\ufeff{}",
        '{"a":1}{}',
        "[" * 33 + "]" * 33,
        '{"a":' * 40 + "1" + "}" * 40,
    ],
)
def test_json_that_two_readers_could_read_differently_is_refused(text: str) -> None:
    for token in (f"{part(text)}.e30.{SIG}", f"e30.{part(text)}.{SIG}"):
        with pytest.raises(Refused):
            passport.read(token)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    text = json.dumps({"a": [[], {}] * 40})
    assert passport.read(f"e30.{part(text)}.{SIG}").payload == {"a": [[], {}] * 40}


def test_a_reader_cannot_change_what_the_next_reader_of_a_header_sees() -> None:
    passport.read(SHAKEN["token"]).header["x5u"] = "https://elsewhere.example/"
    assert passport.read(SHAKEN["token"]).header == json.loads(SHAKEN["header_json"])


def test_a_signature_has_one_spelling() -> None:
    # The last letter carries two bits; another letter with the same two would decode the same.
    letter = SHAKEN["token"][-1]
    other = chr(ord(letter) + 1)
    with pytest.raises(Refused, match="cannot be read"):
        passport.read(SHAKEN["token"][:-1] + other)


def test_a_key_that_only_has_a_sign_method_will_do() -> None:
    class Elsewhere:
        def sign(self, data: bytes, signature_algorithm: ec.ECDSA) -> bytes:
            assert isinstance(FIXED_KEY, ec.EllipticCurvePrivateKey)
            return FIXED_KEY.sign(data, signature_algorithm)

    assert isinstance(FIXED_PUBLIC, ec.EllipticCurvePublicKey)
    token = passport.sign(SHAKEN["payload_json"].encode(), Elsewhere(), "https://c.example/")
    passport.check(passport.read(token), FIXED_PUBLIC)


def test_a_key_on_another_curve_signs_nothing() -> None:
    with pytest.raises(ValueError, match="P-256"):
        passport.sign(b"{}", ec.generate_private_key(ec.SECP384R1()), "https://c.example/")


def test_a_key_on_another_curve_verifies_nothing() -> None:
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(passport.SignatureMismatch):
        passport.verify(SHAKEN["token"], other)


def test_the_parts_of_a_passport_are_typed() -> None:
    found = passport.read(SHAKEN["token"])
    assert found.ppt == "shaken"
    assert found.x5u == "https://cert.example.org/passport.cer"
    assert found.iat == 1443208345
    assert found.orig == ("tn", "12155550121")
    assert found.dest == (("tn", "12155550131"),)


def test_rfc8946_writes_one_destination_as_a_text_and_it_is_read() -> None:
    assert passport.read(RFC8946["vectors"][2]["token"]).dest == (("tn", "12155551214"),)


def unsigned(header: object, payload: object) -> passport.Passport:
    return passport.read(f"{part(json.dumps(header))}.{part(json.dumps(payload))}.{SIG}")


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("ppt", {"ppt": None}),
        ("ppt", {"ppt": 5}),
        ("x5u", {}),
        ("x5u", {"x5u": ["https://c.example/"]}),
        ("iat", {}),
        ("iat", {"iat": "1443208345"}),
        ("iat", {"iat": True}),
        ("iat", {"iat": -1}),
        ("iat", {"iat": 2**60}),
        ("orig", {}),
        ("orig", {"orig": "12155550121"}),
        ("orig", {"orig": {"tn": ["12155550121"]}}),
        ("orig", {"orig": {"tn": "1", "uri": "sip:a@b"}}),
        ("orig", {"orig": {"name": "a"}}),
        ("dest", {}),
        ("dest", {"dest": ["1"]}),
        ("dest", {"dest": {}}),
        ("dest", {"dest": {"tn": []}}),
        ("dest", {"dest": {"tn": 5}}),
        ("dest", {"dest": {"tn": {"a": 1}}}),
        ("dest", {"dest": {"tn": [5]}}),
        ("dest", {"dest": {"tn": ["1"], "x": ["1"]}}),
        ("dest", {"dest": {"tn": ["1"] * (passport.MAX_DESTS + 1)}}),
    ],
)
def test_a_malformed_part_is_refused_by_name(name: str, claims: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=f"its {name}|of its {name}"):
        getattr(unsigned(claims, claims), name)


GOOD: dict[str, Any] = {"dest": {"tn": ["2"]}, "iat": 1, "orig": {"tn": "1"}}


def test_a_payload_is_written_with_its_arrays_sorted() -> None:
    mky = [{"dig": "B", "alg": "sha-256"}, {"alg": "sha-256", "dig": "A"}]
    claims = GOOD | {"dest": {"uri": ["sip:b@x", "sip:a@x"], "tn": ["3", "2"]}, "mky": mky}
    assert passport.payload(claims).decode() == (
        '{"dest":{"tn":["2","3"],"uri":["sip:a@x","sip:b@x"]},"iat":1,'
        '"mky":[{"alg":"sha-256","dig":"A"},{"alg":"sha-256","dig":"B"}],"orig":{"tn":"1"}}'
    )


@pytest.mark.parametrize(
    "change",
    [
        {"orig": {"tn": "1", "uri": "sip:a@b"}},
        {"orig": {}},
        {"dest": {"tn": "2"}},
        {"dest": {}},
        {"iat": "1"},
        {"iat": 1.5},
        {"mky": []},
        {"mky": [{"alg": "sha-256"}]},
        {"x": {1, 2}},
        {"x": float("nan")},
        {"x": "\ud800"},
    ],
)
def test_a_payload_that_breaks_rfc8225_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        passport.payload(GOOD | change)


def test_each_kind_of_payload_is_that_of_its_vector() -> None:
    known = {vector["name"]: vector["payload_json"].encode() for vector in FIXED["vectors"]}
    orig, dest = {"tn": "12155551212"}, {"tn": ["12155551214"]}
    uri = {"uri": ["sip:alice@example.com"]}
    assert passport.base_payload(orig, uri, 1471375418) == known["baseline"]
    div = {"tn": "12155551213"}
    assert passport.div_payload(orig, dest, div, 1443208345) == known["div"]
    claims = json.loads(known["rcd"])
    rich = {name: claims[name] for name in ("crn", "rcd", "rcdi")}
    assert passport.rcd_payload(claims["orig"], claims["dest"], 1443208345, rich) == known["rcd"]


def test_hard_texts_are_signed_in_the_same_canonical_form_as_any_other_claim() -> None:
    origid = 'a"\\/\x1f\x7fé\u2028\U0001f600'
    written = passport.shaken_payload("A", ["2"], 5, "1", origid)
    assert written == passport.canonical(json.loads(written))
    assert json.loads(written)["origid"] == origid


def test_the_full_form_of_rfc8224_verifies_with_the_draft_key_and_its_iat_is_no_number() -> None:
    token = RFC8224["identity_headers"][0].partition(";")[0]
    key = load_pem_public_key(RFC8225["public_key_a2"].encode())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    found = passport.verify(token, key)
    with pytest.raises(Refused, match="iat is not a number"):
        _ = found.iat


def test_the_compact_form_of_rfc8224_is_that_of_its_full_form() -> None:
    full, *others = (value.partition(";")[0] for value in RFC8224["identity_headers"])
    short = passport.compact(full)
    assert [short, short] == others
    vector = RFC8225["vectors"][1]
    header, payload = vector["header_json"].encode(), vector["payload_json"].encode()
    assert passport.expand(short, header, payload) == full


@pytest.mark.parametrize("name", ["shaken", "div", "rcd"])
def test_only_a_base_passport_has_a_compact_form(name: str) -> None:
    vector = next(v for v in FIXED["vectors"] if v["name"] == name)
    with pytest.raises(Refused, match="compact form"):
        passport.compact(vector["token"])


@pytest.mark.parametrize("token", ["", "..", "..x", SHAKEN["token"], f"..{SIG}="])
def test_what_is_not_compact_is_not_expanded(token: str) -> None:
    with pytest.raises(Refused, match="not in compact form"):
        passport.expand(token, b"{}", b"{}")
