"""Whatever arrives in an Identity header, the readers answer or refuse; nothing else happens.

Small in the test command; ``PHONOTARY_FUZZ=large`` sends a hundred times as much. The same data
every time: a failure here is found again by running the test again.
"""

from __future__ import annotations

import contextlib
import os
import tracemalloc
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from phonotary.errors import Refused
from phonotary.shaken import div, identity_header, passport, rcd, uris

CASES = 20_000 if os.environ.get("PHONOTARY_FUZZ") == "large" else 200
bounded = settings(
    max_examples=CASES, deadline=timedelta(seconds=2), derandomize=True, database=None
)

KEY = ec.derive_private_key(8225, ec.SECP256R1())
URL = "https://c.example/p.pem"
SIGNATURE = "A" * 86
TOKEN = passport.sign(
    passport.shaken_payload("A", ["12155550131"], 1443208345, "12155550121", "x"),
    KEY,
    URL,
    deterministic=True,
)
HEADER = identity_header.emit(TOKEN, URL)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | texts
json_values = st.recursive(
    scalars.filter(lambda x: not isinstance(x, float) or x * 0 == 0),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
# Objects that look like claims here and there, so that the readers get past their first question.
names = st.sampled_from(
    "alg ppt typ x5u attest dest iat orig origid div hi opt tn uri".split()
    + "rcd rcdi crn nam apn icn jcd jcl".split()
)
values = st.sampled_from(
    [
        "div",
        "div-o",
        "1",
        "2",
        "+1",
        "sip:a@b",
        5,
        [],
        ["1"],
        ["2", 3],
        URL,
        TOKEN,
        "/nam",
        "/jcl/0",
    ]
)
claimlike = st.recursive(
    values | json_values,
    lambda inner: st.dictionaries(names | st.sampled_from(["/nam", "/icn", "/jcd/1"]), inner),
    max_leaves=12,
).filter(lambda x: isinstance(x, dict))


def part(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def read_everything(token: str) -> None:
    found = passport.read(token)
    for name in ("ppt", "x5u", "iat", "orig", "dest"):
        with contextlib.suppress(Refused):
            getattr(found, name)
    for work in (div.diverted, passport.payload):
        with contextlib.suppress(Refused):
            work(found if work is not passport.payload else found.payload)
    div.links([found, passport.read(TOKEN), found], [passport.Identity("tn", "2")])
    div.open_ends([found, found])
    rcd.integrity(found.payload, {URL: b'["vcard",[]]'})
    rcd.references(found.payload)
    with pytest.raises(Refused):
        passport.check(found, KEY.public_key())


@bounded
@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for reader in (passport.read, passport.compact, identity_header.parse, uris.identity):
        with contextlib.suppress(Refused):
            reader(text)
    with contextlib.suppress(Refused):
        identity_header.split([text, text])
    with contextlib.suppress(Refused):
        identity_header.emit(text, text, text)


@bounded
@given(st.text(' \t\r\n;,=<>"\\ab.-_/:@?%+[]0é', max_size=80))
def test_text_of_the_headers_own_letters_is_read_or_refused(text: str) -> None:
    for value in (text, f"a.b.c;info=<{URL}>{text}", f"a.b.c;{text}"):
        with contextlib.suppress(Refused):
            found = identity_header.parse(value)
            assert found.info
        with contextlib.suppress(Refused):
            for one in identity_header.split([value]):
                assert one == one.strip()
    for scheme in ("", "sip:", "tel:", "sip:a@"):
        with contextlib.suppress(Refused):
            kind, value = uris.identity(scheme + text)
            assert kind == "tn" or uris.normal(value) == value


@bounded
@given(st.binary(max_size=120), st.binary(max_size=120))
def test_any_bytes_in_a_token_are_read_or_refused(header: bytes, payload: bytes) -> None:
    with contextlib.suppress(Refused):
        read_everything(f"{part(header)}.{part(payload)}.{SIGNATURE}")


@bounded
@given(claimlike, claimlike)
def test_any_claims_in_a_token_are_read(header: Any, payload: Any) -> None:
    token = f"{part(passport.canonical(header))}.{part(passport.canonical(payload))}.{SIGNATURE}"
    found = passport.read(token)
    assert (found.header, found.payload) == (header, payload)
    read_everything(token)


@bounded
@given(claimlike, claimlike)
def test_how_the_json_is_spaced_changes_nothing(header: Any, payload: Any) -> None:
    def loose(value: Any) -> str:
        return part(b" " + passport.canonical(value).replace(b"{", b"{ ") + b"\n")

    with contextlib.suppress(Refused):
        found = passport.read(f"{loose(header)}.{loose(payload)}.{SIGNATURE}")
        assert found.header.keys() == {key.replace("{", "{ ") for key in header}


@bounded
@given(
    st.integers(0, len(HEADER)),
    st.integers(0, 5),
    st.text(' ;,=<>".-_Az09', max_size=4),
)
def test_a_damaged_header_is_never_taken_for_the_original(at: int, cut: int, new: str) -> None:
    damaged = HEADER[:at] + new + HEADER[at + cut :]
    with contextlib.suppress(Refused):
        found = identity_header.parse(damaged)
        passport.verify(found.token, KEY.public_key())
        assert found.token == TOKEN


@bounded
@given(texts, texts, texts, texts)
def test_any_text_is_signed_in_canonical_form(attest: str, dest: str, orig: str, id_: str) -> None:
    claims = {"attest": attest, "dest": {"tn": [dest]}, "iat": 5, "orig": {"tn": orig}}
    written = passport.shaken_payload(attest, [dest], 5, orig, id_)
    assert written == passport.canonical(claims | {"origid": id_})
    token = passport.sign(written, KEY, URL)
    assert passport.verify(token, KEY.public_key()).payload == claims | {"origid": id_}


@bounded
@given(
    st.lists(st.sampled_from([HEADER, 'a.b.c;info=<u,v>;x="1,\\",2"', "..c;info=<u>"]), max_size=9)
)
def test_headers_joined_by_commas_come_apart_again(headers: list[str]) -> None:
    assert identity_header.split([",".join(headers)]) == tuple(headers)
    assert identity_header.split(headers) == tuple(headers)


LONG = 10**6


@pytest.mark.parametrize(
    "text",
    [
        *("a" * LONG, ";" * LONG, '"' * LONG, "<" * LONG, " " * LONG, ";a=" * LONG),
        *("a.b.c;" + " " * LONG, 'a.b.c;x="' + "\\" * LONG, "a.b.c;" + "x;" * 8000),
        *(f"sip:{'a' * LONG}@b", f"sip:{'%41' * 300}@b", f"{part(b'[' * 9000)}.e30.{SIGNATURE}"),
    ],
    ids=range(12),
)
def test_huge_input_costs_little_memory(text: str) -> None:
    tracemalloc.start()
    try:
        for reader in (passport.read, identity_header.parse, uris.identity):
            with contextlib.suppress(Refused):
                reader(text)
        with contextlib.suppress(Refused):
            identity_header.split([text])
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()
