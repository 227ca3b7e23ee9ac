"""The ledger of calls: what was signed or verified, why, and a chain of hashes that shows changes.

Each writer keeps a chain of its own. A row's hash is SHA-256 over the hash before it and the row's
body. A chain's first row names the newest row of every other chain, and while calls come, a row a
minute names those that have grown since: a row that is altered, removed or moved breaks its chain,
and a chain that loses its last rows, or is written anew, contradicts the others. What no other
chain has seen yet has no witness here; whoever wants one notes the chains' newest hashes elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from struct import pack
from typing import Literal, NamedTuple
from zlib import crc32

import msgspec

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused

MAX_IDENTITY = 65_536
"""Characters of an Identity value that are kept; a longer one is cut, and its row says so."""
_MOST_FRAMES = 4_096
# An x5u is what makes a header long; one beyond this is kept with its row. Who calls with ever new
# certificates fills the table of frames no further than the number above.
_LONGEST_FRAME = 2_048
SPAN = 60
"""Seconds between two rows of a batch, at most: who looks for a minute reads little else."""
# Bytes of a batch's bodies; one row may be more.
_LARGEST = 1 << 20
MOST_SEEN = 64
"""Other chains that one row names, those that grew last before others."""


class Full(Refused):
    """More calls wait to be written than may wait: the call must not be signed unrecorded."""

    def __init__(self) -> None:
        super().__init__(
            Reason.UNAVAILABLE, "The ledger cannot keep up, and no call goes unrecorded; try again"
        )


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call as it was signed or judged. A struct, for one is made on each call's way."""

    kind: Literal["signed", "verified"]
    at: Instant
    door: str
    """Which interface was asked: ``http``, ``sip`` …"""
    source: str
    """The address that asked."""
    account_sid: str | None = None
    spc: str | None = None
    """The provider code of the certificate that signed."""
    orig: str
    dest: tuple[str, ...]
    origid: str | None = None
    level: str | None = None
    reason: str = ""
    requested: str | None = None
    justified: str | None = None
    verstat: str | None = None
    case: str | None = None
    identity: str = ""
    """The Identity header's value as sent or received."""
    fingerprint: str | None = None
    """The certificate's: SHA-256 of its DER, hexadecimal."""
    policy: str = ""
    """Which version of the attestation table decided."""
    inputs: tuple[tuple[str, str], ...] = ()
    """What the decision rested on: SID and version of each record."""


class Call(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The body of an entry's row. The fields stand in the order of their names, and so does the
    JSON: sorted, compact, and the same bytes each time."""

    account_sid: str | None = None
    at: Instant = 0
    case: str | None = None
    cut: int | None = None
    """How long the Identity value was, where it was cut."""
    dest: tuple[str, ...] = ()
    door: str = ""
    fingerprint: str | None = None
    """None where the frame names it."""
    frame: str | None = None
    """The digest of the :class:`Frame` that ``sealed`` belongs into."""
    identity: str | None = None
    """The value itself, where there is no frame for it."""
    inputs: tuple[tuple[str, str], ...] = ()
    justified: str | None = None
    kind: str = ""
    level: str | None = None
    orig: str = ""
    origid: str | None = None
    policy: str = ""
    reason: str = ""
    requested: str | None = None
    sealed: str | None = None
    """Payload and signature, ``payload.signature`` as sent: they go into the frame."""
    source: str = ""
    spc: str | None = None
    verstat: str | None = None


Link = tuple[str, int, str]
"""The newest row of a chain at some time: the chain, the row's position and its hash
(hexadecimal)."""


class Started(msgspec.Struct, frozen=True, tag="started", tag_field="kind"):
    """The first row of a chain."""

    after: tuple[Link, ...]
    """How far the other chains were when this one began, at most :data:`MOST_SEEN`."""
    at: Instant
    chain: str


class Seen(msgspec.Struct, frozen=True, tag="seen", tag_field="kind"):
    """How far other chains are that grew since this one named them last."""

    after: tuple[Link, ...]
    at: Instant


class Dropped(msgspec.Struct, frozen=True, tag="dropped", tag_field="kind"):
    """So many calls were not recorded since the row before, for too many waited."""

    at: Instant
    count: int


class Witnessed(msgspec.Struct, frozen=True, tag="witnessed", tag_field="kind"):
    """What a history that calls rest on held at this time: it is kept outside of the ledger, and
    from here on as unalterable as the ledger."""

    as_of: int
    """How often the history was put back by then, as the number of the last time; 0 for never."""
    at: Instant
    digest: str
    """SHA-256 of its entries, hexadecimal."""
    of: str
    """The history's name."""
    runs: tuple[tuple[int, int], ...]
    """The entries, from one number to another, both within."""


Body = Call | Started | Seen | Dropped | Witnessed


class Row(NamedTuple):
    """One row of a chain."""

    chain: str
    position: int
    """From 1."""
    body: bytes
    hash: bytes


class Batch(NamedTuple):
    """Rows that were written together, in one record: an index entry for each call would cost more
    than all the rest, and a call is seldom looked for."""

    chain: str
    position: int
    """Of the first row."""
    rows: int
    first_at: Instant
    """The least and the greatest time of a row: never more than :data:`SPAN` apart."""
    last_at: Instant
    origids: bytes
    """Four bytes for each row, :func:`mark` of its ``origid``."""
    bodies: bytes
    """Each row's body, a line each. JSON has no line ends of its own."""
    hashes: bytes
    """32 bytes for each row."""

    def unpacked(self) -> list[Row]:
        """Its rows. Refused (INVALID_PARAMETER) when they cannot be told apart."""
        bodies = self.bodies.split(b"\n")
        if not len(bodies) == self.rows == len(self.hashes) / 32:
            raise Refused(Reason.INVALID_PARAMETER, "A batch of the ledger cannot be read")
        return [
            Row(self.chain, self.position + n, body, self.hashes[32 * n : 32 * n + 32])
            for n, body in enumerate(bodies)
        ]


class Frame(NamedTuple):
    """What the Identity values of one certificate share: all but payload and signature."""

    fingerprint: str
    header: str
    """The PASSporT's first part, base64url as sent."""
    tail: str
    """The header field's parameters, from the first semicolon."""

    def digest(self) -> str:
        """128 bits that name the frame; as a row's hash covers it, it covers the frame."""
        return sha256("\n".join(self).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def around(self, sealed: str) -> str:
        """The Identity header's value, byte for byte."""
        return f"{self.header}.{sealed}{self.tail}"


_encode = msgspec.json.Encoder(order="sorted").encode
_encode_call = msgspec.json.Encoder().encode


def genesis(chain: str) -> bytes:
    """The hash before a chain's first row."""
    return sha256(b"phonotary ledger " + chain.encode()).digest()


def chained(previous: bytes, body: bytes) -> bytes:
    return sha256(previous + body).digest()


class Chain:
    """One writer's chain, from its first row on. Not for several threads at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.position = 0
        self.newest = genesis(name)
        self.frames: dict[Frame, str] = {}
        """Frames that rows so far refer to, and their digests."""
        self.unreadable: list[Exception] = []
        """Why entries became no rows: they were none."""
        self._seen: dict[str, int] = {}
        self._known: dict[str | None, tuple[str, str, str]] = {}
        self._bodies: list[bytes] = []
        self._hashes: list[bytes] = []
        self._marks: list[int] = []
        self._times: list[Instant] = []
        self._packed: list[Batch] = []

    def start(self, at: Instant, others: Iterable[Link]) -> None:
        """The first row; ``others`` are the newest rows of other chains, newest first."""
        self.control(Started(self._grown(others), at, self.name))

    def look(self, at: Instant, others: Iterable[Link]) -> None:
        """A row that names those of ``others`` that have grown since; none when none has."""
        if grown := self._grown(others):
            self.control(Seen(grown, at))

    def _grown(self, others: Iterable[Link]) -> tuple[Link, ...]:
        grown = [link for link in others if self._seen.get(link[0]) != link[1]][:MOST_SEEN]
        self._seen.update({chain: position for chain, position, _ in grown})
        return tuple(grown)

    def control(self, body: Started | Seen | Dropped | Witnessed) -> None:
        """A row about the chain. It is a batch of its own, for a check reads these first."""
        self._pack()
        self._add(_encode(body), body.at, _NO_MARK)
        self._pack()

    def add(self, entries: Iterable[Entry]) -> None:
        """A row for each entry; what is no entry is left out and told in ``unreadable``."""
        for entry in entries:
            try:
                try:
                    body = _encode_call(self._call(entry))
                except UnicodeEncodeError:
                    # Half of a surrogate pair is no text; a call is recorded without it.
                    entry = _clean(entry)
                    body = _encode_call(self._call(entry))
                self._add(body, entry.at, mark(entry.origid))
            except (AttributeError, TypeError, ValueError, OverflowError) as error:
                self.unreadable.append(error)

    def packed(self) -> list[Batch]:
        """The batches of all rows that were added since this was asked last."""
        self._pack()
        packed, self._packed = self._packed, []
        return packed

    def _add(self, body: bytes, at: Instant, mark: int) -> None:
        self.newest = newest = sha256(self.newest + body).digest()
        self._bodies.append(body)
        self._hashes.append(newest)
        self._marks.append(mark)
        self._times.append(at)

    def _pack(self) -> None:
        for start, end in _pieces(self._times, self._bodies):
            times = self._times[start:end]
            batch = Batch(
                self.name,
                self.position + 1,
                len(times),
                min(times),
                max(times),
                pack(f">{len(times)}I", *self._marks[start:end]),
                b"\n".join(self._bodies[start:end]),
                b"".join(self._hashes[start:end]),
            )
            self.position += len(times)
            self._packed.append(batch)
        self._bodies, self._hashes, self._marks, self._times = [], [], [], []

    def _call(self, entry: Entry) -> Call:
        identity: str | None = entry.identity
        fingerprint, cut = entry.fingerprint, None
        frame, sealed = self._taken_apart(entry.identity, fingerprint)
        if frame is not None:
            identity = fingerprint = None
        elif len(entry.identity) > MAX_IDENTITY:
            identity, cut = entry.identity[:MAX_IDENTITY], len(entry.identity)
        return Call(
            entry.account_sid,
            entry.at,
            entry.case,
            cut,
            entry.dest,
            entry.door,
            fingerprint,
            frame,
            identity,
            entry.inputs,
            entry.justified,
            entry.kind,
            entry.level,
            entry.orig,
            entry.origid,
            entry.policy,
            entry.reason,
            entry.requested,
            sealed,
            entry.source,
            entry.spc,
            entry.verstat,
        )

    def _taken_apart(self, identity: str, fingerprint: str | None) -> tuple[str | None, str | None]:
        """The digest of its frame, and what goes into the frame; Nones for a value that is kept as
        it is: one of no known certificate, or several in one value."""
        known = self._known.get(fingerprint)
        if known is not None:
            # As the certificate's last one: what is between the same head and tail.
            digest, head, tail = known
            if (
                len(head) + len(tail) < len(identity) <= MAX_IDENTITY
                and identity.startswith(head)
                and identity.endswith(tail)
            ):
                return digest, identity[len(head) : -len(tail)]
        if fingerprint is None or not identity.isascii() or "," in identity:
            return _WHOLE
        token, semicolon, parameters = identity.partition(";")
        header, dot, sealed = token.partition(".")
        if not dot:
            return _WHOLE
        frame = Frame(fingerprint, header, semicolon + parameters)
        found = self.frames.get(frame)
        if found is None:
            if len(sealed) > MAX_IDENTITY or not self._has_room_for(header + parameters):
                return _WHOLE
            found = self.frames[frame] = frame.digest()
        if semicolon:
            self._known[fingerprint] = found, header + dot, frame.tail
        return found, sealed

    def _has_room_for(self, frame: str) -> bool:
        fits = len(frame) <= _LONGEST_FRAME and "\x00" not in frame
        return fits and len(self.frames) < _MOST_FRAMES


def read(body: bytes) -> Body:
    """A row's body as a value. Refused (INVALID_PARAMETER) when it is none of a known kind."""
    try:
        return _DECODERS[_kind(body).kind].decode(body)
    except (KeyError, msgspec.DecodeError) as error:
        raise Refused(Reason.INVALID_PARAMETER, "A row of the ledger cannot be read") from error


def identity_of(call: Call, frame: Frame | None) -> str:
    """The Identity header's value exactly as it was sent or received (cut where ``cut`` says so).

    Refused (NOT_FOUND) when the row's frame is not given.
    """
    if call.frame is None:
        return call.identity or ""
    if frame is None or call.sealed is None:
        raise Refused(Reason.NOT_FOUND, "The certificate record of that call is missing")
    return frame.around(call.sealed)


def mark(origid: str | None) -> int:
    """32 bits by which rows are found that may have this ``origid``, in capitals or not. Others
    may have them too, and whoever wants to can make one that does: the body is what counts."""
    return crc32(origid.lower().encode("utf-8", "backslashreplace")) if origid else _NO_MARK


def _pieces(times: Sequence[Instant], bodies: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """From where to where rows go into one batch."""
    start = size = 0
    if not times:
        return
    if max(times) - min(times) > SPAN or sum(map(len, bodies)) > _LARGEST:
        least = greatest = times[0]
        for at, (time, body) in enumerate(zip(times, bodies, strict=True)):
            least, greatest, size = min(least, time), max(greatest, time), size + len(body)
            if start < at and (greatest - least > SPAN or size > _LARGEST):
                yield start, at
                start, size, least, greatest = at, len(body), time, time
    yield start, len(times)


_WHOLE = (None, None)
_NO_MARK = 0


class _Kind(msgspec.Struct):
    kind: str


_kind = msgspec.json.Decoder(_Kind).decode
_DECODERS: dict[str, msgspec.json.Decoder[Body]] = {
    "signed": msgspec.json.Decoder(Call),
    "verified": msgspec.json.Decoder(Call),
    "started": msgspec.json.Decoder(Started),
    "seen": msgspec.json.Decoder(Seen),
    "dropped": msgspec.json.Decoder(Dropped),
    "witnessed": msgspec.json.Decoder(Witnessed),
}


def _clean(entry: Entry) -> Entry:
    """The entry in characters that UTF-8 can write."""
    texts = {
        name: value.encode("utf-8", "backslashreplace").decode()
        for name in entry.__struct_fields__
        if isinstance(value := getattr(entry, name), str)
    }
    dest = tuple(one.encode("utf-8", "backslashreplace").decode() for one in entry.dest)
    return msgspec.structs.replace(entry, **{**texts, "dest": dest})
