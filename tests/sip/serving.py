"""A SIP door on a real port, in a thread of its own."""

from __future__ import annotations

from contextlib import AbstractContextManager

from phonotary.sip.redirect import Redirect
from phonotary.sip.server import Limits, Server, serve
from tests.listening.threads import in_thread


def serving(redirect: Redirect, limits: Limits | None = None) -> AbstractContextManager[Server]:
    return in_thread(lambda: serve("127.0.0.1", 0, redirect, limits=limits))
