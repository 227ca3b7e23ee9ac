"""The console's pages of deliveries and tickets: who sees what, and what a decision does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from phonotary.bootstrap.hub import Hub
from phonotary.cnam.moves import State
from phonotary.cnam.orders import Action, Line, Order
from phonotary.cnam.store import OpenOrder
from phonotary.errors import Reason, Refused
from phonotary.storage.cnam import CnamStore
from phonotary.storage.store import SqlStore
from phonotary.trusthub import policies
from phonotary.trusthub.records import Bundle
from phonotary.web.console import deliveries
from phonotary.web.console.signing_in import Viewer
from tests.rooms import office
from tests.storage import registrars
from tests.storage.feeding import Family
from tests.web.consoles import REVIEWER, Console, hub_with, opened

DELIVERIES, TICKETS = "/console/deliveries", "/console/tickets"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    desk = {"name": "desk", "kind": "manual", "directory": str(tmp_path / "desk"), "polls": [9_999]}
    with hub_with(tmp_path, desk) as found:
        yield found


@pytest.fixture
def family(hub: Hub) -> Family:
    return hub.database.write(registrars.named)


def credentials(hub: Hub, sid: str) -> tuple[str, str]:
    account = hub.database.read(lambda store: store.account(sid))
    assert account is not None
    return sid, account.auth_token


def rows(page: str) -> list[list[str]]:
    """The cells of a page's first table with a head, without marks."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    cells = [re.findall("<td[^>]*>(.*?)</td>", row) for row in body.split("</tr>") if "<td" in row]
    return [[re.sub("<[^>]*>", "", cell).strip() for cell in row] for row in cells]


async def ticket_of(console: Console) -> str:
    """The path of the one open ticket."""
    (path,) = set(re.findall('href="(/console/tickets/[^"]+)"', await console.page(TICKETS)))
    return path


def woken(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each time that the worker is woken."""
    found: list[None] = []
    monkeypatch.setattr(hub.worker, "wake", lambda: found.append(None))
    return found


def locked(hub: Hub, patch: pytest.MonkeyPatch) -> None:
    async def write(work: object) -> object:
        raise Refused(Reason.UNAVAILABLE, "Another program has locked the database; try again")

    patch.setattr(hub, "write", write)


def test_a_reviewer_sees_every_delivery_and_finds_it_by_number_database_and_state(
    hub: Hub, family: Family
) -> None:
    async def use(console: Console) -> None:
        await console.work()
        found = rows(await console.page(DELIVERIES))
        assert [row[:4] for row in found] == [
            [family.tn, "ACME PLUMBING", "local", "active"],
            [family.tn, "ACME PLUMBING", "desk", "submitted"],
        ]
        assert all(re.fullmatch("20[0-9T:-]+Z", row[4]) for row in found)
        for query, databases in {
            f"number=%2B{family.tn[1:]}": ["local", "desk"],
            f"number={family.tn}&state=active": ["local"],
            "number=%2B14155550199": [],
            "database=desk": ["desk"],
            "database=elsewhere": [],
            "state=submitted": ["desk"],
            "database=local&state=submitted": [],
        }.items():
            found = rows(await console.page(f"{DELIVERIES}?{query}"))
            assert [row[2] for row in found] == databases, query
        for wrong in ("state=gone", "number=nobody", "after=x", "database=%00"):
            answer = await console.http.get(f"{DELIVERIES}?{wrong}", auth=REVIEWER)
            assert answer.status_code == 400

    opened(hub, use)


def test_a_long_ledger_is_read_page_by_page(
    hub: Hub, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    from phonotary.storage import cnam_ledger

    whole = cnam_ledger.page
    monkeypatch.setattr(cnam_ledger, "page", lambda *asked: whole(*asked, most=1))

    async def use(console: Console) -> None:
        await console.work()
        first = await console.page(f"{DELIVERIES}?number=%2B{family.tn[1:]}")
        (more,) = re.findall('rel="next" href="([^"]+)"', first)
        second = await console.page(more.replace("&amp;", "&"))
        assert [row[2] for row in rows(first) + rows(second)] == ["local", "desk"]
        assert 'rel="next"' not in second

    opened(hub, use)


def test_a_customer_sees_the_deliveries_of_their_own_numbers_only(hub: Hub, family: Family) -> None:
    async def use(console: Console) -> None:
        await console.work()
        own = await console.page(DELIVERIES, credentials(hub, family.parent.sid))
        assert [row[0] for row in rows(own)] == [family.tn] * 2
        assert TICKETS not in own and "/console/reviews" not in own
        for other in (family.stranger.sid, family.child.sid):
            number = f"{DELIVERIES}?number=%2B{family.tn[1:]}"
            assert rows(await console.page(number, credentials(hub, other))) == []
        for auth in (None, ("rita", "wrong"), (family.parent.sid, "wrong"), ("", REVIEWER[1])):
            answer = await console.http.get(DELIVERIES, auth=auth)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")

    opened(hub, use)


def test_a_customer_is_told_what_a_name_that_cannot_be_taken_could_be(
    hub: Hub, family: Family
) -> None:
    def file(store: SqlStore) -> None:
        profile = store.bundles.get(family.profile)
        assert profile is not None
        bad = registrars.product(store, family.parent, profile, "Smith & Sons <b>Plumbing")
        office.forced(store, bad, "twilio-rejected")
        registrars.product(store, family.parent, profile, "SMITH PLUMBING")
        # Nobody can mend these now.
        for status in ("pending-review", "in-review", "twilio-approved"):
            held = registrars.product(store, family.parent, profile, f"Held & {status}")
            office.forced(store, held, status)

    hub.database.write(file)

    async def use(console: Console) -> None:
        told = await console.page(DELIVERIES, credentials(hub, family.parent.sid))
        assert "Smith &amp; Sons &lt;b&gt;Plumbing cannot be registered" in told
        assert "characters; 15 are allowed" in told
        instead = told.partition('class="instead"')[2].partition("</ul>")[0]
        assert re.findall("<li>(.*?)</li>", instead)
        assert told.count("cannot be registered") == 1
        assert "cannot be registered" not in await console.page(DELIVERIES)

    opened(hub, use)


def test_for_a_name_only_the_products_own_end_users_are_read(hub: Hub, family: Family) -> None:
    """A draft may have thousands of numbers."""

    def file(store: SqlStore) -> None:
        profile = store.bundles.get(family.profile)
        assert profile is not None
        registrars.product(store, family.parent, profile, "Smith & Sons Plumbing")

    def named(store: SqlStore) -> list[str]:
        names = (store.bundles, store.entity_assignments, store.end_users)
        only = dict(zip(("bundles", "entity_assignments", "end_users"), names, strict=True))
        viewer = Viewer("customer", family.parent.sid)
        return [each.name for each in deliveries._unfit(SimpleNamespace(**only), viewer)]  # type: ignore[arg-type]

    hub.database.write(file)
    assert hub.database.read(named) == ["Smith & Sons Plumbing"]


def test_a_customer_chooses_among_the_databases_of_their_own_deliveries(
    hub: Hub, family: Family
) -> None:
    def options(page: str) -> list[str]:
        chosen = page.partition('id="database"')[2].partition("</select>")[0]
        return re.findall("<option[^>]*>([^<]+)</option>", chosen)

    async def use(console: Console) -> None:
        await console.work()
        assert options(await console.page(DELIVERIES)) == ["desk", "local"]
        own = await console.page(DELIVERIES, credentials(hub, family.parent.sid))
        assert options(own) == ["desk", "local"]
        other = await console.page(DELIVERIES, credentials(hub, family.stranger.sid))
        assert options(other) == []

    opened(hub, use)


def test_a_delivery_is_sent_again_only_to_a_database_that_the_settings_name(
    hub: Hub, family: Family
) -> None:
    def fail(store: SqlStore) -> None:
        (desk,) = (
            each for each in CnamStore(store).deliveries([family.tn]) if each.database == "desk"
        )
        gone = replace(desk, database="gone", order_key=None)
        rejected = [replace(each, state=State.REJECTED) for each in (desk, gone)]
        CnamStore(store).put_deliveries(rejected)

    async def use(console: Console) -> None:
        await console.work()
        hub.database.write(fail)
        found = {row[2]: row[3] for row in rows(await console.page(DELIVERIES))}
        assert found == {"local": "active", "desk": "rejectedSend again", "gone": "rejected"}

    opened(hub, use)


def test_only_wrong_credentials_are_asked_for_again(
    hub: Hub, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = credentials(hub, family.parent.sid)

    def suspend(store: SqlStore) -> None:
        account = store.account(family.parent.sid)
        assert account is not None
        store.replace_account(replace(account, status="suspended"))

    def busy(headers: object) -> object:
        raise Refused(Reason.UNAVAILABLE, "Credentials cannot be checked now; try again")

    async def use(console: Console) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(hub, "authenticate", busy)
            answer = await console.http.get(DELIVERIES, auth=auth)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        hub.database.write(suspend)
        hub.gate.forget()
        answer = await console.http.get(DELIVERIES, auth=auth)
        assert (answer.status_code, "www-authenticate" in answer.headers) == (403, False)
        wrong = await console.http.get(DELIVERIES, auth=(auth[0], "wrong"))
        assert wrong.status_code == 401

    opened(hub, use)


def test_a_ticket_is_decided_on_its_page_and_the_ledger_follows_at_once(
    hub: Hub, family: Family
) -> None:
    async def use(console: Console) -> None:
        await console.work()
        path = await ticket_of(console)
        shown = await console.page(path)
        assert family.tn in shown and "ACME PLUMBING" in shown

        async def decide(word: str, because: str = "", **more: str) -> int:
            form = {"decision": word, "because": because, **more}
            answer = await console.http.post(path, data=form, auth=REVIEWER)
            return answer.status_code

        async def state() -> str:
            (row,) = rows(await console.page(f"{DELIVERIES}?database=desk"))
            return row[3]

        assert await decide("accepted", number=family.tn) == 303
        await console.work()
        assert await state() == "accepted"
        assert await decide("active", "their desk called") == 303
        await console.work()
        assert await state() == "active"
        assert "None is open" in await console.page(TICKETS)
        # Whoever decides after that decides nothing, and the page still says who did.
        assert await decide("rejected", "no") == 409
        kept = await console.page(path)
        assert "rita" in kept and f"done: {family.tn}; their desk called" in kept
        assert "<button" not in kept

        hub.database.write(
            lambda store: office.forced(store, _product(store, family), "twilio-rejected")
        )
        await console.work()
        path = await ticket_of(console)
        assert await decide("active") == 400
        assert await decide("rejected", "not our number") == 303
        await console.work()
        assert await state() == "removing"

    opened(hub, use)


def test_a_word_that_was_kept_while_the_database_was_locked_is_asked_about_when_it_is_said_again(
    hub: Hub, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(console: Console) -> None:
        await console.work()
        path, wakes = await ticket_of(console), woken(hub, monkeypatch)
        form = {"decision": "active"}
        with monkeypatch.context() as patch:
            locked(hub, patch)
            answer = await console.http.post(path, data=form, auth=REVIEWER)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert "locked" in answer.text
        await console.work()
        (row,) = rows(await console.page(f"{DELIVERIES}?database=desk"))
        assert (row[3], wakes) == ("submitted", [])
        assert (await console.http.post(path, data=form, auth=REVIEWER)).status_code == 409
        assert len(wakes) == 1
        await console.work()
        (row,) = rows(await console.page(f"{DELIVERIES}?database=desk"))
        assert row[3] == "active"

    opened(hub, use)


def test_the_worker_is_woken_by_a_word_that_is_kept_and_by_no_other(
    hub: Hub, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(console: Console) -> None:
        await console.work()
        path, wakes = await ticket_of(console), woken(hub, monkeypatch)
        rejected = {"decision": "rejected", "because": "try later"}
        again = {"number": family.tn, "database": "desk"}
        for at, form, status, count in (
            (path, {"decision": "rejected"}, 400, 0),
            (path, rejected, 303, 1),
            (DELIVERIES, {**again, "database": "elsewhere"}, 404, 1),
            (DELIVERIES, again, 303, 2),
        ):
            answer = await console.http.post(at, data=form, auth=REVIEWER)
            assert (answer.status_code, len(wakes)) == (status, count)
            await console.work()

    opened(hub, use)


def test_open_tickets_are_listed_page_by_page(
    hub: Hub, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(hub.names.tickets), "page", 2)

    def order(store: SqlStore) -> None:
        for at in range(3):
            made = OpenOrder(f"CO{at:032}", "desk", "register", hub.now(), hub.now() + 9_999)
            CnamStore(store).add_order(made)
            CnamStore(store).settle_order(replace(made, order_ref=f"ticket-{at}"), True)

    async def use(console: Console) -> None:
        hub.database.write(order)
        first = await console.page(TICKETS)
        (more,) = re.findall('rel="next" href="([^"]+)"', first)
        second = await console.page(more)
        found = [row[0] for row in rows(first) + rows(second)]
        assert found == ["ticket-0", "ticket-1", "ticket-2"]
        assert 'rel="next"' not in second
        for wrong in ("after=x", "after=-1", "after=%ff", "after=" + "9" * 19):
            answer = await console.http.get(f"{TICKETS}?{wrong}", auth=REVIEWER)
            assert answer.status_code == 400, wrong

    opened(hub, use)


@pytest.mark.parametrize("damaged", [b"\xff", b"{}", None])
def test_a_damaged_ticket_takes_no_other_from_the_list(
    hub: Hub, family: Family, tmp_path: Path, damaged: bytes | None
) -> None:
    def order(store: SqlStore) -> None:
        made = OpenOrder("CO" + "0" * 32, "desk", "register", hub.now(), hub.now() + 9_999)
        CnamStore(store).add_order(made)
        CnamStore(store).settle_order(replace(made, order_ref="ticket-damaged"), True)

    async def use(console: Console) -> None:
        hub.database.write(order)
        await console.work()
        file = tmp_path / "desk" / "ticket-damaged.json"
        if damaged is None:
            file.mkdir()
        else:
            file.write_bytes(damaged)
        found = rows(await console.page(TICKETS))
        assert [row[4:] for row in found] == [["its file cannot be read"], ["1", "1"]]
        answer = await console.http.get(f"{TICKETS}/desk/ticket-damaged", auth=REVIEWER)
        assert answer.status_code == 400

    opened(hub, use)


def test_of_a_tickets_numbers_those_that_are_chosen_are_decided(hub: Hub, family: Family) -> None:
    numbers = ["+14155550100", "+14155550101", "+14155550102"]
    order = Order("several", Action.REGISTER, tuple(Line(each, "ACME") for each in numbers))

    async def use(console: Console) -> None:
        manual = hub.names.tickets._of("desk")
        path = f"{TICKETS}/desk/{(await manual.submit(order)).order_ref}"
        form = {"decision": "active", "number": numbers[:2]}
        assert (await console.http.post(path, data=form, auth=REVIEWER)).status_code == 303
        assert (await hub.names.tickets.ticket("desk", path.rpartition("/")[2])).waiting == [
            numbers[2]
        ]

    opened(hub, use)


def _product(store: SqlStore, family: Family) -> Bundle:
    found = store.bundles.get(family.product)
    assert found is not None and found.policy_sid == policies.CNAM
    return found


def test_a_rejection_needs_a_reason_and_the_customer_reads_it(hub: Hub, family: Family) -> None:
    async def use(console: Console) -> None:
        await console.work()
        path = await ticket_of(console)
        for form, status in (
            ({"decision": "rejected"}, 400),
            ({"decision": "rejected", "because": " "}, 400),
            ({"decision": "removed"}, 400),
            ({"decision": "active", "number": "+14155550199"}, 400),
            ({}, 400),
            ({"decision": "rejected", "because": "not <ours>"}, 303),
        ):
            answer = await console.http.post(path, data=form, auth=REVIEWER)
            assert answer.status_code == status, form
        await console.work()
        own = await console.page(DELIVERIES, credentials(hub, family.parent.sid))
        assert next(row for row in rows(own) if row[2] == "desk")[3:6:2] == [
            "rejected",
            "not &lt;ours&gt;",
        ]

    opened(hub, use)


def test_a_rejected_delivery_is_sent_again_by_a_reviewer_alone(hub: Hub, family: Family) -> None:
    async def use(console: Console) -> None:
        await console.work()
        path = await ticket_of(console)
        rejected = {"decision": "rejected", "because": "try later"}
        assert (await console.http.post(path, data=rejected, auth=REVIEWER)).status_code == 303
        await console.work()
        customer = credentials(hub, family.parent.sid)
        assert "Send again" not in await console.page(DELIVERIES, customer)
        assert (await console.page(DELIVERIES)).count(">Send again<") == 1
        form = {"number": family.tn, "database": "desk"}

        async def send(
            form: dict[str, str],
            auth: tuple[str, str] = REVIEWER,
            origin: str = "http://hub.example",
        ) -> int:
            headers = {"Origin": origin}
            sent = await console.http.post(DELIVERIES, data=form, auth=auth, headers=headers)
            return sent.status_code

        assert await send(form, customer) == 401
        assert await send(form, origin="https://evil.example") == 403
        for wrong in ({}, {**form, "number": "+1\x00"}, {**form, "database": "elsewhere"}):
            assert await send(wrong) == 404
        assert await send({**form, "database": "local"}) == 409
        assert await send(form) == 303
        assert await send(form) == 409
        await console.work()
        again = await ticket_of(console)
        assert again != path
        (row,) = rows(await console.page(f"{DELIVERIES}?database=desk"))
        assert row[3] == "submitted"

    opened(hub, use)


def test_only_a_reviewer_on_our_own_page_decides_a_ticket(hub: Hub, family: Family) -> None:
    async def use(console: Console) -> None:
        await console.work()
        path = await ticket_of(console)
        form = {"decision": "active"}

        async def status(auth: tuple[str, str] | None, origin: str = "") -> int:
            headers = {"Origin": origin} if origin else {}
            answer = await console.http.post(path, data=form, auth=auth, headers=headers)
            return answer.status_code

        customer = credentials(hub, family.parent.sid)
        assert await status(None) == await status(customer) == 401
        assert await status(REVIEWER, "https://evil.example") == 403
        assert await status(REVIEWER, "null") == 403
        for page in (TICKETS, path):
            assert (await console.http.get(page, auth=customer)).status_code == 401
        answer = await console.http.get(path, auth=REVIEWER)
        # Else a browser would say that the page's own form comes from nowhere.
        assert answer.headers["referrer-policy"] == "same-origin"
        assert await status(REVIEWER, "http://hub.example") == 303

    opened(hub, use)


OURS, EVIL = "http://hub.example", "https://evil.example"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        # A program: it was given its credentials, and no page makes it send them.
        ({}, 303),
        ({"Origin": OURS}, 303),
        ({"Origin": EVIL}, 403),
        ({"Origin": "null"}, 403),
        # Behind a proxy that changes our name the browser alone knows where its form was.
        ({"Origin": "https://desk.example", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        # The same name by plain HTTP, or another port of it, is not the same origin.
        ({"Origin": "https://hub.example", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://hub.example:81", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "anything"}, 403),
    ],
)
def test_a_form_is_taken_from_our_own_pages_and_from_programs(
    hub: Hub, family: Family, headers: dict[str, str], status: int
) -> None:
    async def use(console: Console) -> None:
        await console.work()
        path, form = await ticket_of(console), {"decision": "accepted"}
        answer = await console.http.post(path, data=form, auth=REVIEWER, headers=headers)
        assert answer.status_code == status

    opened(hub, use)


@pytest.mark.parametrize(
    "path", ["/elsewhere/ticket-CO1", "/local/ticket-CO1", "/desk/ticket-CO1", "/desk/..%2fx"]
)
def test_a_ticket_that_is_not_there_is_404(hub: Hub, path: str) -> None:
    async def use(console: Console) -> None:
        for method, form in (("GET", None), ("POST", {"decision": "active"})):
            answer = await console.http.request(method, TICKETS + path, data=form, auth=REVIEWER)
            assert answer.status_code == 404

    opened(hub, use)
