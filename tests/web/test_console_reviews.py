"""The review desk: what one decision may say."""

from __future__ import annotations

from pathlib import Path

from phonotary.storage.store import SqlStore
from tests.rooms import office
from tests.storage import registrars
from tests.web.consoles import REVIEWER, Console, hub_with, opened


def test_an_approval_takes_no_codes_and_what_is_rejected_asks_for_no_decision(
    tmp_path: Path,
) -> None:
    with hub_with(tmp_path) as hub:
        family = hub.database.write(registrars.named)

        def submitted(store: SqlStore) -> None:
            product = store.bundles.get(family.product)
            assert product is not None
            office.forced(store, product, "pending-review")

        hub.database.write(submitted)
        path = f"/console/reviews/{family.product}"

        async def use(console: Console) -> None:
            async def decide(decision: str, codes: str) -> tuple[int, str]:
                form = {"decision": decision, "codes": codes}
                answer = await console.http.post(path, data=form, auth=REVIEWER)
                return answer.status_code, answer.text

            status, told = await decide("approve", "18602")
            assert (status, "Codes are for a rejection" in told) == (400, True)
            assert "<strong>pending-review</strong>" in await console.page(path)
            assert (await decide("reject", "18602"))[0] == 303
            rejected = await console.page(path)
            assert "<strong>twilio-rejected</strong>" in rejected
            assert "<form" not in rejected

        opened(hub, use)
