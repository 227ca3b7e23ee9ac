"""The demonstration's calls: what a phone system asks, and what it is answered."""

from __future__ import annotations

import socket
import time
import uuid
from typing import Any

_INVITE = """\
INVITE sip:+{dest}@proxy.example SIP/2.0
Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{mark}
Max-Forwards: 70
From: <sip:+{orig}@pbx.example;user=phone>;tag={mark}
To: <sip:+{dest}@proxy.example;user=phone>
Call-ID: {mark}@pbx.example
CSeq: 1 INVITE
Content-Length: 0

"""


def signing_request(orig: str, dest: str) -> dict[str, Any]:
    """A call as ATIS-1000082 asks for its signature."""
    return {
        "signingRequest": {
            "attest": "A",
            "orig": {"tn": orig.lstrip("+")},
            "dest": {"tn": [dest]},
            "iat": int(time.time()),
            "origid": str(uuid.uuid4()),
        }
    }


def verification_request(orig: str, dest: str, identity: str) -> dict[str, Any]:
    """The same call as the other side has it verified."""
    return {
        "verificationRequest": {
            "from": {"tn": orig.lstrip("+")},
            "to": {"tn": [dest]},
            "time": int(time.time()),
            "identity": identity,
        }
    }


def redirected(sip: str, orig: str, dest: str) -> str:
    """The answer of the SIP door to an INVITE over UDP."""
    host, _, port = sip.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(5)
        phone.bind((host, 0))
        mark = uuid.uuid4().hex
        own = phone.getsockname()[1]
        text = _INVITE.format(orig=orig.lstrip("+"), dest=dest, host=host, port=own, mark=mark)
        phone.sendto(text.replace("\n", "\r\n").encode(), (host, int(port)))
        return phone.recv(65_535).decode()


def header(answer: str, name: str) -> str:
    """The first header of that name; empty when there is none."""
    lines = (line.partition(": ") for line in answer.split("\r\n"))
    return next((value for key, _, value in lines if key == name), "")
