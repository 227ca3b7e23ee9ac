"""A credential that a setting names by its file, so that the setting itself may be shown."""

from __future__ import annotations

from pathlib import Path

from phonotary.errors import Reason, Refused

_MOST = 8_192


def secret(path: Path | str) -> str:
    """The one line of UTF-8 in the file, without the white space around it, of 8192 characters at
    the most. Raises Refused (INVALID_PARAMETER), which never quotes the file."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(_MOST + 1).strip()
    except (OSError, UnicodeDecodeError):
        raise _unfit(f"The credential in {path} cannot be read.") from None
    if not text or len(text) > _MOST or not text.isprintable():
        raise _unfit(f"{path} does not hold one line with a credential.")
    return text


def _unfit(because: str) -> Refused:
    return Refused(Reason.INVALID_PARAMETER, because)
