"""Whatever a caller writes, Kamailio with the recipe redirect.cfg asks phonotary first, and does as
it says."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phonotary.errors import Reason, Refused
from phonotary.sip.trunks import Role
from tests.simulators import kamailio, sipp
from tests.sip.invites import CALLED, CALLER, Signer, door, trunk
from tests.sip.lines import Line
from tests.sip.serving import serving

RECIPE = "redirect.cfg"


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def barred(account_sid: str) -> None:
    raise Refused(Reason.ACCOUNT_NOT_ACTIVE, "The account is suspended.")


@pytest.fixture(scope="module")
def blocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """The line of a customer who is suspended."""
    signer, made = Signer(int(time.time())), Line()
    signer.fault = Refused(Reason.ACCOUNT_NOT_ACTIVE, "The account is suspended.")
    redirect = door(trunk(Role.AUTHENTICATE), sign=signer, admit=barred)
    directory = tmp_path_factory.mktemp("blocked")
    with (
        serving(redirect) as server,
        kamailio.proxy(
            directory, RECIPE, NEXT_HOP=made.next_hop, PHONOTARY=f"sip:127.0.0.1:{server.port}"
        ) as proxy,
    ):
        made.proxy = proxy.port
        yield made
    made.close()


EVASIONS: list[tuple[dict[str, Any], int]] = [
    ({}, 603),
    ({"lines": ("Require: timer", "Proxy-Require: x")}, 603),
    ({"lines": ("Identity: e30.e30.e30;info=<https://a.example/c.pem>",)}, 603),
    ({"from_": "<sip:anonymous@anonymous.invalid>;tag=1"}, 603),
    ({"lines": ("X: 1",) * 200}, 400),
    ({"lines": ("X: \1",)}, 400),
    ({"lines": ("X: 1\nY: 2",)}, 400),
    ({"lines": ("X: 1\rVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-2",)}, 400),
    ({"lines": ("Via: SIP/2.0/UDP " + "h" * 1_100,)}, 400),
    ({"cseq": "1\tINVITE"}, 400),
    ({"call_id": "unasked-long." + "c" * 3_000}, 400),
    ({"from_": f'"{"x" * 9_000}" <sip:{CALLER}@h>;tag=1'}, 400),
    ({"uri": f"sip:{CALLED}@h?X=1"}, 400),
    ({"uri": f"urn:service:{CALLED}"}, 416),
    ({"lines": ("X: " + "x" * 64_000,)}, 513),
    ({"to": f"<sip:{CALLED}@h>;tag=9"}, 481),
]


@pytest.mark.parametrize(("changed", "status"), EVASIONS)
def test_a_blocked_caller_reaches_nobody_whatever_he_writes(
    blocked: Line, changed: dict[str, Any], status: int
) -> None:
    assert blocked.outcome(blocked.invite(**changed)) == status


def test_lines_that_end_with_lf_alone_reach_nobody_either(blocked: Line) -> None:
    assert blocked.outcome(blocked.invite().replace(b"\r\n", b"\n")) == 400
    assert blocked.outcome(b"\r\n\r\n" + blocked.invite()) == 400


def test_a_new_call_that_claims_to_be_an_old_one_does_not_choose_its_way(blocked: Line) -> None:
    data = blocked.invite(
        uri=blocked.next_hop.replace("sip:", f"sip:{CALLED}@"),
        to=f"<sip:{CALLED}@h>;tag=9",
        lines=(f"Route: <sip:127.0.0.1:{blocked.proxy};lr>",),
    )
    assert blocked.outcome(data) == 481


@pytest.mark.parametrize(
    "uri",
    ["urn:service:sos", "urn:service:sos.police", "sip:911@h", "tel:911;phone-context=+1"],
)
def test_nobody_holds_up_an_emergency_call(blocked: Line, uri: str) -> None:
    assert str(blocked.outcome(blocked.invite(uri=uri))).startswith(f"INVITE {uri} ")


def test_an_emergency_call_goes_on_where_nobody_can_be_asked_about_it(blocked: Line) -> None:
    long = blocked.invite(uri="urn:service:sos", body=b"p" * 17_000)
    assert str(blocked.outcome(long)).startswith("INVITE urn:service:sos ")


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:9112@h", 603),
        ("sip:911-555-0100@h", 603),
        ("sip:911;phone-context=+14155559@h", 603),
        ("urn:service:sosx", 416),
    ],
)
def test_what_only_looks_like_an_emergency_is_none(blocked: Line, uri: str, status: int) -> None:
    assert blocked.outcome(blocked.invite(uri=uri)) == status


def test_within_a_call_that_went_on_there_are_further_invites(tmp_path: Path) -> None:
    again = sipp.invite().replace("CSeq: 1 ", "CSeq: 2 ").replace('retrans="500"', "")
    again = again.replace(
        "sip:+12025550143@[remote_ip]:[remote_port];user=phone SIP", "[next_url] SIP"
    )
    again = again.replace("From: ", "[routes]\nFrom: ", 1)
    again = re.sub(r"To: .*", "[last_To:]", again)
    steps = sipp.invite() + sipp.expect(200) + sipp.ACK_ANSWER
    steps += again + sipp.expect(200) + sipp.ACK_ANSWER.replace("1 ACK", "2 ACK")
    answer = sipp.ANSWERING.replace("[last_To:];tag=[call_number]", "[last_To:]")
    signer = Signer(int(time.time()))
    with (
        serving(door(sign=signer, now=lambda: signer.now)) as server,
        sipp.answering(tmp_path, sipp.ANSWERING + answer) as called,
        kamailio.proxy(
            tmp_path,
            RECIPE,
            NEXT_HOP=f"sip:127.0.0.1:{called.port}",
            PHONOTARY=f"sip:127.0.0.1:{server.port}",
        ) as proxy,
    ):
        done = sipp.call(tmp_path, steps, proxy.port)
        assert done.failed == "", done.messages + proxy.log.read_text()
        assert called.finished().count("\nINVITE ") == 2
    assert len(signer.asked) == 1


def defaults() -> dict[str, str]:
    """What the recipe has where nothing is set."""
    text = (kamailio.RECIPES / RECIPE).read_text()
    return dict(re.findall(r'^#!define (\w+) "?(\S+?)"?$', text, re.MULTILINE))


def test_the_recipes_own_settings_go_together(tmp_path: Path, line: Line) -> None:
    """They name ports that others may hold here, so each stands for a free one."""
    named = defaults()
    ports = {int(one) for value in named.values() for one in re.findall(r":(\d{4})$", value)}
    assert len(ports) == 3
    signer = Signer(int(time.time()))
    with serving(door(sign=signer, now=lambda: signer.now)) as server:
        moved = {
            "PHONOTARY": re.sub(r"\d{4}$", str(server.port), named["PHONOTARY"]),
            "NEXT_HOP": line.next_hop,
        }
        with kamailio.proxy(tmp_path, RECIPE, **moved) as proxy:
            line.proxy = proxy.port
            came = str(line.outcome(line.invite()))
    assert came.count("\nIdentity: ") == 1
    assert came.count("\nVia: ") == 2


def test_kamailio_does_not_ask_itself(tmp_path: Path, line: Line) -> None:
    line.proxy = sipp.free_port()
    itself = f"sip:127.0.0.1:{line.proxy}"
    with kamailio.proxy(
        tmp_path, RECIPE, port=line.proxy, NEXT_HOP=line.next_hop, PHONOTARY=itself
    ) as proxy:
        assert line.outcome(line.invite()) == 500
        assert "PHONOTARY is this Kamailio itself" in proxy.log.read_text()
