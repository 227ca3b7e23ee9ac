"""One identity: what was filed is judged by the room of names, and what was approved is shown."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import pytest

from phonotary.bootstrap import displaying, logos
from phonotary.bootstrap.logos import Logos
from phonotary.cnam.display import LOGO_BYTES, DisplayIdentity, logo_digest
from phonotary.shaken import showing
from phonotary.shaken.ports import ShownAs
from phonotary.trusthub.display import DIGEST, Displayed, Filed, Logo, filed
from tests.simulators import lying_repository as lies

URL = "https://acme.example/logo.bmp"
PIN = "sha256-" + "A" * 43
WHOLE: dict[str, Any] = {
    "branded_calls_display_name": "Acme Plumbing",
    "branded_calls_long_display_name": "Acme Plumbing & Sons of Austin",
    "branded_calls_logo_url": URL,
    "branded_calls_call_reason": ["Your appointment", "Your invoice"],
    DIGEST: PIN,
}
FILED = filed(WHOLE)


def test_a_reason_with_spaces_in_it_is_signed_as_it_was_vetted() -> None:
    spaced = filed({**WHOLE, "branded_calls_call_reason": "Your order" + " " * 80 + "today"})
    assert displaying.findings(spaced) == []
    shown = displaying.shown_as(Displayed(filed=spaced), None)
    assert shown is not None
    assert showing.claims(shown, "your order today")["crn"] == "Your order today"


def bmp(side: int = 256) -> bytes:
    pixels = bytes(side * side * 3)
    head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(pixels), 0, 0, 54) + head + pixels


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({DIGEST: None}, []),
        ({"branded_calls_long_display_name": "x" * 36}, [11014]),
        ({"branded_calls_long_display_name": None, "branded_calls_display_name": "x" * 35}, []),
        (
            {"branded_calls_long_display_name": None, "branded_calls_display_name": "x" * 36},
            [11014],
        ),
        ({"branded_calls_display_name": "Acme Plumbing Co"}, [11014]),
        ({"branded_calls_display_name": "Smith & Sons"}, []),
        ({"branded_calls_display_name": "FBI"}, [11014]),
        ({"branded_calls_display_name": "415 555 0100"}, [11018]),
        ({"branded_calls_long_display_name": "+1 (415) 555-0100"}, [11018]),
        ({"branded_calls_logo_url": "http://acme.example/logo.bmp"}, [11015]),
        ({"branded_calls_logo_url": None}, [11015]),
        ({DIGEST: "md5-1"}, [11015]),
        ({"branded_calls_call_reason": "x" * 65}, [11016]),
        ({"branded_calls_call_reason": "See acme.com"}, [11020]),
        ({"branded_calls_call_reason": ["Your order", 5]}, [11016]),
        ({"branded_calls_display_name": 5}, [11014]),
        ({"branded_calls_long_display_name": ["Acme"]}, [11014]),
        ({"branded_calls_logo_url": 5, DIGEST: None}, [11015]),
        ({DIGEST: 5}, [11015]),
    ],
)
def test_each_limit_is_told_by_its_code(changes: dict[str, Any], codes: list[int]) -> None:
    found = displaying.findings(filed({**WHOLE, **changes}))
    assert [each.code for each in found] == codes
    assert all(each.sentence.endswith(".") for each in found)


LONG = "Acme Plumbing & Sons of Austin"
REASONS = ("Your appointment", "Your invoice")


@pytest.mark.parametrize(
    ("displayed", "shown"),
    [
        (Displayed(), ShownAs("Acme LLC")),
        (Displayed(name15="ACME"), ShownAs("ACME")),
        (Displayed(name15="ACME", filed=FILED), ShownAs(LONG, URL, PIN, REASONS)),
        (Displayed(filed=FILED), ShownAs(LONG, URL, PIN, REASONS)),
        (Displayed(filed=Filed("Acme", None, None, None, ())), ShownAs("Acme")),
        # A logo that nothing pins is not shown.
        (Displayed(filed=Filed("Acme", None, URL, None, ())), ShownAs("Acme")),
        (Displayed(name15="ACME", filed=FILED, private=True), None),
    ],
)
def test_a_call_shows_the_longest_name_that_was_approved(
    displayed: Displayed, shown: ShownAs | None
) -> None:
    assert displaying.shown_as(displayed, "Acme LLC") == shown


def test_nothing_is_known_of_a_caller_without_a_name() -> None:
    assert displaying.shown_as(Displayed(), None) is None
    assert displaying.identity(Displayed()) is None


def test_databases_and_calls_are_told_of_one_identity() -> None:
    assert displaying.identity(Displayed(name15="ACME", filed=FILED)) == DisplayIdentity(
        "ACME", LONG, URL, PIN, REASONS
    )


# Looking at a logo


def look(behaviour: lies.Behaviour | None, *, allowed: bool = True) -> Logo:
    async def run() -> Logo:
        async with lies.running() as server:
            url = server.at("/logo.bmp", behaviour) if behaviour else server.origin + "/none"
            looking = Logos(frozenset({server.origin}) if allowed else frozenset())
            try:
                return await looking.look(url)
            finally:
                await looking.close()

    return asyncio.run(run())


def test_a_logo_is_known_by_the_digest_of_its_bytes() -> None:
    seen = look(lies.serves(bmp(), "image/bmp"))
    assert (seen.digest, seen.reached) == (logo_digest(bmp()), True)


@pytest.mark.parametrize(
    ("behaviour", "reached", "said"),
    [
        (lies.serves(bmp(128), "image/bmp"), True, "128 by 128"),
        (lies.serves(b"<html>", "text/html"), True, "not a BMP"),
        (lies.serves(b"BM" + bytes(LOGO_BYTES), "image/bmp"), True, "bytes"),
        (lies.serves(b"", status="404 Not Found"), False, "The logo's server answers 404."),
        (lies.redirects(URL), False, "redirects"),
    ],
)
def test_what_is_no_logo_is_said(behaviour: lies.Behaviour, reached: bool, said: str) -> None:
    seen = look(behaviour)
    assert (seen.digest, seen.reached) == (None, reached)
    assert said in seen.because


def test_nothing_private_is_fetched() -> None:
    seen = look(lies.serves(bmp(), "image/bmp"), allowed=False)
    assert (seen.digest, seen.reached) == (None, False)
    assert seen.because


def test_a_logo_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logos, "PATIENCE", 0.05)
    seen = look(lies.never())
    assert (seen.digest, seen.reached) == (None, False)
    assert "Nothing came" in seen.because
