"""Hearing of what changed for standings: in every process that keeps any, within two seconds.

PostgreSQL: NOTIFY in the transaction that changes something, so it is delivered when that commits;
each process listens on a connection of its own. ``seq`` is no guide there, for a lower one may
commit after a higher one. The connection must reach the server itself: a pooler that lends
connections for one transaction delivers no notifications. SQLite: one writer at a time, so ``seq``
is the order of commits, and the table is read on from the last row seen.

Whoever has lost the feed cannot know it from silence. So there is a round trip every
:data:`HEARTBEAT`, and a feed that none has confirmed for :data:`LOST_AFTER` is lost. When it is
found again all that was kept is forgotten, for nobody tells again what was missed.
"""

from __future__ import annotations

import selectors
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.engine import make_url

from phonotary import report
from phonotary.storage import direct, schema
from phonotary.storage.changes import EVERYTHING, Change

if TYPE_CHECKING:
    from phonotary.storage.database import Database

HEARTBEAT = 0.25
"""Seconds between two confirmations; on SQLite also how late a change is heard of."""
LOST_AFTER = 1.75
"""Seconds since the last confirmation began. The rest of the two is for being told."""
_AGAIN = 0.25
_CHANNEL = "standing_changes"
# PostgreSQL takes less than 8000 bytes at once.
_PAYLOAD = 7900
# Above so many it is quicker to forget everything.
_MOST = 5000

_TABLE = schema.standing_changes
_NEWEST = select(func.max(_TABLE.c.seq))
_AFTER = (
    select(
        _TABLE.c.seq,
        _TABLE.c.kind,
        _TABLE.c.subject,
        _TABLE.c.about,
        _TABLE.c.account_sid,
        _TABLE.c.phone_number,
    )
    .where(_TABLE.c.seq > bindparam("last_"))
    .order_by(_TABLE.c.seq)
    .limit(_MOST)
)
_NOTIFY = text(f"SELECT pg_notify('{_CHANNEL}', :payload)")
# A server that is gone without a word must be noticed; a URL that says otherwise is followed.
_PATIENCE = {
    "connect_timeout": "2",
    "keepalives_idle": "2",
    "keepalives_interval": "1",
    "keepalives_count": "2",
    "tcp_user_timeout": "3000",
}


def tell(connection: Connection, subjects: frozenset[str]) -> None:
    """Within the transaction that changed them: everybody who listens hears of it at its commit."""
    if subjects and connection.dialect.name == "postgresql":
        for payload in _payloads(subjects):
            connection.execute(_NOTIFY, {"payload": payload})


def _payloads(subjects: frozenset[str]) -> Iterator[str]:
    if EVERYTHING in subjects or len(subjects) > _MOST:
        yield EVERYTHING
        return
    line = ""
    for subject in sorted(subjects):
        if len(line) + len(subject) >= _PAYLOAD:
            yield line
            line = ""
        line = f"{line} {subject}" if line else subject
    yield line


class Feed:
    """Calls ``on_changes`` with the subjects that changed, in any process, and ``on_everything``
    where that cannot be known: at the start, and after having been lost.

    Both are called in the feed's own thread. ``monotonic`` is a clock in seconds.
    """

    def __init__(
        self,
        database: Database,
        on_changes: Callable[[frozenset[str]], None],
        on_everything: Callable[[], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._database = database
        self._on_changes = on_changes
        self._on_everything = on_everything
        self._monotonic = monotonic
        self._stopped = threading.Event()
        self._found = threading.Event()
        self._thread: threading.Thread | None = None
        self.confirmed_at = float("-inf")
        """When the last round trip began that came back: what was committed before is known."""

    @property
    def lost(self) -> bool:
        """Whether changes may have happened for :data:`LOST_AFTER` that are not known here."""
        return self._monotonic() - self.confirmed_at > LOST_AFTER

    def start(self, patience: float = 2.0) -> None:
        """Listen from now on. Waits for the first confirmation, but not for longer than this."""
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()
        self._found.wait(patience)

    def stop(self) -> None:
        """Hear of nothing more; the feed is lost from now on."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(5.0)
        self.confirmed_at = float("-inf")

    def _run(self) -> None:
        follow = self._read_on if self._database.is_sqlite else self._listen
        told = False
        while not self._stopped.is_set():
            before = self.confirmed_at
            try:
                follow()
            except Exception as error:
                # Whatever it was: what is not confirmed is lost, and nothing else ends the trying.
                if not told or self.confirmed_at != before:
                    _log().warning("the feed of changes is lost", because=type(error).__name__)
                told = True
                self._stopped.wait(_AGAIN)

    def _confirm(self, began: float) -> None:
        self.confirmed_at = began
        self._found.set()

    def _read_on(self) -> None:
        """SQLite: every row after the last one seen."""
        began = self._monotonic()
        last = self._newest()
        self._on_everything()
        self._confirm(began)
        while not self._stopped.wait(HEARTBEAT):
            began = self._monotonic()
            last = self._heard_after(last)
            self._confirm(began)

    def _newest(self) -> int:
        with self._database.reading() as store:
            return int(direct.rows(store.connection, _NEWEST, {})[0][0] or 0)

    def _heard_after(self, last: int) -> int:
        with self._database.reading() as store:
            rows = direct.rows(store.connection, _AFTER, {"last_": last})
        if not rows:
            return last
        if len(rows) == _MOST:
            newest = self._newest()
            self._on_everything()
            return newest
        self._tell({subject for row in rows for subject in Change(*row[1:]).subjects})
        return int(rows[-1][0])

    def _listen(self) -> None:
        """PostgreSQL: a connection that does nothing else."""
        import psycopg

        url = make_url(self._database.url)
        arguments, given = self._database.engine.dialect.create_connect_args(url)
        options: dict[str, Any] = {**_PATIENCE, "application_name": "phonotary feed", **given}
        options |= {"autocommit": True, "prepare_threshold": None}
        with psycopg.connect(*arguments, **options) as connection:
            # Called whenever the connection is read, so also with the heartbeat's own answer.
            connection.add_notify_handler(lambda heard: self._tell(set(heard.payload.split())))
            began = self._monotonic()
            connection.execute(f"LISTEN {_CHANNEL}")
            self._on_everything()
            self._confirm(began)
            with selectors.DefaultSelector() as waiting:
                waiting.register(connection.fileno(), selectors.EVENT_READ)
                while not self._stopped.is_set():
                    waiting.select(HEARTBEAT)
                    began = self._monotonic()
                    connection.execute("SELECT 1")
                    self._confirm(began)

    def _tell(self, subjects: set[str]) -> None:
        if EVERYTHING in subjects:
            self._on_everything()
        elif subjects:
            self._on_changes(frozenset(subjects))


def _log() -> Any:
    return report.to("phonotary.feed")
