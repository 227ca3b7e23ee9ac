"""dig and dnsperf, as operators run them, against the edge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from phonotary.dns.server import Server
from tests.dns.books import BRITISH, CANADIAN, HIDDEN, NAMELESS, OWL
from tests.dns.serving import serving
from tests.simulators import dnsperf
from tests.simulators.dig import ask, enum_name

HEAD = '10 100 "u" "E2U+pstndata:cnam" "!^.*$!pstndata:cnam'
TRANSPORTS = pytest.mark.parametrize("transport", ["+notcp", "+tcp"])


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@TRANSPORTS
def test_dig_sees_a_name(server: Server, transport: str) -> None:
    said = ask(server.port, enum_name(OWL), "NAPTR", transport)
    content = f"/{OWL};;charset=us-ascii,OWL%2C%20BANK%20CO."
    assert (said.status, said.answer) == ("NOERROR", [("NAPTR", f'{HEAD}{content}!" .')])
    assert said.flags == {"qr", "aa"}
    assert "WARNING" not in said.output
    assert ask(server.port, enum_name(OWL), "TXT", transport).answer == [("TXT", '"OWL, BANK CO."')]


@TRANSPORTS
def test_dig_sees_a_private_number(server: Server, transport: str) -> None:
    said = ask(server.port, enum_name(HIDDEN), "NAPTR", transport)
    assert said.answer == [("NAPTR", f'{HEAD};;unavailable=p,Private!" .')]


@TRANSPORTS
@pytest.mark.parametrize("number", [NAMELESS, CANADIAN, BRITISH])
def test_dig_sees_no_name(server: Server, number: str, transport: str) -> None:
    said = ask(server.port, enum_name(number), "NAPTR", transport)
    assert (said.status, said.answer) == ("NXDOMAIN", [])
    assert said.authority == [("cnam.internal.", "SOA")]


def test_dig_sees_no_data_on_the_way_to_numbers(server: Server) -> None:
    said = ask(server.port, "5.1.4.1.cnam.internal", "NAPTR")
    assert (said.status, said.answer) == ("NOERROR", [])


@pytest.mark.parametrize(
    "options", [("+noedns",), ("+edns=0", "+nsid", "+bufsize=512"), ("+dnssec",), ("+padding=128",)]
)
def test_dig_is_understood_with_its_extensions(server: Server, options: tuple[str, ...]) -> None:
    said = ask(server.port, enum_name(OWL), "NAPTR", *options)
    assert (said.status, len(said.answer)) == ("NOERROR", 1)
    assert "WARNING" not in said.output and "Malformed" not in said.output


def test_dig_is_told_the_version_of_edns(server: Server) -> None:
    said = ask(server.port, enum_name(OWL), "NAPTR", "+edns=1", "+noednsnegotiation")
    assert said.status == "BADVERS"


def test_dig_gets_no_transfer(server: Server) -> None:
    assert "Transfer failed" in ask(server.port, "cnam.internal", "AXFR").output


@pytest.mark.parametrize("mode", ["udp", "tcp"])
def test_dnsperf_loses_nothing(server: Server, tmp_path: Path, mode: str) -> None:
    questions = [(enum_name(OWL), "NAPTR"), (enum_name(NAMELESS), "NAPTR"), (enum_name(OWL), "TXT")]
    done = dnsperf.load(tmp_path, server.port, questions * 100, "-n", "2", "-m", mode, "-c", "4")
    assert (done.sent, done.lost) == (600, 0)
    assert done.codes == {"NOERROR": 400, "NXDOMAIN": 200}
