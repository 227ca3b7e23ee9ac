"""Chromium, driven through Debian's chromedriver by the W3C WebDriver protocol.

The protocol is JSON over HTTP and these tests need a dozen of its commands, so they are spoken here
with the HTTP client the project has. Selenium would bring an event loop of its own and a program
that downloads browsers.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

TAB, ENTER = "\ue004", "\ue007"
_PATIENCE = 30.0
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
INTRANET = "hub.internal"
"""A name that is this machine to the browser. What is there by plain HTTP is not trusted as
loopback is, and is told less (W3C Fetch Metadata section 2: only potentially trustworthy URLs)."""
# Nothing but this machine is reached: no other name is resolved, and what is not loopback would go
# to a proxy that is not there. The rest keeps Chromium from trying, as far as it can be kept.
_QUIET = (
    "--headless=new",
    f"--host-resolver-rules=MAP {INTRANET} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, "
    "EXCLUDE localhost",
    "--proxy-server=http://127.0.0.1:9",
    f"--proxy-bypass-list={INTRANET}",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
)


class Element:
    """One element of the page that is open."""

    def __init__(self, browser: Browser, reference: str) -> None:
        self._browser, self.path = browser, f"/element/{reference}"

    @property
    def text(self) -> str:
        return str(self._browser.ask("GET", f"{self.path}/text"))

    @property
    def role(self) -> str:
        """What the browser tells a screen reader that it is."""
        return str(self._browser.ask("GET", f"{self.path}/computedrole"))

    @property
    def label(self) -> str:
        """What the browser tells a screen reader it is called."""
        return str(self._browser.ask("GET", f"{self.path}/computedlabel"))

    def attribute(self, name: str) -> str | None:
        found = self._browser.ask("GET", f"{self.path}/attribute/{name}")
        return None if found is None else str(found)

    def value(self) -> str:
        return str(self._browser.ask("GET", f"{self.path}/property/value"))

    def click(self) -> None:
        self._browser.ask("POST", f"{self.path}/click", {})


class Browser:
    """One window of a browser that has never been anywhere."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http, self._session = http, session

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._answer(method, path, body)
        value = answer.json()["value"]
        assert answer.status_code == 200, value
        return value

    def _answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self._http.request(method, f"/session/{self._session}{path}", json=body)

    def open(self, url: str) -> None:
        self.ask("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        return str(self.ask("GET", "/url"))

    @property
    def title(self) -> str:
        return str(self.ask("GET", "/title"))

    def all(self, css: str) -> list[Element]:
        found = self.ask("POST", "/elements", {"using": "css selector", "value": css})
        return [Element(self, each[_ELEMENT]) for each in found]

    def one(self, css: str) -> Element:
        (element,) = self.all(css)
        return element

    @property
    def focused(self) -> Element:
        return Element(self, self.ask("GET", "/element/active")[_ELEMENT])

    def press(self, keys: str) -> None:
        """Keys pressed one after another, wherever the focus is."""
        strokes = [{"type": kind, "value": k} for k in keys for kind in ("keyDown", "keyUp")]
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": strokes}]})

    def follow(self, act: Callable[[], None]) -> None:
        """Do what leads to another page, and be there."""
        left = self.one("html").path
        act()
        deadline = time.monotonic() + _PATIENCE
        while self._answer("GET", f"{left}/name").status_code == 200:
            assert time.monotonic() < deadline, f"{self.url} was not left"

    def console(self) -> list[str]:
        """What the browser has complained of since it was last asked."""
        entries = self.ask("POST", "/se/log", {"type": "browser"})
        return [f"{each['source']}: {each['message']}" for each in entries]


@contextmanager
def driver() -> Iterator[httpx.Client]:
    """A running chromedriver, on loopback. It and its browsers write into a directory of their own,
    whose name is short because sockets are in it."""
    with tempfile.TemporaryDirectory(prefix="browser", ignore_cleanup_errors=True) as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home}
        process = subprocess.Popen(
            ["chromedriver", "--port=0"], env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            said, port = "", None
            while port is None:
                line = process.stdout.readline()
                said += line
                assert line, f"chromedriver did not start:\n{said}"
                port = re.search(r"started successfully on port (\d+)", line)
            url = f"http://127.0.0.1:{port[1]}"
            with httpx.Client(base_url=url, trust_env=False, timeout=_PATIENCE) as http:
                yield http
        finally:
            process.terminate()
            process.communicate(timeout=_PATIENCE)


@contextmanager
def window(http: httpx.Client) -> Iterator[Browser]:
    """A new browser with a new profile, closed in the end."""
    # Chromium's sandbox refuses to be started by root, as tests in a container are.
    arguments = [*_QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    wanted = {
        "goog:chromeOptions": {"args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    }
    answer = http.post("/session", json={"capabilities": {"alwaysMatch": wanted}})
    assert answer.status_code == 200, answer.text
    session = answer.json()["value"]["sessionId"]
    try:
        yield Browser(http, session)
    finally:
        http.delete(f"/session/{session}")
