from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from phonotary.cli.cert import cert_app
from phonotary.errors import Refused
from phonotary.outbound.secret_file import secret


def test_a_credential_is_read_without_the_white_space_around_it(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("  two words and ü \r\n", encoding="utf-8")
    assert secret(file) == secret(str(file)) == "two words and ü"


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"s3cret\nx\n", b"\xff\xfe", b"a\0b", b"x" * 8_193]
)
def test_what_is_not_one_line_of_text_is_no_credential(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(Refused) as refused:
        secret(file)
    assert "s3cret" not in refused.value.because


def test_a_missing_file_and_an_endless_one_are_refused() -> None:
    for path in ("/nowhere/password", "/dev/zero"):
        with pytest.raises(Refused):
            secret(path)


def test_cert_says_that_a_password_is_missing(tmp_path: Path) -> None:
    told = CliRunner().invoke(
        cert_app,
        [
            *(
                "obtain",
                "--spc",
                "709J",
                "--organisation",
                "O",
                "--directory",
                "https://ca.example",
            ),
            *("--sti-pa", "https://pa.example", "--user", "u", "--password-file", "/dev/null"),
            *("--key", str(tmp_path / "key"), "--chain", str(tmp_path / "chain")),
        ],
    )
    assert told.exit_code == 2
    assert "/dev/null does not hold one line with a credential" in told.output
