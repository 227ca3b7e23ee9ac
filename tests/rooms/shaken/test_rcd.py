"""Rich call data and its digests (RFC 9795)."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from phonotary.errors import Refused
from phonotary.shaken import passport
from phonotary.shaken.rcd import (
    MAX_CARD,
    MAX_POINTERS,
    Display,
    digest,
    integrity,
    rcd_claims,
    references,
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "rcd.json").read_text())
ICON, ICON_URL = b"\x89PNG\r\n", "https://example.com/photos/q-256x256.png"
CARD_URL = "https://example.com/card.json"
PHOTO, PHOTO_URL = b"photo", "https://example.com/photo.jpg"
CARD = [
    "vcard",
    [
        ["version", {}, "text", "4.0"],
        ["fn", {}, "text", "Q Branch"],
        ["photo", {}, "uri", PHOTO_URL],
    ],
]


def codes(payload: dict[str, Any], fetched: dict[str, bytes] | None = None) -> list[str]:
    return [one.code for one in integrity(payload, fetched or {})]


@pytest.mark.parametrize("vector", VECTORS["rfc9795"])
def test_the_digest_of_a_name_is_over_its_quotes(vector: dict[str, Any]) -> None:
    claims = rcd_claims(Display(vector["rcd"]["nam"]))
    assert claims["rcdi"] == {vector["pointer"]: vector["digest"]}
    assert codes(claims) == []


def test_a_display_becomes_the_claims_of_rfc9795() -> None:
    display = Display(
        "Q Branch Spy Gadgets",
        icon_url=ICON_URL,
        icon_digest=digest(ICON),
        reason="Rendezvous for Little Nellie",
        apn="12025551000",
        card=CARD,
    )
    claims = rcd_claims(display)
    assert claims["crn"] == "Rendezvous for Little Nellie"
    assert claims["rcd"] == {
        "nam": "Q Branch Spy Gadgets",
        "apn": "12025551000",
        "icn": ICON_URL,
        "jcd": CARD,
    }
    assert set(claims["rcdi"]) == {"/nam", "/apn", "/icn", "/jcd"}
    assert codes(claims, {ICON_URL: ICON}) == []
    assert references(claims) == (ICON_URL,)


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_each_algorithm_is_written_and_checked(name: str) -> None:
    claims = rcd_claims(Display("Q"), algorithm=name)
    plain = b64encode(hashlib.new(name, b'"Q"').digest()).decode()
    assert claims["rcdi"]["/nam"] == f"{name}-{plain.rstrip('=')}"
    assert codes(claims) == []
    claims["rcdi"]["/nam"] = f"{name}-{plain}"
    assert codes(claims) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "a\x07"},
        {"name": "a" * 257},
        {"reason": "r" * 65},
        {"reason": ""},
        {"apn": "1\n2"},
        {"icon_url": ICON_URL},
        {"icon_url": "http://example.com/i.png", "icon_digest": digest(ICON)},
        {"icon_url": "https://example.com/i png", "icon_digest": digest(ICON)},
        {"icon_url": "https://[/", "icon_digest": digest(ICON)},
        {"icon_url": ICON_URL, "icon_digest": "md5-AAAA"},
        {"icon_url": ICON_URL, "icon_digest": "sha256"},
        {"card_url": CARD_URL, "card_digest": digest(b"[]"), "card": CARD},
        {"card_url": CARD_URL},
        {"card": [float("nan")]},
    ],
)
def test_what_cannot_be_shown_safely_is_not_signed(change: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        rcd_claims(replace(Display("Q"), **change))


def test_an_unknown_algorithm_is_not_signed_with() -> None:
    with pytest.raises(Refused, match="md5"):
        rcd_claims(Display("Q"), algorithm="md5")


def test_an_unpinned_icon_may_be_allowed_and_is_then_told() -> None:
    claims = rcd_claims(Display("Q", icon_url=ICON_URL), pin_everything=False)
    assert codes(claims) == ["rcdi-missing"]


@pytest.mark.parametrize("vector", VECTORS["deployed"])
def test_digests_without_quotes_are_told_apart(vector: dict[str, Any]) -> None:
    pointer = vector["pointer"]
    rcd = {"nam": "x", pointer[1:]: vector["value"]}
    expected = {
        "unquoted": ["rcdi-mismatch-unquoted-draft-form"],
        "canonical": [],
        "unknown": ["rcdi-unfetched"],
    }
    assert codes({"rcd": rcd, "rcdi": {pointer: vector["given"]}}) == expected[vector["form"]]
    if vector["form"] == "unquoted":
        assert codes({"rcd": rcd, "rcdi": {pointer: vector["rfc_form"]}}) == []


def test_a_changed_name_and_a_changed_icon_are_mismatches() -> None:
    claims = rcd_claims(Display("Q", icon_url=ICON_URL, icon_digest=digest(ICON)))
    claims["rcd"]["nam"] = "R"
    assert codes(claims, {ICON_URL: ICON + b"x"}) == ["rcdi-mismatch", "rcdi-mismatch"]


def test_what_was_not_fetched_is_told() -> None:
    claims = rcd_claims(Display("Q", icon_url=ICON_URL, icon_digest=digest(ICON)))
    assert codes(claims) == ["rcdi-unfetched"]


def test_a_pointer_into_a_card_follows_its_urls() -> None:
    payload = {
        "rcd": {"nam": "Q", "jcd": CARD},
        "rcdi": {
            "/jcd/1/2/3": digest(PHOTO),
            "/jcd/1/1/3": digest(b'"Q Branch"'),
            "/jcd/1/0": digest(passport.canonical(["version", {}, "text", "4.0"])),
        },
    }
    assert references(payload) == (PHOTO_URL,)
    assert codes(payload, {PHOTO_URL: PHOTO}) == []
    assert codes(payload, {PHOTO_URL: b"other"}) == ["rcdi-mismatch"]


def test_a_pointer_into_a_fetched_card_goes_on_inside_it() -> None:
    served = json.dumps(CARD, indent=1).encode()
    payload = {
        "rcd": {"nam": "Q", "jcl": CARD_URL},
        "rcdi": {"/jcl": digest(served), "/jcl/1/2/3": digest(PHOTO)},
    }
    assert codes(payload, {CARD_URL: served, PHOTO_URL: PHOTO}) == []
    payload["rcdi"]["/jcl"] = digest(passport.canonical(CARD))
    assert codes(payload, {CARD_URL: served, PHOTO_URL: PHOTO}) == []
    assert codes(payload, {CARD_URL: b"[]", PHOTO_URL: PHOTO}) == [
        "rcdi-mismatch",
        "rcdi-pointer",
    ]


@pytest.mark.parametrize("card", [b"{", b"\xff", b"[" * 5000, b" " * (MAX_CARD + 1), b"[NaN]"])
def test_a_fetched_card_that_is_not_json_is_compared_as_bytes_only(card: bytes) -> None:
    payload = {"rcd": {"nam": "Q", "jcl": CARD_URL}, "rcdi": {"/jcl": digest(card)}}
    assert codes(payload, {CARD_URL: card}) == []
    payload["rcdi"]["/jcl/1"] = digest(b"1")
    assert codes(payload, {CARD_URL: card}) == ["rcdi-pointer"]


@pytest.mark.parametrize(
    "pointer",
    [
        *("", "nam", "/", "/x", "/nam/0", "/jcd/9", "/jcd/01", "/jcd/-1", "/jcd/x"),
        *("/a" * 17, f"/{'a' * 300}"),
    ],
)
def test_a_pointer_to_nothing_is_told(pointer: str) -> None:
    payload = {"rcd": {"nam": "Q", "jcd": CARD}, "rcdi": {pointer: digest(b"x")}}
    assert codes(payload) == ["rcdi-pointer"]


def test_an_escaped_pointer_is_read() -> None:
    payload = {"rcd": {"nam": "Q", "a/b~c": "v"}, "rcdi": {"/a~1b~0c": digest(b'"v"')}}
    assert codes(payload) == []


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({}, []),
        ({"crn": 5}, ["crn-malformed"]),
        ({"rcd": None}, ["rcd-malformed"]),
        ({"rcd": []}, ["rcd-malformed"]),
        ({"rcd": {"icn": ICON_URL}}, ["rcd-malformed"]),
        ({"rcd": {"nam": 5}}, ["rcd-malformed"]),
        ({"rcdi": {}}, ["rcd-malformed"]),
        ({"rcd": {"nam": "Q", "jcd": CARD, "jcl": CARD_URL}}, ["rcd-malformed"]),
        ({"rcd": {"nam": "Q", "jcd": "x"}}, ["rcd-malformed"]),
        ({"rcd": {"nam": "Q", "icn": ["x"]}}, ["rcd-malformed"]),
        ({"rcd": {"nam": "Q"}, "rcdi": []}, ["rcdi-malformed"]),
        ({"rcd": {"nam": "Q"}, "rcdi": {"/nam": 5}}, ["rcdi-malformed"]),
        ({"rcd": {"nam": "Q"}, "rcdi": {"/nam": "sha256-?"}}, ["rcdi-malformed"]),
        ({"rcd": {"nam": "Q"}, "rcdi": {"/nam": "sha1-AAAA"}}, ["rcdi-algorithm"]),
        (
            {"rcd": {"nam": "Q"}, "rcdi": {f"/{n}": "x" for n in range(MAX_POINTERS + 1)}},
            ["rcdi-malformed"],
        ),
        ({"rcd": {"nam": "Q", "jcl": CARD_URL}}, ["rcdi-missing"]),
    ],
)
def test_malformed_claims_are_told_by_name(payload: dict[str, Any], expected: list[str]) -> None:
    assert codes(payload) == expected


def test_a_strangers_pointer_is_shown_short_and_printable() -> None:
    payload = {"rcd": {"nam": "Q"}, "rcdi": {"/\r\n" + "é" * 200: digest(b"x")}}
    (finding,) = integrity(payload, {})
    assert finding.because.isascii()
    assert finding.because.isprintable()
    assert len(finding.because) < 500
