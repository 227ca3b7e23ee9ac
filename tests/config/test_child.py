from __future__ import annotations

from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from phonotary import child


def test_a_sandbox_serves_with_its_own_credentials_until_the_block_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "9" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "a person's own")
    opener = build_opener(ProxyHandler({}))
    with child.sandbox(tmp_path) as ready:
        assert ready["account_sid"] != "AC" + "9" * 32
        assert opener.open(f"{ready['http']}/healthz", timeout=10).status == 200
    with pytest.raises(OSError, match="refused"):
        opener.open(f"{ready['http']}/healthz", timeout=10)


def test_a_sandbox_that_cannot_start_is_told(tmp_path: Path) -> None:
    with pytest.raises(child.NotStarted), child.sandbox(tmp_path, "--vetting", "never"):
        pass
