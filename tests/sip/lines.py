"""A caller and whoever is called, who write their messages byte by byte, with a proxy between."""

from __future__ import annotations

import re
import select
import socket
import time
from itertools import count
from typing import Any

from tests.sip.invites import request

_PATIENCE = 10.0
_calls = count()


class Line:
    """Two sockets of loopback; ``proxy`` is the port of who stands between them."""

    def __init__(self) -> None:
        self.proxy: int = 0
        self.caller, self.called = (self._socket() for _ in range(2))

    def _socket(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(_PATIENCE)
        return sock

    @property
    def next_hop(self) -> str:
        return f"sip:127.0.0.1:{self.called.getsockname()[1]}"

    def invite(self, **changed: Any) -> bytes:
        n = next(_calls)
        way = f"SIP/2.0/UDP 127.0.0.1:{self.caller.getsockname()[1]};branch=z9hG4bKu{n}"
        return request(**{"via": way, "call_id": f"unasked-{n}.", **changed})

    def outcome(self, data: bytes) -> int | str:
        """The final status the caller is told, or the called party's INVITE: what comes first."""
        found = re.search(rb"unasked-\w+\.", data)
        assert found is not None
        self.caller.sendto(data, ("127.0.0.1", self.proxy))
        deadline = time.monotonic() + _PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            for sock in select.select([self.called, self.caller], [], [], left)[0]:
                came = sock.recv(65_536).decode("latin-1")
                # Of calls before, some is sent again: nobody here acknowledges.
                if found[0].decode() not in came:
                    continue
                if sock is self.called:
                    return came
                if (status := int(came.split(" ", 2)[1])) >= 200:
                    return status
        raise AssertionError("nobody heard anything")

    def close(self) -> None:
        self.caller.close()
        self.called.close()
