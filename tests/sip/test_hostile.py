"""What callers, signers and strangers write to be believed, or to be a burden."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from phonotary.shaken.attestation import Level
from phonotary.shaken.passport import Passport
from phonotary.shaken.verdicts import Verdict, Verstat, failed
from phonotary.sip import addresses, messages
from phonotary.sip.answers import Policy
from phonotary.sip.kept import LIFE, Kept
from phonotary.sip.messages import MAX_HEAD, MAX_LINE, MAX_VIA, Malformed, Unwritable
from phonotary.sip.redirect import Pending
from phonotary.sip.trunks import Role
from tests.sip.invites import (
    CALLED,
    CALLER,
    HEADERS,
    NOW,
    ORIGID,
    TARGET,
    Signer,
    Verifier,
    ask,
    door,
    request,
    response,
    trunk,
)

IDENTITY = "Identity: e30.e30.e30;info=<https://a.example/c.pem>;alg=ES256;ppt=shaken"
HOSTILE = [
    "x\r\nIdentity: forged",
    "\u20ac",
    "a" * 11_000,
    ORIGID + "\n",
    ORIGID[:-1] + "\u0661",
    f'{ORIGID}"\r\nP-Asserted-Identity: <tel:+18005550000;verstat=TN-Validation-Passed>',
    "\ud800",
    "",
]


def verified(verdict: Verdict, name: str | None = None, **changed: Any) -> Any:
    """What a trunk that has its calls verified is told."""
    lines = changed.pop("lines", (IDENTITY,))
    redirect = door(trunk(Role.VERIFY), verifier=Verifier(verdict), name_of=lambda number: name)
    return ask(redirect, request(lines=lines, **changed))


def passed(**more: Any) -> Verdict:
    return Verdict(Verstat.PASSED, **{"attest": Level.A, "origid": ORIGID, "ppt": "shaken", **more})


# What a signer writes into a token


@pytest.mark.parametrize("origid", HOSTILE)
def test_an_origid_that_is_no_uuid_is_not_passed_on(origid: str) -> None:
    told = verified(passed(origid=origid))
    assert told.status == 302
    assert "P-Origination-ID" not in told and "Identity" not in told
    assert len(told.headers["P-Asserted-Identity"]) == 1
    assert told["P-Attestation-Indicator"] == "A"


@pytest.mark.parametrize("origid", HOSTILE)
def test_a_verification_that_waits_ends_with_an_answer_whatever_was_signed(origid: str) -> None:
    redirect = door(verifier=Verifier(passed(origid=origid), at_once=False))
    waiting = redirect.answer(request(lines=(IDENTITY,)), "127.0.0.1", 5070)
    assert isinstance(waiting, Pending)
    assert response(asyncio.run(waiting.judge())[0]).status == 302


def own(name: Any) -> Verdict:
    """A verdict about one PASSporT that carries a name itself."""
    token = Passport({}, {}, b"\0" * 64, b"")
    rich = {"rcd": {"nam": name}}
    return passed(passport=token, rcd=rich, each=(passed(passport=token, rcd=rich),))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('Owl "\\', '"Owl \\"\\\\" <'),
        ("A\r\nX: y", '"A  X: y" <'),
        ("\u202eeman\u0085", '" eman " <'),
        ("\ud800", '" " <'),
        ("x" * 5_000, f'"{"x" * 128}" <'),
        ("Bäcker ☎", '"Bäcker ☎" <'),
        (7, "<sip:"),
        ("", "<sip:"),
    ],
)
def test_a_hostile_name_stays_within_its_quotes(name: Any, shown: str) -> None:
    assert verified(own(name))["P-Asserted-Identity"].startswith(shown)


def test_a_name_on_record_is_held_to_the_same() -> None:
    told = verified(passed(), 'Owl\r\nX: "y"')
    assert told["P-Asserted-Identity"].startswith('"Owl  X: \\"y\\"" <')


@pytest.mark.parametrize("level", [Level.B, Level.C, None])
def test_no_name_is_shown_below_level_a(level: Level | None) -> None:
    told = verified(passed(attest=level), "Owl Bank")
    assert told["P-Asserted-Identity"].startswith("<sip:")
    assert "verstat=TN-Validation-Passed" in told["P-Asserted-Identity"]


def test_the_name_of_another_header_is_not_shown() -> None:
    mine, other = (Passport({}, {}, bytes([n]) * 64, b"") for n in range(2))
    rich = {"rcd": {"nam": "Your Bank"}}
    each = (passed(passport=mine), passed(passport=other, ppt="rcd", attest=None, rcd=rich))
    verdict = passed(passport=mine, rcd=rich, each=each)
    assert verified(verdict)["P-Asserted-Identity"].startswith("<sip:")
    assert verified(verdict, "Owl")["P-Asserted-Identity"].startswith('"Owl" <')


def test_only_a_number_is_called_validated() -> None:
    told = verified(passed(), from_="<sip:ceo@bank.example>;tag=1")
    assert told["P-Asserted-Identity"] == "<sip:ceo;verstat=No-TN-Validation@bank.example>"
    assert "P-Attestation-Indicator" not in told and "P-Origination-ID" not in told


# What is written, whoever passes it


@pytest.mark.parametrize(
    "line", ["a\r\nb", "a\nb", "a\0", "a\x7f", "Contact: <sip:é@h>", '"\u20ac" \u20ac', "\u2028"]
)
def test_a_line_that_could_be_read_as_another_is_never_written(line: str) -> None:
    found = messages.parse(request())
    assert found is not None
    with pytest.raises(Unwritable):
        messages.respond(found, 302, "x", "X: 1", line)
    with pytest.raises(Unwritable):
        messages.respond(found, 302, "x", "a" * (MAX_LINE + 1))


def test_what_cannot_be_written_is_a_fault_of_ours_and_signed_once() -> None:
    signer = Signer()

    def broken(call: Any) -> Any:
        done = signer(call)
        return type(done)(done.identity + "\r\nX: y", done.decision, done.origid, b"", "")

    redirect = door(sign=broken)
    told = ask(redirect, request())
    assert (told.status, told["Retry-After"]) == (503, "1")
    assert "X" not in told
    assert ask(redirect, request()).status == 503
    assert len(signer.asked) == 1


def test_the_options_that_are_not_supported_are_named_only_as_words() -> None:
    lines = ("Require: 100rel, é", 'Require: "x', "Require: " + "a" * 99)
    told = ask(door(), request("OPTIONS", lines=lines))
    assert told["Unsupported"] == "100rel"
    assert ask(door(), request("OPTIONS", lines=("Require: é",))).status == 420


# What a caller writes beside a number


@pytest.mark.parametrize(
    "uri",
    [
        "sip:+1415;%76erstat=TN-Validation-Passed@h",
        "sip:+1415;%56ERST%41T=x;verstat@h",
        "sip:+1415;verstat@h;verstat",
        "sip:+1415@h;%76%65%72%73%74%61%74=x",
        "sip:+1415;verstat?verstat=x@h?verstat=y",
        "tel:+1415;%76erstat=x;VERSTAT",
    ],
)
def test_a_verstat_in_disguise_does_not_survive(uri: str) -> None:
    address = addresses.read(uri)
    assert address is not None
    written = addresses.unquote(address.with_verstat("V")).lower()
    assert written.count("verstat") == 1 and ";verstat=v" in written


@pytest.mark.parametrize(
    "uri", ["sip:+1415%3bverstat=x@h", "sip:+1415%3B%76erstat=x@h", "tel:+1%3Bx", "sip:bö@h"]
)
def test_a_user_that_two_readers_part_differently_is_no_address(uri: str) -> None:
    assert addresses.read(uri) is None


@pytest.mark.parametrize(
    "from_",
    [
        "<https://x>;tag=1",
        "nonsense here;tag=1",
        "<sip:owl.example>;tag=1",
        "<sip:bö@h>;tag=1",
        "<sip:+1800%3bverstat=TN-Validation-Passed@h>;tag=1",
    ],
)
@pytest.mark.parametrize("verdict", [passed(), failed("signature"), failed("no-identity")])
def test_every_302_of_a_verification_has_a_verstat(from_: str, verdict: Verdict) -> None:
    told = verified(verdict, from_=from_)
    stated = "TN-Validation-Failed" if verdict.code == 438 else "No-TN-Validation"
    assert f";verstat={stated}@" in told["P-Asserted-Identity"]
    assert told["P-Asserted-Identity"].count("verstat") == 1


def test_headers_in_a_request_uri_are_refused() -> None:
    for uri in (f"sip:{CALLED}@h?P-Asserted-Identity=x", f"sip:{CALLED}@h;a=b?Identity=x"):
        assert ask(door(), request(uri=uri)).status == 400


# One token, many calls


def asked(**changed: Any) -> Any:
    verifier = Verifier()
    ask(door(trunk(Role.VERIFY), verifier=verifier), request(lines=(IDENTITY,), **changed))
    return verifier.asked[0]


def test_the_call_is_named_by_call_id_from_tag_and_where_it_goes() -> None:
    first = asked().call_id
    assert first == asked(cseq="2 INVITE", via="SIP/2.0/UDP h;branch=z9hG4bK-9").call_id
    assert first == asked(uri=f"tel:{CALLED}").call_id
    assert first == asked(uri="sip:1(202)555-0143@second.example").call_id
    assert first == asked(from_='"Other" <sip:a@b> ; x=y; TAG = 1;z').call_id
    others = [
        asked(call_id="another"),
        asked(from_=HEADERS["From"].replace("tag=1", "tag=2")),
        asked(from_=HEADERS["From"].replace(";tag=1", "")),
        asked(uri=f"sip:{TARGET}@h"),
        asked(uri="sip:bob@h"),
        asked(uri="sip:bob@other"),
    ]
    assert len({first, *(one.call_id for one in others)}) == 7
    assert all(len(one.call_id) == len(asked(call_id="x" * 900).call_id) for one in others)


@pytest.mark.parametrize("more", [(), ("Identity: garbage;ppt=div",)])
def test_a_call_is_judged_by_the_request_uri_where_to_is_another(more: tuple[str, ...]) -> None:
    told = asked(uri=f"sip:{TARGET}@h")
    assert told.dest == (TARGET,)
    verifier = Verifier()
    data = request(uri=f"sip:{TARGET}@h", lines=(IDENTITY, *more))
    ask(door(verifier=verifier), data)
    assert verifier.asked[0].dest == (TARGET,)


def test_a_request_uri_without_a_number_leaves_the_one_in_to() -> None:
    assert asked(uri="sip:desk@pbx.example").dest == (CALLED,)


# What is long


STRANGER = "203.0.113.9"
SHORT = 0.05


def timed(run: Callable[[], object]) -> float:
    """Seconds of the processor; of the best of three runs when one was long, for another program
    may have had its caches."""
    took = []
    while len(took) < 3 and min(took, default=1) > SHORT:
        begun = time.thread_time()
        run()
        took.append(time.thread_time() - begun)
    return min(took)


def test_a_stranger_beyond_the_quota_is_not_even_read(monkeypatch: pytest.MonkeyPatch) -> None:
    redirect, read = door(policy=Policy(strangers=2)), []

    def parse(data: bytes) -> None:
        read.append(data)

    monkeypatch.setattr(messages, "parse", parse)
    for _ in range(9):
        redirect.answer(request(), STRANGER, 5070)
    assert len(read) == 2


def test_strangers_cannot_hold_the_door_up() -> None:
    redirect = door()
    data = request(via="SIP/2.0/UDP h;a" + " " * 30_000 + ";b")

    def flood() -> None:
        for n in range(50):
            redirect.answer(data, f"203.0.113.{n}", 5070)

    assert timed(flood) < SHORT


WHOLE = request()
HEAD = WHOLE.partition(b"\r\n\r\n")[0]
BROKEN = {
    "a control character": request(lines=("X: \1",)),
    "one in what is copied": request(from_='"\0\x7f" <sip:a@h>;tag=1', call_id="a\1b"),
    "LF line ends": WHOLE.replace(b"\r\n", b"\n"),
    "one LF": request(lines=("X: 1\nY: 2",)),
    "CR alone": request(lines=("X: 1\rVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-2",)),
    "no end of the head": HEAD,
    "empty lines first": b"\r\n\r\n" + WHOLE,
    "another first line": WHOLE.replace(b" SIP/2.0\r\n", b" sip/2.0\r\n", 1),
    "a line without a colon": request(lines=("nonsense",)),
    "too many headers": request(lines=("X: 1",) * 200),
    "a long head": request(lines=("X: " + "x" * MAX_HEAD,)),
    "From twice": request(lines=("f: <sip:x@h>",)),
    "To twice": request(lines=("TO : <sip:x@h>",)),
    "Call-ID twice": request(lines=("i: x",)),
    "CSeq twice": request(lines=("CSeq: 2 INVITE",)),
    "a long Via below": request(lines=("Via: SIP/2.0/UDP " + "h" * MAX_VIA,)),
    "many Vias": request(lines=("v: SIP/2.0/UDP " + "h" * (MAX_VIA - 20),) * 20),
    "a long Call-ID": request(call_id="c" * 60_000),
    "a long CSeq": request(cseq="1" + " " * 60_000 + "INVITE"),
    "a long From": request(from_=f'"{"x" * 60_000}" <sip:a@h>;tag=1'),
    "a long To": request(to=f"<sip:{'x' * 60_000}@h>"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_whoever_can_be_answered_is_told_that_the_message_is_broken(data: bytes) -> None:
    signer = Signer()
    reply = door(sign=signer).answer(data, "127.0.0.1", 5070)
    assert isinstance(reply, tuple) and len(reply[0]) < 24_000
    told = response(reply[0])
    assert told.status == 400
    assert told.headers["Via"][0] == HEADERS["Via"]
    assert (told["CSeq"], reply[1]) == ("1 INVITE", 5070)
    assert "tag=" in told["To"] and "Warning" in told
    assert reply[0].translate(None, b"\r\n").decode("latin-1").isprintable()
    assert signer.asked == []


def test_of_a_from_that_is_too_long_the_tag_is_left() -> None:
    reply = door().answer(BROKEN["a long From"], "127.0.0.1", 5070)
    assert isinstance(reply, tuple)
    assert response(reply[0])["From"] == "<sip:too.long.invalid>;tag=1"


@pytest.mark.parametrize(
    "data",
    [
        request(via="SIP/2.0/UDP h;branch=" + "b" * MAX_VIA),
        request(via=None),
        b"\n" + request("ACK"),
        b"sip/2.0 200 OK\r\n" + WHOLE.partition(b"\r\n")[2],
        WHOLE.replace(b"\r\n", b"\n\n", 1),
    ],
)
def test_where_nobody_can_be_answered_there_is_no_answer(data: bytes) -> None:
    assert door().answer(data, "127.0.0.1", 5070) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"lines": ("P-Asserted-Identity: <tel:+1>" + "," * 2_048,)},
        {"lines": ("Diversion: <tel:+1>;" + "a" * 2_048,)},
        {"lines": ("Date: " + "a" * 2_049,)},
    ],
)
def test_a_value_that_is_too_long_is_told_so(changed: Any) -> None:
    assert ask(door(), request(**changed)).status == 400


FILLINGS = [
    *(b"%c" % n for n in b'!"#%&()*+,-./0:;<=>?@A[\\]_a{~ \t\1\n\r\x7f\xff'),
    *(b"%c%c" % (a, b) for a in b',; \t"<\\' for b in b',; \t"<>\\=a' if a != b),
    b"\r\n ",
    b"\r\n\t \t",
    b",<a>",
    b",sip:1@h",
    b'"\\',
    b"; tag",
    b";rport",
    b";received=",
    b" \r\nl:",
]
PLACES = [b"Via: SIP/2.0/UDP h;a", b"P-Asserted-Identity: ,", b"Diversion: ", b"X", b"Require: "]


@pytest.mark.parametrize("place", [b"", b"From: <sip:1@h>", b"To: ", *PLACES])
def test_no_repeated_pattern_takes_long(place: bytes) -> None:
    """60 kB of it as a message, and as much of it as a head may hold within one header."""
    redirect = door(trunk(Role.VERIFY), policy=Policy(strangers=10**6))
    plain = request(lines=(IDENTITY, "X:\r\n y"))
    before, end, after = plain.partition(b"\r\n\r\n")
    name = place.partition(b":")[0]
    if name in (b"From", b"To"):
        kept = [line for line in before.split(b"\r\n") if not line.startswith(name + b":")]
        before = b"\r\n".join(kept)
    slow = []
    for filling in FILLINGS:
        long = filling * (60_000 // len(filling))
        if place:
            # What follows keeps a blank from being trimmed before it is looked at.
            long = place + long[: MAX_HEAD - len(before) - len(place) - 20] + b";b"
            long = before + b"\r\n" + long + end + after
        for host in (STRANGER, "127.0.0.1"):
            if (took := timed(lambda: redirect.answer(long, host, 5070))) > SHORT:  # noqa: B023
                slow.append((filling, host, took))
        if (took := timed(lambda: framed(long))) > SHORT:  # noqa: B023
            slow.append((filling, "stream", took))
    assert slow == []


def framed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        messages.frame(bytearray(data))


@pytest.mark.parametrize("filling", [",<", '<"', '"<', ",", "<", '"', '"\\', ",a", ",<a>", "a,\\"])
def test_addresses_are_parted_in_linear_time(filling: str) -> None:
    long = "," + filling * (60_000 // len(filling))
    assert timed(lambda: addresses._split(long)) < SHORT
    assert timed(lambda: addresses.first_numbered([long[:2_048]] * 15)) < SHORT


def test_a_number_behind_many_other_addresses_is_not_looked_for() -> None:
    values = [", ".join(["<sip:a@h>"] * 50), f"<tel:{CALLER}>"]
    found = addresses.first_numbered(values)
    assert found is not None and found.number is None


# What is kept for retransmissions


def test_kept_answers_are_bounded_by_their_bytes_too() -> None:
    kept = Kept(100, 1_000)
    for n in range(20):
        kept.put(n, (b"a" * 100, 5060), NOW)
    assert len(kept) == 10 and kept.bytes == 1_000
    assert kept.get(9) is None and kept.get(10) is not None
    kept.put(99, (b"a" * 1_001, 5060), NOW)
    assert 99 not in kept and kept.bytes <= 1_000
    kept.forget(NOW + LIFE + 1)
    assert (len(kept), kept.bytes) == (0, 0)


def test_an_answer_after_a_second_try_is_kept_its_whole_life() -> None:
    kept = Kept()
    kept.begin("a", NOW)
    kept.drop("a")
    kept.put("a", (b"1", 1), NOW + 30)
    kept.forget(NOW + LIFE + 1)
    assert kept.get("a") == (b"1", 1)
    kept.forget(NOW + 30 + LIFE + 1)
    assert "a" not in kept and kept.bytes == 0


def test_an_answer_lives_from_when_it_was_given() -> None:
    kept = Kept(2)
    kept.begin("a", NOW)
    kept.put("b", (b"1", 1), NOW + 1)
    kept.put("a", (b"22", 1), NOW + 5)
    assert kept.bytes == 3
    kept.put("c", (b"1", 1), NOW + 6)
    assert "b" not in kept and "a" in kept


def test_a_key_is_short_however_long_the_headers_are() -> None:
    redirect = door()
    ask(redirect, request(from_=f'"{"x" * 1_500}" <sip:{CALLER}@h>;tag=1'))
    (key,) = redirect._kept._replies
    assert isinstance(key, bytes) and len(key) == 16


def test_the_largest_answer_is_bounded() -> None:
    vias = ("Via: SIP/2.0/UDP " + "a" * (MAX_VIA - 12),) * 13
    long = '"' + "x" * 1_900 + '"'
    data = request(
        lines=(*vias, IDENTITY), from_=f"{long} <sip:{CALLER}@h>;tag=1", to=f"{long} <sip:1@h>"
    )
    reply = door().answer(data, "127.0.0.1", 5070)
    assert isinstance(reply, tuple) and len(reply[0]) < 24_000
