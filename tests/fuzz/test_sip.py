"""Whatever arrives at the SIP door is answered, refused or dropped, quickly and within bounds.

Small in the test command; ``PHONOTARY_FUZZ=large`` sends a hundred times as much.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from phonotary.shaken.attestation import Level
from phonotary.shaken.origids import UUID
from phonotary.shaken.passport import Passport
from phonotary.shaken.verdicts import FAILURES, Verdict, Verstat, failed
from phonotary.sip import addresses, messages
from phonotary.sip.messages import MAX_HEAD, MAX_MESSAGE, Malformed, Request
from phonotary.sip.redirect import Pending, Redirect
from tests.sip.invites import HEADERS, ORIGID, Signer, Verifier, door, request, response

CASES = 20_000 if os.environ.get("PHONOTARY_FUZZ") == "large" else 200
QUICK = settings(max_examples=CASES, deadline=timedelta(seconds=2), derandomize=True, database=None)
IDENTITY = "Identity: e30.e30.e30;info=<https://a.example/c.pem>;alg=ES256;ppt=shaken"
SIGNER = Signer()
WHOLE = request(lines=(IDENTITY, "P-Asserted-Identity: <tel:+14155550100>", "Date: x"))

value = st.text(
    st.sampled_from('<>@;:,="\\ \t[]()+1a%?.é') | st.characters(max_codepoint=0x2FF), max_size=60
)
names = st.sampled_from(
    [*HEADERS, "Identity", "y", "P-Asserted-Identity", "Date", "Require", "Diversion", "l", "k"]
)
header = st.tuples(names, st.sampled_from([":", " :", ": ", "", ":\r\n "]), value)


@st.composite
def nearly(draw: st.DrawFn) -> bytes:
    """A request with a few headers changed, added or left out."""
    method = draw(st.sampled_from(["INVITE", "OPTIONS", "CANCEL", "ACK", "BYE", "x"]))
    uri = draw(st.sampled_from(["sip:+12025550143@h", "tel:911", ""]) | value)
    written = dict(HEADERS) | {"CSeq": f"1 {method}"}
    for name in draw(st.lists(st.sampled_from([*HEADERS]), max_size=2)):
        written[name] = draw(value)
    lines = [f"{name}: {text}" for name, text in written.items()]
    lines += ["".join(one) for one in draw(st.lists(header, max_size=4))]
    head = "\r\n".join((f"{method} {uri} SIP/2.0", *lines, "\r\n"))
    return head.encode("utf-8", "surrogatepass")


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A good request with some bytes overwritten, cut out or put in."""
    data = bytearray(WHOLE)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
    return bytes(data)


# What a signer may have written anywhere in a token: any text at all, and such as breaks lines.
text = st.text(max_size=40) | st.sampled_from(
    [
        "",
        ORIGID,
        ORIGID + "\n",
        "x\r\nIdentity: forged",
        '"\r\n\r\n',
        "\u20ac",
        "\ud800",
        "\u2028\u202e",
        "\\",
        "a" * 11_000,
        "\u20ac" * 11_000,
    ]
)


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    """What a verification may come to; its texts are the signer's."""
    token = Passport({}, {}, draw(st.binary(min_size=64, max_size=64)), b"")
    if draw(st.booleans()):
        one = failed(draw(st.sampled_from(sorted(FAILURES))), draw(text), passport=token)
    else:
        one = Verdict(
            Verstat.PASSED,
            attest=draw(st.sampled_from([*Level, None])),
            origid=draw(st.none() | text),
            ppt=draw(st.sampled_from(["shaken", "rcd", None])),
            passport=token,
            rcd={"rcd": draw(text | st.none() | st.fixed_dictionaries({"nam": text | st.none()}))},
        )
    return replace(one, each=(one,) * draw(st.integers(0, 12)))


def fresh(
    verdict: Verdict | None = None, name: str | None = "Owl", *, at_once: bool = True
) -> Redirect:
    verifier = Verifier(verdict or Verdict(Verstat.PASSED), at_once=at_once)
    return door(sign=SIGNER, verifier=verifier, name_of=lambda number: name)


def said(redirect: Redirect, data: bytes, host: str = "127.0.0.1") -> tuple[bytes, int] | None:
    """What comes back, at once or after a wait. It must come soon, and nothing may be raised."""
    begun = time.perf_counter()
    reply = redirect.answer(data, host, 5070)
    if isinstance(reply, Pending):
        waiting = reply
        reply = asyncio.run(waiting.judge())
        waiting.settle()
    assert time.perf_counter() - begun < 0.5
    return reply


def check(sent: bytes, port: int, data: bytes) -> None:
    assert 0 < port < 65536
    assert len(sent) < len(data) + 4096
    # Whoever reads the response finds one message and no header that we did not write.
    assert sent.count(b"\r\n\r\n") == 1 and sent.endswith(b"\r\n\r\n")
    assert sent.count(b"\n") == sent.count(b"\r") == sent.count(b"\r\n")
    found = response(sent.decode("utf-8", "replace").encode())
    assert len(found.headers["From"]) == len(found.headers["To"]) == 1
    known = {*HEADERS, "Content-Length", "Identity", "P-Asserted-Identity", "Warning", "Reason"}
    known |= {"P-Attestation-Indicator", "P-Origination-ID", "X-Phonotary-Reason", "Allow"}
    assert set(found.headers) <= known | {"Unsupported", "Retry-After"}
    assert len(found.headers.get("Identity", ())) <= 1
    for name in ("P-Asserted-Identity", "P-Attestation-Indicator", "P-Origination-ID"):
        assert len(found.headers.get(name, ())) <= 1
    # Of verstat there is one, beside the number; a name within its quotes may say anything.
    for asserted in found.headers.get("P-Asserted-Identity", ()):
        uri = asserted.rpartition("<")[2]
        assert uri.isascii() and uri.isprintable()
        assert unquote(uri).lower().count("verstat") == 1
    for origid in found.headers.get("P-Origination-ID", ()):
        assert UUID.fullmatch(origid)


@QUICK
@given(st.binary(max_size=400) | nearly() | mangled())
@example(b"\r\n" * 100 + b"\r\n\r\n")
def test_the_door_answers_refuses_or_drops(data: bytes) -> None:
    reply = said(fresh(), data)
    if reply is not None:
        check(*reply, data)


@QUICK
@given(verdicts(), st.none() | text, nearly() | st.just(WHOLE), st.booleans())
def test_nothing_that_was_signed_or_is_on_record_breaks_the_answer(
    verdict: Verdict, name: str | None, data: bytes, at_once: bool
) -> None:
    reply = said(fresh(verdict, name, at_once=at_once), data)
    if reply is not None:
        check(*reply, data)
        # A fault of ours would be the signer's way around the verdict.
        assert not reply[0].startswith(b"SIP/2.0 503 ")


@QUICK
@given(st.binary(max_size=400) | nearly() | mangled())
def test_a_stranger_is_told_less_than_it_said(data: bytes) -> None:
    redirect = fresh()
    for _ in range(12):
        reply = said(redirect, data, "203.0.113.9")
        if reply is not None:
            assert len(reply[0]) <= len(data) and reply[0].startswith(b"SIP/2.0 403 ")
    assert reply is None


@QUICK
@given(st.binary(max_size=400) | nearly() | mangled())
def test_the_parser_raises_nothing_but_its_own_error(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        found = messages.parse(data)
        assert found is None or isinstance(found, Request)


@QUICK
@given(value)
def test_an_address_is_read_or_not(text: str) -> None:
    found = addresses.of(text)
    if found is not None:
        assert not set('<>" \r\n\t') & set(found.with_verstat("V"))
    addresses.first_numbered([text, text])


@QUICK
@given(st.lists(st.integers(1, 700), max_size=12), st.lists(mangled(), max_size=3))
def test_a_stream_is_cut_alike_in_whatever_pieces_it_comes(
    cuts: list[int], broken: list[bytes]
) -> None:
    stream = request(call_id="1") + request(call_id="2", body=b"") + b"".join(broken)

    def cut(pieces: list[bytes]) -> list[bytes]:
        buffer, searched, whole = bytearray(), 0, list[bytes]()
        with contextlib.suppress(Malformed):
            for piece in pieces:
                buffer += piece
                while size := messages.frame(buffer, searched):
                    if size > len(buffer):
                        break
                    whole.append(bytes(buffer[:size]))
                    del buffer[:size]
                    searched = 0
                searched = 0 if size else len(buffer)
        return whole

    pieces, rest = [], stream
    for size in cuts:
        pieces.append(rest[:size])
        rest = rest[size:]
    once = cut([stream])
    assert cut([*pieces, rest]) == once
    assert len(once) >= 2
    assert all(len(one) <= MAX_MESSAGE for one in once)


def _times(data: bytes, host: str) -> Iterator[float]:
    """Processor seconds that reading the message takes, a few times over."""
    for _ in range(4):
        redirect = fresh()
        begun = time.thread_time()
        redirect.answer(data, host, 5070)
        yield time.thread_time() - begun


@pytest.mark.parametrize(
    "filling",
    [
        b"a",
        b";",
        b" ",
        b"\t",
        b"<",
        b'"',
        b"\\",
        b"a;",
        b'"\\',
        b";a",
        b"\r\n ",
        b"; a",
        b":",
        b",a",
    ],
)
@pytest.mark.parametrize("name", ["Via", "From", "To", "P-Asserted-Identity", "Date", "CSeq", "X"])
def test_a_long_header_takes_no_long_time(name: str, filling: bytes) -> None:
    slow = []
    plain = request(lines=("P-Asserted-Identity: ~", "Date: ~", "X: ~"))
    assert len(plain) < 1_500
    start = plain.index(f"\r\n{name}: ".encode()) + len(name) + 4
    for prefix in (b"", b"SIP/2.0/UDP a", b"SIP/2.0/UDP a;b", b"<sip:", b'"', b",", b"sip:1@h"):
        for size in (900, 2_000, MAX_HEAD - 1_500, MAX_MESSAGE - 1_500):
            # Something stands behind, or a blank would be trimmed before it is looked at.
            long = prefix + filling * (size // len(filling)) + b";b"
            data = plain[:start] + long + plain[plain.index(b"\r\n", start) :]
            for host in ("127.0.0.1", "203.0.113.9"):
                # The machine may be busy once; what is quadratic is slow each time it is read.
                took = next((t for t in _times(data, host) if t <= 0.02), None)
                if took is None:
                    slow.append((prefix, size, host))
    assert not slow
