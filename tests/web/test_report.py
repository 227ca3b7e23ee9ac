"""What is told of an error: where it happened, and no value of anything."""

from __future__ import annotations

import subprocess
import sys

import pytest

from phonotary import report

_SECRET = "0123456789abcdef" * 2


def fails(authorization: str) -> None:
    raise ZeroDivisionError("the sum was wrong")


def test_a_traceback_shows_no_local_variable(capsys: pytest.CaptureFixture[str]) -> None:
    token = _SECRET
    try:
        fails(f"Basic {token}")
    except ZeroDivisionError:
        report.to("phonotary.test").exception("unhandled", path="/v1/EndUsers")
    said = capsys.readouterr()
    assert said.out == ""
    assert "ZeroDivisionError: the sum was wrong" in said.err
    assert "in fails" in said.err
    assert "path=/v1/EndUsers" in said.err
    assert _SECRET not in said.err


@pytest.mark.parametrize("module", ["phonotary.cli.app", "phonotary.bootstrap.hub"])
def test_a_start_does_not_load_what_tells_of_errors(module: str) -> None:
    code = f"import {module}, sys; print('structlog' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout == "False\n"
