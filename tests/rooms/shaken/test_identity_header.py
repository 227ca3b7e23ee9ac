"""The Identity header: what we write, and everything we read (RFC 8224 section 4)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phonotary.errors import Refused
from phonotary.shaken.identity_header import (
    MAX_HEADER,
    MAX_HEADERS,
    IdentityHeader,
    emit,
    parse,
    split,
)

URL = "https://cert.example.org/passport.cer"
FULL = IdentityHeader("aa.bb.cc", URL, "ES256", "shaken")


def test_the_header_is_written_with_a_bare_ppt() -> None:
    assert emit("aa.bb.cc", URL) == f"aa.bb.cc;info=<{URL}>;alg=ES256;ppt=shaken"


@pytest.mark.parametrize(
    "value",
    [
        f"aa.bb.cc;info=<{URL}>;alg=ES256;ppt=shaken",
        f'aa.bb.cc;ppt="shaken";alg="ES256";info=<{URL}>',
        f"aa.bb.cc ;\r\n PPT = shaken; info=<{URL}>",
        f' aa.bb.cc;alg=ES256;x;y=1;z="a;b=\\"c";ppt="shaken";info=<{URL}> ',
    ],
    ids=["bare", "quoted", "folded", "unknown-parameters"],
)
def test_the_same_header_is_read_however_it_is_written(value: str) -> None:
    assert parse(value) == FULL


def test_a_uri_may_hold_a_semicolon() -> None:
    assert parse("a.b.c;info=<https://h/p;v=1>;ppt=shaken").info == "https://h/p;v=1"


def test_an_absent_ppt_is_a_base_passport() -> None:
    assert parse(f"..cc;info=<{URL}>") == IdentityHeader("..cc", URL, "ES256", None)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("a.b.c", "info parameter is missing"),
        ("a.b.c;info=<>", "info parameter is missing"),
        (f";info=<{URL}>", "does not begin"),
        (f"a.b.c;info=<{URL}>;ppt=div;ppt=shaken", "ppt parameter is repeated"),
        (f"a.b.c;info=<{URL}>;PPT=div;ppt=shaken", "ppt parameter is repeated"),
        (f"a.b.c;info=<{URL}", "cannot be read"),
        (f'a.b.c;info=<{URL}>;ppt="sha', "cannot be read"),
        (f"a.b.c,d.e.f;info=<{URL}>", "does not begin"),
        ("a" * (MAX_HEADER + 1), "longer than"),
    ],
)
def test_a_header_that_cannot_be_read_says_why(value: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        parse(value)


@pytest.mark.parametrize(
    ("token", "info", "ppt"),
    [
        ("a.b.c\r\nX: y", URL, "shaken"),
        ("a.b.c", f"{URL}>;alg=none", "shaken"),
        ("a.b.c", f"{URL}\r\nX: y", "shaken"),
        ("a.b.c", "ftp://h/p", "shaken"),
        ("a.b.c", URL, "shaken;x=y"),
    ],
)
def test_nothing_can_break_out_of_a_written_header(token: str, info: str, ppt: str) -> None:
    with pytest.raises(Refused):
        emit(token, info, ppt)


def test_a_base_passport_is_written_without_a_ppt() -> None:
    assert emit("aa.bb.cc", URL, None) == f"aa.bb.cc;info=<{URL}>;alg=ES256"


def test_the_headers_printed_in_rfc8224_are_read() -> None:
    path = Path(__file__).parents[2] / "vectors" / "rfc8224.json"
    for value in json.loads(path.read_text())["identity_headers"]:
        found = parse(value)
        assert (found.alg, found.ppt) == ("ES256", None)
        assert found.info.startswith("https://")


def test_the_parameters_printed_in_rfc8946_are_read() -> None:
    found = parse('aa.bb.cc;info=<https://www.example.com/cert.cer>;ppt="div-o"')
    assert found == IdentityHeader("aa.bb.cc", "https://www.example.com/cert.cer", "ES256", "div-o")


def test_long_unknown_parameters_are_passed_over() -> None:
    assert parse(f'aa.bb.cc;x="{"a" * 600}";y=[2001:db8::1];info=<{URL}>;ppt=shaken') == FULL


@pytest.mark.parametrize(
    "value", ["é.b.c;info=<u>", "a.b.c\u2028;info=<u>", "a.b.c;\u2003info=<u>"]
)
def test_only_sip_whitespace_is_whitespace(value: str) -> None:
    with pytest.raises(Refused):
        parse(value)


A, B = f"a.b.c;info=<{URL}>", 'd.e.f;info=<https://h/p,q>;x="1,2\\",3";ppt=div'


@pytest.mark.parametrize(
    "values",
    [[A, B], [f"{A},{B}"], [f" {A} ,\r\n {B}, "], ["", A, ",", B]],
    ids=["two-headers", "joined", "joined-and-folded", "with-empty-ones"],
)
def test_several_headers_come_apart_however_they_are_joined(values: list[str]) -> None:
    assert split(values) == (A, B)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([A] * (MAX_HEADERS + 1), "more than"),
        ([",".join([A] * (MAX_HEADERS + 1))], "more than"),
        (["a" * (MAX_HEADER + 1)], "longer than"),
        (["a," * MAX_HEADER * MAX_HEADERS], "too long"),
        ([f'{A};x="1,2'], "not closed"),
        (["a.b.c;info=<https://h/,"], "not closed"),
    ],
)
def test_headers_beyond_all_bounds_are_refused(values: list[str], why: str) -> None:
    with pytest.raises(Refused, match=why):
        split(values)
