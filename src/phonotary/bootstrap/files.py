"""Files that a running hub follows: noticed when they change, read as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from phonotary import report
from phonotary.errors import Reason, Refused

Mark = tuple[int, int, int] | None
_BEGIN, _END = b"-----BEGIN ", b"-----END "


class Followed:
    """Some files that are of use together, and what they held when they were last good."""

    def __init__(self, files: Iterable[Path], what: str) -> None:
        """``what`` they are, for the sentence that says they could not be taken."""
        self._files = tuple(files)
        self._what = what
        self._used = self._refused = self._marks()

    def look(self, read: Callable[[], None]) -> bool:
        """Whether the files have changed and ``read``, which raises Refused, has taken them.

        Half of a pair may be written before the other half, and a key may reach its HSM after its
        certificate came: what was refused is read again at each look, and told of once.
        """
        # Before they are read: what changes while they are is then noticed at the next look.
        marks = self._marks()
        if marks == self._used:
            return False
        try:
            read()
        except Refused as refused:
            if marks != self._refused:
                _log().warning(f"{self._what} stay as they were", because=refused.because)
            self._refused = marks
            return False
        self._used = self._refused = marks
        return True

    def _marks(self) -> tuple[Mark, ...]:
        return tuple(_mark(file) for file in self._files)


def contents(file: Path) -> bytes:
    """Raises Refused (INVALID_PARAMETER), naming the file."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refused(
            Reason.INVALID_PARAMETER, f"{file} cannot be read: {error.strerror}"
        ) from error


def pem(file: Path) -> bytes:
    """The contents of a PEM file, which must not break off: what is left out at its end is missed
    by no parser, and a chain without its CA is believed by no verifier."""
    found = contents(file)
    if found.count(_BEGIN) != found.count(_END):
        raise Refused(Reason.INVALID_PARAMETER, f"{file} breaks off before its end")
    return found


def _mark(file: Path) -> Mark:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _log() -> Any:
    return report.to("phonotary.files")
