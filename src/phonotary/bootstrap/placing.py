"""The imported table of places: one file in the data directory."""

from __future__ import annotations

import os
from pathlib import Path

from phonotary.bootstrap.files import Followed
from phonotary.cnam.places import Places, Table, read_npa_nxx, read_overrides, table_of
from phonotary.errors import Reason, Refused

FILE = "places.txt"


def places_in(directory: Path | None) -> Places:
    """The places of a hub: its imported table, if there is one, before what is built in."""
    path = directory / FILE if directory else None
    if path is None or not path.exists():
        return Places()
    try:
        with path.open(encoding="ascii") as lines:
            return Places(table_of(line.rstrip("\n") for line in lines))
    except (OSError, UnicodeDecodeError) as error:
        because = f"The places in {path} cannot be read: {type(error).__name__}"
        raise Refused(Reason.UNREADABLE_BODY, because) from error


class FollowedPlaces:
    """The places of a running hub, read again once its table was imported anew."""

    def __init__(self, directory: Path | None) -> None:
        """Raises Refused for a table that is none."""
        self._directory = directory
        # Noticed before it is read: what comes in between is then a change.
        files = (directory / FILE,) if directory else ()
        self._followed = Followed(files, "The places")
        self._places = places_in(directory)

    def of(self, number: str) -> str | None:
        return self._places.of(number)

    def look(self) -> None:
        """From a thread of its own, for a whole country's table takes a second. A table that cannot
        be used leaves the one before in its place."""
        self._followed.look(self._read)

    def _read(self) -> None:
        self._places = places_in(self._directory)


def import_table(directory: Path, table: Path, overrides: Path | None) -> Table:
    """Read somebody's NPA-NXX table and keep it in place of the one before, as a whole or not at
    all. Refused where a file is not one."""
    try:
        known = None
        if overrides is not None:
            with overrides.open(encoding="utf-8-sig", newline="") as lines:
                known = read_overrides(lines)
        with table.open(encoding="utf-8-sig", newline="") as lines:
            found = read_npa_nxx(lines, known)
    except OSError as error:
        because = f"{error.filename} cannot be read: {error.strerror}"
        raise Refused(Reason.UNREADABLE_BODY, because) from error
    except UnicodeDecodeError as error:
        raise Refused(Reason.UNREADABLE_BODY, "The table is not UTF-8 text") from error
    directory.mkdir(parents=True, exist_ok=True)
    made = directory / f"{FILE}.new"
    with made.open("w", encoding="ascii") as out:
        out.write(f"# Imported from {table.name!a}\n")
        out.writelines(found.lines())
        out.flush()
        os.fsync(out.fileno())
    made.replace(directory / FILE)
    return found
