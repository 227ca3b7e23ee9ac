"""What a request that breaks the grammar still says of whoever is to be told so.

A proxy passes on what its caller has written, and takes silence for a door that is away: the call
goes on without. So whatever a proxy can read must be answered, that nobody goes unasked by writing
a message that only the proxy understands. This reads as proxies do: a line ends with LF, CR before
it or not. What it finds is good for a 400 and for nothing else.
"""

from __future__ import annotations

import re

from phonotary.sip.messages import MAX_MESSAGE, MAX_VALUE, MAX_VIA, MAX_VIAS, Request, tag

# The first line that is empty, or begins with what would end an empty one.
_END = re.compile(rb"\n[\r\n]")
_HEADER = re.compile(
    rb"\n(via|v|from|f|to|t|call-id|i|cseq)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE
)
_NAMES = {b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id"}
_CONTROLS = bytes(32 if n < 32 or n == 127 else n for n in range(256))
_MAX_CSEQ = 128


def read(data: bytes) -> Request | None:
    """Who is to be answered, in values that are fit to be written; None when nobody can be.

    What is too long to be copied is left out, for an answer must fit into a datagram: Via headers
    of those that stand farthest away, and of From and To all but the tag.
    """
    data = data.lstrip(b"\r\n")
    end = _END.search(data)
    head = data[: end.start() if end else MAX_MESSAGE]
    method = head.partition(b" ")[0].decode("latin-1")
    found: dict[bytes, list[str]] = {}
    for one in _HEADER.finditer(head):
        name = one[1].lower()
        value = one[2].translate(_CONTROLS).strip().decode("latin-1")
        found.setdefault(_NAMES.get(name, name), []).append(value)
    try:
        via, from_, to = _nearest(found[b"via"]), found[b"from"][0], found[b"to"][0]
        call_id, cseq = found[b"call-id"][0][:MAX_VIA], " ".join(found[b"cseq"][0].split())
    except KeyError:
        return None
    # A response is answered by nobody, however its version is spelled.
    if not via or method[:4].upper() == "SIP/":
        return None
    return Request(method, "", "", {}, via, _short(from_), _short(to), call_id, cseq[:_MAX_CSEQ])


def _nearest(vias: list[str]) -> list[str]:
    kept: list[str] = []
    length = 0
    for one in vias:
        length += len(one)
        if length > MAX_VIAS or (not kept and len(one) > MAX_VIA):
            break
        kept.append(one)
    return kept


def _short(value: str) -> str:
    if len(value) <= MAX_VALUE:
        return value
    mark = tag(value)[:MAX_VIA]
    return "<sip:too.long.invalid>" + (f";tag={mark}" if mark else "")
