"""Directories of runs that were killed: each run marks its own, the next one puts dead ones away.

The mark holds the owner's process id for whoever looks, and a lock for us: the kernel lets go of it
when the owner dies, however it dies, and it holds between containers that share a directory too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

_MARK = "owner.pid"
# Descriptors that hold a lock until this process ends.
_held: list[int] = []


def mark(directory: Path) -> None:
    """Make it this process's, from its first visible moment."""
    hidden = directory / f".{_MARK}"
    held = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.write(held, f"{os.getpid()}\n".encode())
    hidden.rename(directory / _MARK)
    _held.append(held)


def sweep(temporary: Path | None = None) -> None:
    """Put away what dead runs of this user have left in the temporary directory."""
    for found in (temporary or Path(tempfile.gettempdir())).glob(f"phonotary-*/{_MARK}"):
        directory = found.parent
        # Whoever else may write there could have put any link there.
        if directory.is_symlink() or directory.lstat().st_uid != os.getuid():
            continue
        if _is_dead(found):
            shutil.rmtree(directory, ignore_errors=True)


def _is_dead(found: Path) -> bool:
    try:
        held = os.open(found, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(held)
