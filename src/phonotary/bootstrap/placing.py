"""The imported table of places: one file in the data directory."""

from __future__ import annotations

import os
from pathlib import Path

from phonotary.cnam.places import Places, Table, read_npa_nxx, read_overrides, table_of
from phonotary.errors import Reason, Refused

FILE = "places.txt"


def places_in(directory: Path | None) -> Places:
    """The places of a hub: its imported table, if there is one, before what is built in."""
    path = directory / FILE if directory else None
    if path is None or not path.exists():
        return Places()
    with path.open(encoding="ascii") as lines:
        return Places(table_of(line.rstrip("\n") for line in lines))


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
