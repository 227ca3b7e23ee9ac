"""Databases that send word of their orders: who they are, and what that brings about."""

from __future__ import annotations

from collections.abc import Mapping

from phonotary.access.accounts import same
from phonotary.bootstrap.registering import Registering
from phonotary.cnam.orders import Notifying, Registrar
from phonotary.errors import Reason, Refused
from phonotary.storage.store import SqlStore


class Notices:
    """Word of an order has it asked about at once. Whoever forges word, or repeats it, has a
    question asked and nothing more."""

    def __init__(self, registrars: Mapping[str, Registrar], registering: Registering) -> None:
        self._registering = registering
        self._notifying = {
            name: each
            for name, each in registrars.items()
            if isinstance(each, Notifying) and each.notices_by
        }

    def require(self, database: str, user: str, password: str) -> None:
        """Raises Refused: NOT_FOUND where no word is taken, NOT_AUTHENTICATED."""
        found = self._notifying.get(database)
        if found is None or found.notices_by is None:
            raise Refused(Reason.NOT_FOUND, "No database sends word here.")
        known = [same(a, b) for a, b in zip(found.notices_by, (user, password), strict=True)]
        if not all(known):
            raise Refused(Reason.NOT_AUTHENTICATED, "Authenticate")

    def take(self, store: SqlStore, database: str, body: bytes) -> bool:
        """Have the order that it is about asked about; whether it is an open one of this database.
        Raises Refused for what is no word of an order."""
        notice = self._notifying[database].notice(body)
        return self._registering.hurry(store, database, notice.order_ref, notice.key)
