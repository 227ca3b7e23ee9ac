"""Calls that a writer could not write before its end: a file beside the database, for the next
start.

It holds batches of the writer's own chain, hashed as they would have been written, and the next
start adds them where that chain ends. What the database has of them already (a commit whose answer
never came, a start that was killed half way) is told by its position, so no call is lost or doubled
however often the file is read. It holds people's calls: its mode is 0600.
"""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from glob import escape
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy.engine import make_url

from phonotary import report
from phonotary.shaken.ledger import Batch
from phonotary.storage.ledger_table import Calls, Certificate

_NAMED = "-calls-"
_PART = ".part"
# What a file begins with; another version's is left where it is.
_FIRST = b"phonotary calls 1\n"
_LENGTH = 4


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """What is written in one transaction."""

    batches: list[Batch]
    certificates: list[Certificate] = []


_decode = msgspec.msgpack.Decoder(Piece).decode


def beside(database_url: str, directory: Path) -> Path:
    """What the names of a database's files begin with: SQLite's own file, or, for a server on
    another machine, a name in ``directory`` that no other database has."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return Path(str(url.database))
    where = url.host or url.query.get("host"), url.port, url.database
    return directory / f"postgresql-{sha256(repr(where).encode()).hexdigest()[:16]}"


def leave(beside: Path, chain: str, pieces: Iterable[Piece]) -> Path:
    """Write the file of a chain, whole or not at all, and see it onto the disk. Raises OSError."""
    file = Path(f"{beside}{_NAMED}{chain}")
    part = Path(f"{file}{_PART}")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(_FIRST)
            for piece in pieces:
                content = msgspec.msgpack.encode(piece)
                out.write(len(content).to_bytes(_LENGTH, "big") + content)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    _settle(file.parent)
    return file


def found(beside: Path) -> list[Path]:
    """The files that were left. Those of a writer that was killed over one are no such files."""
    files = beside.parent.glob(f"{escape(beside.name)}{_NAMED}*")
    return sorted(file for file in files if file.suffix != _PART)


class Leftovers:
    """What other writers have left, written by this one's thread. Each file is tried once; one that
    cannot be read stays, for a person to look at."""

    def __init__(self, table: Calls, beside: Path | None) -> None:
        self._table = table
        self._beside = beside
        self._found: set[Path] = set()
        self._files: deque[Path] = deque()
        self._reading: _Left | None = None

    @property
    def waiting(self) -> bool:
        return bool(self._reading or self._files)

    def look(self) -> None:
        """Find the files that are new."""
        if self._beside is not None:
            new = [file for file in found(self._beside) if file not in self._found]
            self._files.extend(new)
            self._found.update(new)

    def write(self) -> None:
        """One transaction, or none. Raises what the database does; then the same is tried again."""
        if self._reading is None and self._files:
            self._reading = _opened(self._files.popleft())
        left = self._reading
        if left is None:
            return
        if left.pieces:
            self._add(left.pieces[0])
            left.pieces.popleft()
        if not left.pieces:
            left.file.unlink(missing_ok=True)
            self.close()
            _log().warning("calls that were left are written", rows=left.rows)

    def _add(self, piece: Piece) -> None:
        kept = self._table.position(piece.batches[0].chain)
        new = [batch for batch in piece.batches if batch.position > kept]
        if new:
            self._table.add(new, piece.certificates)

    def close(self) -> None:
        """Let others read what this one was reading."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None


class _Left:
    """A file that is being read. As long as it is open no other process reads it."""

    def __init__(self, file: Path) -> None:
        """Raises OSError and ValueError where it cannot be read, BlockingIOError or
        FileNotFoundError where another process reads it or has."""
        self.file = file
        self._opened = file.open("rb")
        try:
            fcntl.flock(self._opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self._opened.fileno()).st_nlink == 0:
                raise FileNotFoundError(file)
            self.pieces = deque(self._read())
        except BaseException:
            self.close()
            raise
        self.rows = sum(batch.rows for piece in self.pieces for batch in piece.batches)

    def _read(self) -> Iterator[Piece]:
        if self._opened.read(len(_FIRST)) != _FIRST:
            raise ValueError("it does not begin as such a file does")
        while length := self._opened.read(_LENGTH):
            yield _decode(self._opened.read(int.from_bytes(length, "big")))

    def close(self) -> None:
        self._opened.close()


def _opened(file: Path) -> _Left | None:
    try:
        return _Left(file)
    except (BlockingIOError, FileNotFoundError):
        return None
    except (OSError, ValueError) as error:
        _log().error("calls that were left cannot be read", file=str(file), error=str(error))
        return None


def _settle(directory: Path) -> None:
    """A name is on the disk when its directory is."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _log() -> Any:
    return report.to("ledger")
