"""Files that a running hub follows: noticed when they change, read as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from phonotary.errors import Reason, Refused

Mark = tuple[int, int, int] | None


class Followed:
    """Tells whether any of some files has changed since somebody last made use of them."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = tuple(files)
        self._used = self.marks()

    def marks(self) -> tuple[Mark, ...]:
        """What tells one state of the files from another. Taken before they are read: what
        changes while they are is then noticed at the next look."""
        return tuple(_mark(file) for file in self._files)

    def changed(self, marks: tuple[Mark, ...]) -> bool:
        return marks != self._used

    def used(self, marks: tuple[Mark, ...]) -> None:
        self._used = marks


def contents(file: Path) -> bytes:
    """Raises Refused (INVALID_PARAMETER), naming the file."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refused(
            Reason.INVALID_PARAMETER, f"{file} cannot be read: {error.strerror}"
        ) from error


def _mark(file: Path) -> Mark:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
