"""Calls through a PBX: what a phone and a carrier say, and what the other end of the call saw.

A PBX is a party to both calls and passes nothing on as it is. So both of its ends answer with SDP
and hang up properly, unlike the parties of a proxy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.simulators import sipp

PHONE_CALLS_FROM = "127.0.0.2"
"""Not the carrier's address, by which Asterisk would know the phone as the carrier."""

_SDP = """Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687637 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 6000 RTP/AVP 0
"""
_GOODBYE = """<recv request="BYE"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
"""
_ANSWERS = sipp.ANSWERING.replace("Content-Length: 0\n", _SDP) + _GOODBYE
_BYE = (
    sipp.ACK_ANSWER.replace("ACK", "BYE").replace("<send>", '<send retrans="500">')
    + '<recv response="200"/>\n'
)


@dataclass(frozen=True, slots=True)
class Seen:
    """The INVITE that reached the called party."""

    messages: str

    def headers(self, name: str) -> list[str]:
        return sipp.headers(self.messages, "INVITE", name)

    @property
    def caller(self) -> tuple[str, str]:
        """Name and number; the name is empty where there is none."""
        (from_,) = self.headers("From")
        found = re.fullmatch(r'(?:"(.*)" )?<sip:([^@>]*)@[^>]*>;tag=.*', from_)
        assert found, from_
        return found[1] or "", found[2]


def from_phone(
    directory: Path, pbx: int, carrier: int, called: str, password: str = "change-me"
) -> Seen:
    """The phone calls; it is asked who it is, and answers."""
    again = sipp.invite(caller="desk-1", called=called, lines=("[authentication]",))
    steps = (
        sipp.invite(caller="desk-1", called=called)
        + '<recv response="401" auth="true"/>\n'
        + sipp.ACK
        + again.replace("CSeq: 1", "CSeq: 2")
        + _answered(2)
    )
    return _through(directory, steps, pbx, carrier, PHONE_CALLS_FROM, ("desk-1", password))


def from_carrier(
    directory: Path, pbx: int, phone: int, caller: str, called: str, *identities: str
) -> Seen:
    """The carrier brings a call, with the name "Owl" that its caller wrote."""
    lines = tuple(f"Identity: {one}" for one in identities)
    steps = sipp.invite(caller=caller, called=called, lines=lines) + _answered(1)
    return _through(directory, steps, pbx, phone, "127.0.0.1", None)


def _answered(cseq: int) -> str:
    acknowledged = sipp.ACK_ANSWER.replace("CSeq: 1", f"CSeq: {cseq}")
    ringing = '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
    answered = '<recv response="200" rrs="true"/>\n'
    return ringing + answered + acknowledged + _BYE.replace("CSeq: 1", f"CSeq: {cseq + 1}")


def _through(
    directory: Path,
    steps: str,
    pbx: int,
    called: int,
    source: str,
    credentials: tuple[str, str] | None,
) -> Seen:
    with sipp.answering(directory, _ANSWERS, port=called) as party:
        done = sipp.call(directory, steps, pbx, source=source, credentials=credentials)
        assert done.failed == "", done.messages
        return Seen(party.finished())
