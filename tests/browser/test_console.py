"""The console in a real Chromium: what people do there, by the pages alone.

Half of it is opened by a name over plain HTTP, where a browser says of a form only its ``Origin``;
on loopback it says ``Sec-Fetch-Site`` as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic

import pytest

from tests.browser.chromium import ENTER, TAB, Browser, Element
from tests.browser.served import NUMBERS, REVIEWER, Served, sign_in
from tests.journeys.test_inquiries import ANSWERS

PATIENCE = 20.0
# More stops than any page here has.
STOPS = 60
CONTROLS = "input:not([type=hidden]), select, textarea, button:not([hidden]), a"


def sound(browser: Browser) -> None:
    """What every page owes to whoever cannot see it, and that the browser refused nothing of it."""
    assert browser.console() == []
    assert browser.title
    assert [heading.role for heading in browser.all("h1")] == ["heading"]
    assert browser.one("html").attribute("lang") == "en"
    labels = [(each.role, each.label) for each in browser.all(CONTROLS)]
    assert all(label for _, label in labels), labels
    # Two buttons of one name are one button to who hears them read out.
    buttons = [label for role, label in labels if role == "button"]
    assert len(set(buttons)) == len(buttons), buttons
    names = [each.attribute("id") for each in browser.all("[id]")]
    assert len(set(names)) == len(names), names


def reach(browser: Browser, label: str) -> Element:
    """Where the focus comes to by the Tab key alone."""
    met = []
    for _ in range(STOPS):
        browser.press(TAB)
        at = browser.focused
        met.append(at.label)
        if met[-1] == label:
            return at
    raise AssertionError(f"{label!r} is not among {met}")


def enter(browser: Browser, typed: str = "") -> None:
    browser.follow(lambda: browser.press(typed + ENTER))


def press(browser: Browser, label: str) -> None:
    reach(browser, label)
    enter(browser)


def until(true: Callable[[], bool], again: Callable[[], None]) -> None:
    deadline = monotonic() + PATIENCE
    while not true():
        assert monotonic() < deadline, f"not within {PATIENCE} s"
        again()


def rows(browser: Browser) -> list[list[str]]:
    return [each.text.split() for each in browser.all("tbody tr")]


def main(browser: Browser) -> str:
    return browser.one("main").text


def test_a_reviewer_rejects_a_bundle_by_keyboard_with_the_code_typed(
    browser: Browser, served: Served
) -> None:
    sid = served.waiting("Harbor Bakery")
    sign_in(browser, f"{served.intranet}/console/reviews", REVIEWER)
    sound(browser)
    press(browser, sid)
    assert browser.one("h1").text == "Harbor Bakery"
    sound(browser)
    reach(browser, "Codes, for a rejection")
    # Enter in a field presses the form's first button (HTML, "implicit submission").
    enter(browser, "18602")
    assert "twilio-rejected" in main(browser)
    assert "reviewer:rita 18602" in main(browser)
    assert browser.url == f"{served.intranet}/console/reviews/{sid}"
    assert served.state(sid) == ("twilio-rejected", {18602})
    # Nothing is left to be decided, so nothing asks for it.
    assert browser.all("form") == []
    sound(browser)


def test_a_reviewer_approves_a_bundle_and_takes_the_approval_back(
    browser: Browser, served: Served
) -> None:
    sid = served.waiting("Pier Nine")
    sign_in(browser, f"{served.http}/console/reviews/{sid}", REVIEWER)
    press(browser, "Approve")
    assert "twilio-approved" in main(browser)
    assert served.state(sid)[0] == "twilio-approved"
    sound(browser)
    reach(browser, "Reason")
    browser.press("They moved")
    press(browser, "Suspend")
    assert "They moved" in main(browser)
    assert served.state(sid)[0] == "twilio-rejected"


ELSEWHERE = """<!doctype html><html lang="en"><title>A prize</title>
<form method="post" action="{target}">
<input type="hidden" name="decision" value="approve"><button>Get it</button></form>"""


@contextmanager
def another_site(target: str, policy: str) -> Iterator[int]:
    """Its port. The page posts what the desk's own form would."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = ELSEWHERE.format(target=target).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Referrer-Policy", policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing is printed among the tests' own lines."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("policy", ["unsafe-url", "no-referrer"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("at", ["http", "intranet"])
def test_a_page_of_another_origin_decides_nothing_though_the_browser_is_signed_in(
    browser: Browser, served: Served, host: str, policy: str, at: str
) -> None:
    sid = served.waiting("Prize Winner")
    page = f"{getattr(served, at)}/console/reviews/{sid}"
    sign_in(browser, page, REVIEWER)
    with another_site(page, policy) as port:
        browser.open(f"http://{host}:{port}/")
        browser.follow(browser.one("button").click)
        assert browser.url == page
    assert "This form was sent from another site." in main(browser)
    (refused,) = browser.console()
    assert "403" in refused
    assert served.state(sid) == ("pending-review", set())


def test_a_customer_sees_the_deliveries_of_their_own_number_and_no_desk(
    browser: Browser, served: Served
) -> None:
    own, other = served.customers
    sign_in(browser, f"{served.http}/console/deliveries", own.auth)
    until(lambda: len(rows(browser)) == 2, lambda: browser.open(browser.url))
    sound(browser)
    assert {row[0] for row in rows(browser)} == {own.number}
    assert browser.all("nav") == []
    reach(browser, "Number")
    enter(browser, other.number)
    assert "There are none." in main(browser)
    assert browser.one("#number").value() == other.number
    sound(browser)


def test_a_ticket_is_decided_by_its_form_and_a_delivery_that_was_rejected_is_sent_again(
    browser: Browser, served: Served
) -> None:
    desk = f"{served.intranet}/console/deliveries?database=desk"
    sign_in(browser, desk, REVIEWER)
    until(lambda: len(rows(browser)) == 2, lambda: browser.open(desk))
    for number in NUMBERS:
        _decided(browser, number, "Rejected", "not yet")
    browser.open(desk)
    until(lambda: main(browser).count("Send again") == 2, lambda: browser.open(desk))
    sound(browser)
    press(browser, f"Send again: {NUMBERS[0]} to desk")
    assert browser.url.endswith("number=%2B" + NUMBERS[0][1:])
    sound(browser)
    _decided(browser, NUMBERS[0], "Active", "")
    until(lambda: _state(browser, desk, NUMBERS[0]) == "active", lambda: None)
    assert _state(browser, desk, NUMBERS[1]) == "rejected"


def _state(browser: Browser, desk: str, number: str) -> str:
    browser.open(f"{desk}&number=%2B{number[1:]}")
    return browser.one("tbody tr td:nth-child(4)").text.split()[0]


def _decided(browser: Browser, number: str, word: str, because: str) -> None:
    """By the ticket that the number waits in, which the list of them leads to."""
    press(browser, "Tickets")
    until(lambda: bool(browser.all("tbody a")), lambda: browser.open(browser.url))
    sound(browser)
    links = [each.attribute("href") for each in browser.all("tbody a")]
    start = browser.url.partition("/console")[0]
    for link in links:
        browser.open(f"{start}{link}")
        sound(browser)
        if number in [each.label for each in browser.all("[type=checkbox]")]:
            break
    reach(browser, number)
    # Enter here must not press the first of the buttons.
    browser.press(f" {ENTER}")
    if because:
        reach(browser, "Reason")
        browser.press(because)
    press(browser, word)
    told = [line for line in main(browser).splitlines() if "rita" in line]
    state = {"Rejected": "rejected", "Active": "done"}[word]
    assert [line.partition(" rita ")[2] for line in told] == [
        f"{state}: {number}; {because}".removesuffix("; ")
    ]
    sound(browser)


def test_a_customer_fills_an_inquiry_by_keyboard_and_loses_nothing_to_a_mistake(
    browser: Browser, served: Served
) -> None:
    inquiry = served.inquiry()
    browser.open(inquiry["url"])
    sound(browser)
    # What must be filled in is asked for by the browser, before anything is sent.
    browser.one("button").click()
    assert browser.focused.attribute("required") is not None
    assert browser.one("h1").text == "Tell us about your business"
    browser.open(inquiry["url"])
    _fill(browser, {**ANSWERS, "iso_country": "Utopia"})
    assert "must be two letters" in browser.one("[role=alert]").text
    (refused,) = browser.console()
    assert "400" in refused
    sound(browser)
    typed = {name: browser.one(f'[name$="{name}"]').value() for name in ANSWERS}
    assert typed == {**ANSWERS, "iso_country": "Utopia"}
    country = reach(browser, "Country, as two letters")
    assert country.value() == "Utopia"
    # Who comes to a field by Tab has all of it chosen, and types over it.
    enter(browser, "US")
    assert browser.one("h1").text == "Sent for review"
    sound(browser)
    sid = inquiry["customer_id"].rpartition(".")[2]
    assert served.state(sid) == ("pending-review", set())
    browser.open(inquiry["url"])
    assert "takes no changes now" in main(browser)
    assert browser.all("form") == []


def _fill(browser: Browser, answers: dict[str, str]) -> None:
    """Every field in the order that Tab comes to it, and the button after the last."""
    for _ in range(STOPS):
        browser.press(TAB)
        at = browser.focused
        name = at.attribute("name")
        if at.role == "button":
            enter(browser)
            return
        assert name is not None, at.role
        short = name.partition(".")[2]
        browser.press(answers.get(name, answers.get(short, "")))
    raise AssertionError("Tab comes to no button")


def test_who_is_not_signed_in_is_asked_to(browser: Browser, served: Served) -> None:
    browser.open(f"{served.http}/console/reviews")
    (refused,) = browser.console()
    assert "401" in refused
    sign_in(browser, f"{served.http}/console/reviews", REVIEWER)
    assert browser.one("h1").text == "Waiting for review"
