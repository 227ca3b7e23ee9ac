"""SIPp, the SIP traffic generator, run over a scenario written here."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PATIENCE = 20


class SippMissing(Exception):
    """The program is not on this machine."""


@dataclass(frozen=True, slots=True)
class Done:
    """How a run ended."""

    failed: str
    """What SIPp said; empty when every call followed the scenario."""
    messages: str
    """Every message that was sent and received, as SIPp logs them."""


def free_port() -> int:
    """A port of loopback that is free for UDP and TCP, and none that the system gives to whoever
    connects or asks for any: it would be taken before it is used, now and then."""
    for _ in range(50):
        port = random.SystemRandom().randrange(20_000, 32_000)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port of loopback is free for both UDP and TCP")


def invite(
    *, caller: str = "+14155550100", called: str = "+12025550143", lines: tuple[str, ...] = ()
) -> str:
    """A scenario's INVITE, with further header ``lines``."""
    more = "".join(f"{line}\n" for line in lines)
    return f"""<send retrans="500"><![CDATA[
INVITE sip:{called}@[remote_ip]:[remote_port];user=phone SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: "Owl" <sip:{caller}@[local_ip]:[local_port];user=phone>;tag=[call_number]
To: <sip:{called}@[remote_ip]:[remote_port];user=phone>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:{caller}@[local_ip]:[local_port]>
{more}Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687637 IN IP4 [local_ip]
s=-
c=IN IP4 [local_ip]
t=0 0
m=audio 6000 RTP/AVP 0
]]></send>
"""


ACK = """<send><![CDATA[
ACK sip:+12025550143@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
[last_From:]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send>
"""

# The ACK of an answered call goes to the called party's Contact, along the proxies' Record-Route.
ACK_ANSWER = ACK.replace(
    "sip:+12025550143@[remote_ip]:[remote_port] SIP", "[next_url] SIP"
).replace("[last_From:]", "[routes]\n[last_From:]")


def expect(status: int, header: str = "", pattern: str = "") -> str:
    """Wait for a response; with ``header``, the call fails unless its value has ``pattern``."""
    optional = '<recv response="100" optional="true"/>\n'
    if not header:
        return f'{optional}<recv response="{status}" rrs="true"/>\n'
    return f"""{optional}<recv response="{status}"><action>
<ereg regexp="{pattern}" search_in="hdr" header="{header}:" check_it="true" assign_to="1"/>
</action></recv>
<Reference variables="1"/>
"""


# A called party that answers one INVITE and says goodbye to nobody.
ANSWERING = """<recv request="INVITE"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_Record-Route:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<recv request="ACK"/>
"""


def call(
    directory: Path,
    steps: str,
    port: int,
    *,
    calls: int = 1,
    rate: int = 100,
    transport: str = "u1",
    source: str = "127.0.0.1",
    credentials: tuple[str, str] | None = None,
) -> Done:
    """Make calls to ``port`` of loopback, ``transport`` u1 over UDP, t1 over one TCP connection.

    ``source`` is the caller's address; ``credentials`` are what ``[authentication]`` answers with.
    """
    log, command = _command(directory, "caller", steps, source)
    if credentials is not None:
        command += ["-au", credentials[0], "-ap", credentials[1]]
    command += [f"127.0.0.1:{port}", "-m", str(calls), "-r", str(rate), "-t", transport]
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=_PATIENCE * 2, check=False
    )
    failed = f"{done.returncode}\n{done.stdout[-4000:]}{done.stderr}" if done.returncode else ""
    return Done(failed, log.read_text() if log.exists() else "")


@dataclass(frozen=True, slots=True)
class Answering:
    """A called party that is waiting."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    def finished(self) -> str:
        """Its messages, after its one call."""
        status = self.process.wait(_PATIENCE)
        assert status == 0, self.log.read_text() if self.log.exists() else "no call came"
        return self.log.read_text()


@contextmanager
def answering(
    directory: Path, steps: str = ANSWERING, *, port: int | None = None
) -> Iterator[Answering]:
    """A called party for one call, on ``port`` or one of its own."""
    port = port or free_port()
    log, command = _command(directory, "called", steps)
    command += ["-p", str(port), "-m", "1", "-t", "u1"]
    process = subprocess.Popen(
        command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_bound(port, process)
        yield Answering(port, log, process)
    finally:
        process.kill()
        process.wait()


def headers(messages: str, method: str, name: str) -> list[str]:
    """The values of one header in the first request ``method`` of a message log."""
    _, found, rest = messages.partition(f"\n{method} ")
    assert found, messages
    head = rest.partition("\n\n")[0].replace("\r", "")
    lines = [line.partition(":") for line in head.split("\n")]
    return [value.strip() for key, _, value in lines if key.strip().lower() == name.lower()]


def _command(
    directory: Path, name: str, steps: str, address: str = "127.0.0.1"
) -> tuple[Path, list[str]]:
    program = shutil.which("sipp")
    if program is None:
        raise SippMissing("sipp is not installed; Debian's sip-tester has it")
    scenario, log = directory / f"{name}.xml", directory / f"{name}.log"
    prologue = '<?xml version="1.0" encoding="ISO-8859-1" ?>'
    scenario.write_text(f'{prologue}\n<scenario name="{name}">\n{steps}</scenario>\n')
    command = [program, "-sf", str(scenario), "-i", address, "-nostdin", "-trace_msg"]
    command += ["-message_file", str(log), "-message_overwrite", "true"]
    return log, [*command, "-timeout", f"{_PATIENCE}s", "-timeout_error", "-max_retrans", "3"]


def _wait_until_bound(port: int, process: subprocess.Popen[bytes]) -> None:
    """SIPp says nothing when it listens; its port being taken does."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.02)
    raise RuntimeError("sipp did not listen")
