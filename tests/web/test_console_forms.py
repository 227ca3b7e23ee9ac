"""The three forms that reviewers decide by: all are opened alike, by whom and up to what size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from phonotary.bootstrap.hub import Hub
from tests.web.consoles import REVIEWER, Console, hub_with, opened

REVIEW, DELIVERY = "/console/reviews/BU" + "0" * 32, "/console/deliveries"
TICKET = "/console/tickets/desk/ticket-CO1"
EACH = pytest.mark.parametrize("path", [REVIEW, DELIVERY, TICKET])
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    directory: Path = tmp_path_factory.mktemp("console")
    desk = {"name": "desk", "kind": "manual", "directory": str(directory / "desk")}
    with hub_with(directory, desk) as found:
        yield found


def sent(
    hub: Hub,
    path: str,
    body: str,
    kind: str = FORM,
    auth: tuple[str, str] | None = REVIEWER,
    site: str = "same-origin",
) -> tuple[int, str]:
    told: list[tuple[int, str]] = []

    async def use(console: Console) -> None:
        headers = {"Content-Type": kind, "Sec-Fetch-Site": site}
        answer = await console.http.post(path, content=body, auth=auth, headers=headers)
        told.append((answer.status_code, answer.text))

    opened(hub, use)
    return told[0]


@EACH
def test_it_is_read_from_reviewers_on_our_own_pages(hub: Hub, path: str) -> None:
    decided = "decision=claim"
    assert sent(hub, path, decided, auth=None)[0] == 401
    assert sent(hub, path, decided, auth=("rita", "wrong"))[0] == 401
    assert sent(hub, path, decided, site="cross-site")[0] == 403
    assert sent(hub, path, decided)[0] in (400, 404), "a bundle, delivery or ticket is missing"


@EACH
def test_what_is_no_form_is_refused_and_said_so(hub: Hub, path: str) -> None:
    status, text = sent(hub, path, '{"decision": "claim"}', "application/json")
    assert (status, "must be application/x-www-form-urlencoded" in text) == (400, True)
    status, text = sent(hub, path, "because=%ff")
    assert (status, "could not be read" in text) == (400, True)


@EACH
def test_one_too_large_is_refused(hub: Hub, path: str) -> None:
    assert sent(hub, path, "because=" + "x" * 65_528)[0] != 413
    assert sent(hub, path, "because=" + "x" * 65_529)[0] == 413


@pytest.mark.parametrize(("path", "most"), [(REVIEW, 200), (DELIVERY, 200), (TICKET, 1_010)])
def test_a_tickets_thousand_numbers_fit_and_no_form_has_fields_without_end(
    hub: Hub, path: str, most: int
) -> None:
    numbers = ["decision=claim", *["number=1"] * most]
    unreadable = "The form could not be read"
    assert unreadable not in sent(hub, path, "&".join(numbers[:most]))[1]
    status, text = sent(hub, path, "&".join(numbers))
    assert (status, unreadable in text) == (400, True)
