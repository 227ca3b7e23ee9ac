"""A database with an HTTP interface of its own, spoken to by template."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from phonotary.cnam import orders_template as template
from phonotary.cnam.orders import Action, LineOutcome, LineState, Order, OrderUnknown, Outcome, only
from phonotary.errors import Reason, Refused
from phonotary.outbound.registrars.guarded import PATIENCE, Answer, Guarded
from phonotary.outbound.secret_file import secret

MOST = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    name: str
    url: str
    register: template.Request
    reading: template.Reading = field(default_factory=template.Reading)
    remove: template.Request | None = None
    """None where the database cannot remove; a removal is then rejected."""
    poll: template.Request | None = None
    """None where an order is settled by its answer."""
    poll_reading: template.Reading | None = None
    """Where it differs from ``reading``."""
    observe: template.Request | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_header: str = "Authorization"
    secret_prefix: str = "Bearer "
    secret_file: str | None = None
    idempotency_header: str = "Idempotency-Key"
    ca_file: str | None = None
    allow_loopback: bool = False
    patience: float = PATIENCE


class HttpTemplate:
    def __init__(self, settings: Settings) -> None:
        """Reads the secret. Raises Refused for settings that cannot serve."""
        self.name, self._settings = settings.name, settings
        orders = [each for each in (settings.register, settings.remove) if each]
        self.most = 1 if any(each.of_one_line for each in orders) else MOST
        self._check(settings)
        headers = {"Accept": "application/json", **settings.headers}
        if settings.secret_file is not None:
            headers[settings.secret_header] = settings.secret_prefix + secret(settings.secret_file)
        self._http = Guarded(
            settings.name,
            settings.url,
            headers,
            allow_loopback=settings.allow_loopback,
            ca_file=settings.ca_file,
            patience=settings.patience,
        )

    async def submit(self, order: Order) -> Outcome:
        request = self._settings.register
        if order.action == Action.REMOVE:
            if self._settings.remove is None:
                because = "The database has no way to remove a name."
                refused = LineOutcome(LineState.REJECTED, None, because)
                return Outcome(order.idempotency_key, {}, True, refused)
            request = self._settings.remove
        key = order.idempotency_key
        answer = await self._ask(template.fill(request, order), key)
        if answer.status == 409:
            return Outcome(key)
        if answer.status >= 400:
            return template.read_refusal(self._settings.reading, answer.body, answer.status, key)
        return template.read(self._settings.reading, answer.body, key, order.numbers)

    async def poll(self, order_ref: str, numbers: Collection[str] | None = None) -> Outcome:
        if self._settings.poll is None:
            raise OrderUnknown(self.name)
        answer = await self._ask(template.fill(self._settings.poll, ref=order_ref))
        if answer.status in (404, 410):
            raise OrderUnknown(self.name)
        reading = self._settings.poll_reading or self._settings.reading
        if answer.status >= 400:
            return template.read_refusal(reading, answer.body, answer.status, order_ref)
        found = template.read(reading, answer.body, order_ref)
        return only(replace(found, order_ref=order_ref), numbers)

    async def observe(self, number: str) -> str | None:
        if self._settings.observe is None:
            return None
        national = number.removeprefix("+1")
        filled = template.fill(self._settings.observe, number=number, national=national)
        answer = await self._ask(filled)
        if answer.status >= 400:
            return None
        return template.read_name(self._settings.reading, answer.body)

    async def _ask(self, filled: template.Filled, key: str | None = None) -> Answer:
        headers = {} if filled.body is None else {"Content-Type": "application/json"}
        if key is not None and self._settings.idempotency_header:
            headers[self._settings.idempotency_header] = key
        return await self._http.ask(filled.method, filled.path, filled.body, headers)

    @staticmethod
    def _check(settings: Settings) -> None:
        """An order that its answer does not settle must have something to be polled with."""
        states = {settings.reading.otherwise, *settings.reading.states.values()}
        if settings.poll is None and states & {LineState.SUBMITTED, LineState.ACCEPTED}:
            raise Refused(
                Reason.INVALID_PARAMETER,
                f"{settings.name} may leave an order open, but has no request to poll it with.",
            )
