"""``/readyz`` sends calls elsewhere while they would be refused here."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from phonotary import clock
from phonotary.shaken.ledger import Full
from tests.rooms.shaken.calls import signed
from tests.web.consoles import Console, hub_with, opened


def test_a_hub_whose_ledger_cannot_be_written_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(console: Console) -> None:
        async def ready() -> httpx.Response:
            return await console.http.get("/readyz")

        # Nobody has started it, so nothing that waits is written.
        ledger = console.hub.voice.ledger
        ledger.append(signed(0))
        assert (await ready()).text == "ok\n"
        monkeypatch.setattr(ledger, "_monotonic", lambda: clock.monotonic() + 6)
        with pytest.raises(Full):
            ledger.append(signed(1))
        told = await ready()
        assert told.status_code == 503
        assert told.text == "The ledger of calls cannot be written, and no call goes unrecorded\n"
        assert (await console.http.get("/healthz")).status_code == 200

    with hub_with(tmp_path) as hub:
        opened(hub, act)
