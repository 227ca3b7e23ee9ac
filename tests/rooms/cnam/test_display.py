"""One identity for databases and rich call data: its fields, their limits, all findings at once."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonotary.cnam.display import DisplayIdentity, findings, logo_digest
from phonotary.shaken import rcd


def bmp(width: int = 256, height: int = 256, *, bits: int = 24, extra: int = 0) -> bytes:
    pixels = bytes(abs(width * height) * bits // 8 + extra)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, len(pixels), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54) + head + pixels


LOGO = bmp()
GOOD = DisplayIdentity(
    "HARBOR BOOKS",
    "Harbor Books & Music of Sausalito",
    "https://harborbooks.example/logo.bmp",
    logo_digest(LOGO),
    ("Your order has arrived", "Delivery today"),
)


def told(identity: DisplayIdentity, logo: bytes | None = None) -> list[tuple[str, int]]:
    return [(each.field, each.code) for each in findings(identity, logo)]


def test_a_good_identity() -> None:
    assert findings(GOOD, LOGO) == []
    assert findings(DisplayIdentity("HARBOR BOOKS")) == []
    assert GOOD.shown == "Harbor Books & Music of Sausalito"
    assert DisplayIdentity(" HARBOR  BOOKS ").shown == "HARBOR BOOKS"


def test_a_good_identity_is_what_rich_call_data_takes() -> None:
    claims = rcd.rcd_claims(
        rcd.Display(GOOD.shown, GOOD.logo_url, GOOD.logo_digest, GOOD.reasons[0])
    )
    assert rcd.integrity(claims, {str(GOOD.logo_url): LOGO}) == ()
    assert logo_digest(LOGO) == rcd.digest(LOGO)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name15": "SMITH & SONS"}, [("name15", 11009)]),
        ({"name15": "FBI"}, [("name15", 11008)]),
        ({"name35": ""}, [("name35", 11014)]),
        ({"name35": "x" * 36}, [("name35", 11014)]),
        ({"name35": "Harbor\x07Books"}, [("name35", 11014)]),
        ({"name35": "(415) 555-0100"}, [("name35", 11018)]),
        ({"name35": "Harbor Police Department"}, [("name35", 11014)]),
        ({"name35": "Seattle, Washington"}, [("name35", 11014)]),
        ({"logo_url": "http://harborbooks.example/l.bmp"}, [("logo_url", 11015)]),
        ({"logo_url": "https://"}, [("logo_url", 11015)]),
        ({"logo_url": "https://a:b@harbor.example/l"}, [("logo_url", 11015)]),
        ({"logo_url": "https://harbor.example:x/l"}, [("logo_url", 11015)]),
        ({"logo_url": "https://harbor.example/" + "l" * 106}, [("logo_url", 11015)]),
        ({"logo_url": None}, [("logo_url", 11015)]),
        ({"name15": None}, []),
        ({"logo_digest": None}, []),
        ({"logo_digest": "md5-abc"}, [("logo_digest", 11015)]),
        ({"reasons": ("x" * 65,)}, [("reasons", 11016)]),
        ({"reasons": ("",)}, [("reasons", 11016)]),
        ({"reasons": ("a\nb",)}, [("reasons", 11016)]),
        ({"reasons": ("Order", "order ")}, [("reasons", 11016)]),
        ({"reasons": tuple(f"Reason {n}" for n in range(11))}, [("reasons", 11016)]),
        ({"reasons": ("See harborbooks.com",)}, [("reasons", 11020)]),
    ],
)
def test_each_limit(changes: dict[str, object], expected: list[tuple[str, int]]) -> None:
    assert told(replace(GOOD, **changes)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "logo",
    [
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        bmp(255, 256),
        bmp(256, 300),
        bmp()[:-1],
        bmp(extra=1_048_576),
    ],
)
def test_a_logo_is_256_by_256_bmp_of_at_most_a_mebibyte(logo: bytes) -> None:
    assert told(replace(GOOD, logo_digest=logo_digest(logo)), logo) == [("logo", 11015)]


def test_rows_from_the_top_and_four_bytes_a_pixel_are_fine() -> None:
    logo = bmp(256, -256, bits=32)
    assert findings(replace(GOOD, logo_digest=logo_digest(logo)), logo) == []


def test_a_logo_that_is_another_one_is_found() -> None:
    assert told(GOOD, bmp(bits=32)) == [("logo", 11015)]


def test_everything_comes_at_once() -> None:
    bad = DisplayIdentity("1 & 2", "x" * 40, "http://x", "md5", ("www.x",))
    fields = {field for field, _ in told(bad, b"no image")}
    assert fields == {"name15", "name35", "logo_url", "logo_digest", "logo", "reasons"}


_texts = st.text(max_size=140)


@given(_texts, _texts, _texts, st.lists(_texts, max_size=12), st.binary(max_size=80))
def test_no_input_breaks_it(
    short: str, long: str, url: str, reasons: list[str], logo: bytes
) -> None:
    identity = DisplayIdentity(short, long, url, url, tuple(reasons))
    assert all(each.sentence.endswith(".") for each in findings(identity, logo))
