"""A SoftHSM token of one's own in a directory, with a key pair on P-256 in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pkcs11
import pytest

from phonotary.outbound import hsm_library

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "4711-not-shown"
SO_PIN = "8822-not-shown"


@dataclass(frozen=True, slots=True)
class Token:
    directory: Path
    label: str = "stir"

    @property
    def configuration(self) -> str:
        return str(self.directory / "softhsm2.conf")

    def environment(self) -> dict[str, str]:
        return {**os.environ, "SOFTHSM2_CONF": self.configuration}

    def uri(self, key: str = "object=signing", pin: str = PIN, token: str | None = None) -> str:
        file = self.directory / "pin"
        if pin != PIN:
            file = self.directory / "other-pin"
        file.write_text(f"{pin}\n")
        return (
            f"pkcs11:token={token or self.label};{key};type=private"
            f"?module-path={MODULE}&pin-source=file:{file}"
        )

    def run(self, *arguments: str) -> None:
        subprocess.run(
            ["softhsm2-util", *arguments],
            env=self.environment(),
            check=True,
            capture_output=True,
            timeout=30,
        )


def made(directory: Path, key_pem: bytes, label: str = "signing", id: str = "01") -> Token:
    """A fresh token that holds this key; the key's pair of objects is imported by its PKCS #8."""
    token = Token(directory)
    (directory / "tokens").mkdir(parents=True)
    Path(token.configuration).write_text(
        f"directories.tokendir = {directory / 'tokens'}\nlog.level = ERROR\n"
    )
    token.run("--init-token", "--free", "--label", token.label, "--pin", PIN, "--so-pin", SO_PIN)
    imported(token, key_pem, label, id)
    return token


@contextmanager
def plugged(token: Token) -> Iterator[Token]:
    """The token is the one that this process's PKCS #11 library sees. The library reads its
    configuration only when it is initialised."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", token.configuration)
        restart()
        yield token
        pkcs11.lib(MODULE).finalize()


def exchanged(token: Token, key_pem: bytes, label: str = "signing") -> None:
    """Another key pair in the place of the one of that name."""
    found = pkcs11.lib(MODULE).get_token(token_label=token.label)
    session = found.open(rw=True)
    for one in list(session.get_objects({pkcs11.Attribute.LABEL: label})):
        one.destroy()
    session.close()
    imported(token, key_pem, label, "02")


def restart() -> None:
    """The library as it is after the machine was restarted: nobody is logged in."""
    pkcs11.lib(MODULE).reinitialize()
    hsm_library.restarted(MODULE)


def imported(token: Token, key_pem: bytes, label: str, id: str) -> None:
    file = token.directory / "key.pem"
    file.write_bytes(key_pem)
    names = ("--token", token.label, "--label", label, "--id", id, "--pin", PIN)
    token.run("--import", str(file), *names)
    file.unlink()
