"""What an error of the database means to whoever asked: a refusal, or a fault of our own.

A database that is away is nobody's mistake, so it is UNAVAILABLE at every door: stopped, out of
reach, out of connections, or gone while it was asked. SQLite's file is away when another program
has locked it or the disk does not give it.
"""

from __future__ import annotations

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    TimeoutError,
)

from phonotary.errors import Reason, Refused

# A unique constraint said no. Any other broken constraint is a fault of ours, not a conflict.
_NOT_UNIQUE = {"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
# PostgreSQL: serialization failure and deadlock.
_TRY_AGAIN = {"40001", "40P01"}
# SQLite's driver calls a statement that cannot be, a missing table for one, operational as well.
_OURS = "SQLITE_ERROR"
_LATER = "The database does not answer now; try again"


class TryAgain(Refused):
    """UNAVAILABLE, for somebody else was in the way: nothing is kept, and the same may do soon."""

    def __init__(self, because: str) -> None:
        super().__init__(Reason.UNAVAILABLE, because)


class Away(Refused):
    """UNAVAILABLE, for the database is away. Nothing is kept."""

    def __init__(self, because: str = _LATER) -> None:
        super().__init__(Reason.UNAVAILABLE, because)


class Unsure(Away):
    """It went away during COMMIT, and nobody knows what is kept: to repeat it may do it twice."""

    def __init__(self) -> None:
        super().__init__(
            "The database went away before it said whether this was kept; look before you try again"
        )


def refused(error: Exception, committing: bool = False) -> Exception:
    """What the caller is told of ``error``: Refused, or the error itself where it is a fault of
    ours. ``committing``: COMMIT was asked for, so a connection that ended took the answer along."""
    if isinstance(error, DataError):
        # PostgreSQL holds text to a column's length and to characters other than NUL.
        return Refused(Reason.INVALID_PARAMETER, "A value is too long, or is not text")
    if isinstance(error, IntegrityError) and _state(error) in _NOT_UNIQUE:
        return Refused(Reason.CONFLICT, "Somebody else has just made the same change")
    if not _was_away(error):
        return error
    if committing and isinstance(error, DBAPIError) and error.connection_invalidated:
        return Unsure()
    if _state(error).startswith("SQLITE_BUSY"):
        return TryAgain("Another program has locked the database; try again")
    if _state(error) in _TRY_AGAIN:
        return TryAgain(_LATER)
    return Away()


def _was_away(error: Exception) -> bool:
    if isinstance(error, OperationalError):
        return _state(error) != _OURS
    # No connection of the pool was free; or this one ended, whatever the driver calls that.
    return isinstance(error, TimeoutError) or bool(
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def _state(error: Exception) -> str:
    """What the driver calls it: SQLSTATE (PostgreSQL) or the error's name (SQLite)."""
    orig = getattr(error, "orig", None)
    return getattr(orig, "sqlstate", None) or getattr(orig, "sqlite_errorname", None) or ""
