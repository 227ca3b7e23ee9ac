"""Whatever arrives at the SIP door is answered, refused or dropped, quickly and within bounds.

Small in the test command; ``PHONOTARY_FUZZ=large`` sends a hundred times as much.
"""

from __future__ import annotations

import contextlib
import os
import time
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phonotary.sip import addresses, messages
from phonotary.sip.messages import MAX_HEAD, MAX_MESSAGE, Malformed, Request
from phonotary.sip.redirect import Pending, Redirect
from tests.sip.invites import HEADERS, Signer, Verifier, door, request, response

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


def fresh() -> Redirect:
    return door(sign=SIGNER, verifier=Verifier(), name_of=lambda number: "Owl")


@QUICK
@given(st.binary(max_size=400) | nearly() | mangled())
@example(b"\r\n" * 100 + b"\r\n\r\n")
def test_the_door_answers_refuses_or_drops(data: bytes) -> None:
    begun = time.perf_counter()
    reply = fresh().answer(data, "127.0.0.1", 5070)
    assert time.perf_counter() - begun < 0.5
    assert not isinstance(reply, Pending)
    if reply is None:
        return
    sent, port = reply
    assert 0 < port < 65536
    assert len(sent) < len(data) + 4096
    # Whoever reads the response finds one message and no header that we did not write.
    assert sent.count(b"\r\n\r\n") == 1 and sent.endswith(b"\r\n\r\n")
    assert sent.count(b"\n") == sent.count(b"\r") == sent.count(b"\r\n")
    found = response(sent.decode("utf-8", "replace").encode())
    assert len(found.headers["From"]) == len(found.headers["To"]) == 1
    known = {*HEADERS, "Content-Length", "Identity", "P-Asserted-Identity", "Warning", "Reason"}
    known |= {"P-Attestation-Indicator", "P-Origination-ID", "X-Phonotary-Reason", "Allow"}
    assert set(found.headers) <= known | {"Unsupported"}


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
    plain = request(lines=("P-Asserted-Identity: ~", "Date: ~", "X: ~"))
    start = plain.index(f"\r\n{name}: ".encode()) + len(name) + 4
    for prefix in (b"", b"SIP/2.0/UDP a", b"<sip:", b'"', b"sip:1@h"):
        long = prefix + filling * ((MAX_HEAD - 1500) // len(filling))
        data = plain[:start] + long + plain[plain.index(b"\r\n", start) :]
        begun = time.perf_counter()
        fresh().answer(data, "127.0.0.1", 5070)
        assert time.perf_counter() - begun < 0.2, (name, filling, prefix)
