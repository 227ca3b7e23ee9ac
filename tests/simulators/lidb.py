"""Databases behind HTTP on this machine: one that keeps LIDB orders as Bandwidth documents it, and
the plain server under it, which can be told to fail."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.simulators.lying_repository import Behaviour, head
from tests.simulators.streams import listening


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Said:
    status: int
    body: bytes = b""
    headers: tuple[str, ...] = ()
    media_type: str = "application/xml"


Answering = Callable[[Asked], Said]


@dataclass
class Peer:
    """Answers by ``answering``, except where ``faults`` has something for the next request.

    ``lost`` says of the next requests whether the answer is lost after the work was done.
    """

    answering: Answering
    scheme: str = "http"
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    faults: list[Behaviour | None] = field(default_factory=list)
    lost: list[bool] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def methods(self) -> list[str]:
        return [each.method for each in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await _read(reader)
            self.asked.append(asked)
            fault = self.faults.pop(0) if self.faults else None
            if fault is not None:
                await fault(writer)
            else:
                said = self.answering(asked)
                if not (self.lost and self.lost.pop(0)):
                    writer.write(_written(said))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def peer(answering: Answering, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    there = Peer(answering, "https" if tls else "http")
    async with listening(there.serve, tls) as there.port:
        yield there


async def _read(reader: asyncio.StreamReader) -> Asked:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = lines[0].split(" ")
    headers = {
        name.lower(): value.strip()
        for name, _, value in (each.partition(":") for each in lines[1:] if each)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)


def _written(said: Said) -> bytes:
    told = (f"Content-Type: {said.media_type}", f"Content-Length: {len(said.body)}", *said.headers)
    return head(f"{said.status} Said", *told) + said.body


# The request's schema, from the OpenAPI document: the children an element may have, in any
# order, and for each whether it must be there and whether it may be there more than once.
_SCHEMA: dict[str, dict[str, tuple[bool, bool]]] = {
    "LidbOrder": {"CustomerOrderId": (False, False), "LidbTnGroups": (True, False)},
    "LidbTnGroups": {"LidbTnGroup": (True, True)},
    "LidbTnGroup": {
        "TelephoneNumbers": (True, False),
        "SubscriberInformation": (True, False),
        "UseType": (False, False),  # its absence is answered with 11006, not with a schema error
        "Visibility": (False, False),
    },
    "TelephoneNumbers": {"TelephoneNumber": (True, True)},
}
_TOLL_FREE = re.compile("8(00|33|44|55|66|77|88)")
SENTENCES = {
    "5015": "The lidb request timed out. Please resubmit your request.",
    "11005": "Subscriber Information cannot be longer than 15 characters",
    "11006": "UseType is required. Valid values are: BUSINESS, RESIDENTIAL",
    "11007": "Visibility is required. Valid values are: PUBLIC, PRIVATE",
    "11014": "Number does not belong to this account",
    "11015": "The CNAM/LIDB API does not support adding toll free numbers.",
    "11020": "LIDB information cannot be changed because the number is already being processed",
    "11024": "Subscriber information cannot start with a space",
}


@dataclass
class Group:
    numbers: list[str]
    name: str
    use_type: str
    visibility: str


@dataclass
class Kept:
    id: str
    customer_order_id: str
    groups: list[Group]
    errors: dict[str, str]
    status: str = "RECEIVED"

    @property
    def numbers(self) -> list[str]:
        return [number for group in self.groups for number in group.numbers]

    @property
    def open(self) -> bool:
        return self.status in ("RECEIVED", "PROCESSING")


@dataclass
class Lidb:
    """Bandwidth's side: orders move when ``advance`` is called, as its staff moves them."""

    account: str = "9900000"
    user: str = "api-user"
    password: str = "correct horse"
    owned: set[str] = field(default_factory=set)
    time_out: set[str] = field(default_factory=set)
    wrapped: bool = False
    """Whether one order is answered inside a LidbOrderResponse."""
    listed_ids: bool = True
    """Whether a list names each order's CustomerOrderId."""
    orders: dict[str, Kept] = field(default_factory=dict)
    stored: dict[str, Group] = field(default_factory=dict)
    malformed: list[str] = field(default_factory=list)

    def advance(self) -> None:
        for order in self.orders.values():
            if order.status == "PROCESSING":
                self._finish(order)
            elif order.status == "RECEIVED":
                order.status = "PROCESSING"

    def _finish(self, order: Kept) -> None:
        for number in self.time_out & set(order.numbers):
            order.errors[number] = "5015"
        good = [number for number in order.numbers if number not in order.errors]
        order.status = "COMPLETE" if not order.errors else "PARTIAL" if good else "FAILED"
        for group in order.groups:
            self.stored.update({each: group for each in group.numbers if each in good})

    def __call__(self, asked: Asked) -> Said:
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {credentials}":
            return Said(401)
        where = urlsplit(asked.path)
        base = f"/api/accounts/{self.account}/lidbs"
        if asked.method == "POST" and where.path == base:
            return self._create(asked)
        if asked.method == "GET" and where.path == base:
            return self._list(parse_qs(where.query)["tn"][0])
        order = self.orders.get(where.path.removeprefix(base + "/"))
        if asked.method != "GET" or order is None:
            said = "<ResponseStatus><Description>The resource does not exist</Description>"
            said = f"<LidbOrderReportResponse>{said}</ResponseStatus></LidbOrderReportResponse>"
            return Said(404, said.encode())
        return Said(200, _document(_order(order), self.wrapped))

    def _create(self, asked: Asked) -> Said:
        if not asked.headers.get("content-type", "").startswith("application/xml"):
            return Said(415)
        root = ElementTree.fromstring(asked.body)
        fault = _schema_fault(root, "LidbOrder")
        if fault:
            self.malformed.append(fault)
            return _bad("400", fault)
        key = root.findtext("CustomerOrderId") or ""
        if not re.fullmatch("[A-Za-z0-9 -]{0,40}", key):
            self.malformed.append("CustomerOrderId")
            return _bad("400", "CustomerOrderId")
        groups = [_group(each) for each in root.iter("LidbTnGroup")]
        for group in groups:
            code = _invalid(group)
            if code:
                return _bad(code, SENTENCES[code])
        order = Kept(str(uuid.uuid4()), key, groups, {})
        order.errors = {each: code for each in order.numbers if (code := self._refused(each))}
        self.orders[order.id] = order
        location = f"Location: http://localhost{asked.path}/{order.id}"
        return Said(201, _document(_order(order), wrapped=True), (location,))

    def _refused(self, number: str) -> str | None:
        if _TOLL_FREE.match(number):
            return "11015"
        if number not in self.owned:
            return "11014"
        busy = any(
            each.open and number in each.numbers and number not in each.errors
            for each in self.orders.values()
        )
        return "11020" if busy else None

    def _list(self, number: str) -> Said:
        found = [each for each in self.orders.values() if number in each.numbers]
        items = "".join(
            f"<OrderIdUserIdDate><accountId>{self.account}</accountId>"
            + (f"<CustomerOrderId>{each.customer_order_id}</CustomerOrderId>" * self.listed_ids)
            + f"<OrderType>lidb</OrderType><orderId>{each.id}</orderId>"
            f"<OrderStatus>{each.status}</OrderStatus></OrderIdUserIdDate>"
            for each in reversed(found)
        )
        inner = f"<TotalCount>{len(found)}</TotalCount>{items}"
        inner = f"<ListOrderIdUserIdDate>{inner}</ListOrderIdUserIdDate>"
        return Said(200, f"<ResponseSelectWrapper>{inner}</ResponseSelectWrapper>".encode())


def notification(order: Kept, *, order_id: bool = True, customer_order_id: bool = True) -> bytes:
    """What a subscription to ``lidb`` orders has sent when this one changes; the documented example
    leaves out the OrderId, and the CustomerOrderId is optional."""
    return (
        '<?xml version="1.0"?>\n<Notification><SubscriptionId>8c9d</SubscriptionId>'
        "<OrderType>lidb</OrderType>"
        + f"<OrderId>{order.id}</OrderId>" * order_id
        + f"<CustomerOrderId>{order.customer_order_id}</CustomerOrderId>" * customer_order_id
        + f"<Status>{order.status}</Status></Notification>"
    ).encode()


def _schema_fault(element: ElementTree.Element, tag: str) -> str | None:
    if element.tag != tag or element.attrib:
        return f"{element.tag} is not {tag}"
    if tag not in _SCHEMA:
        return f"{tag} has children" if len(element) else None
    children = [each.tag for each in element]
    for name, (required, many) in _SCHEMA[tag].items():
        if (required and name not in children) or (not many and children.count(name) > 1):
            return f"{name} in {tag}"
    for child in element:
        fault = _schema_fault(child, child.tag) if child.tag in _SCHEMA[tag] else child.tag
        if fault:
            return fault
    return None


def _group(element: ElementTree.Element) -> Group:
    return Group(
        [each.text or "" for each in element.iter("TelephoneNumber")],
        element.findtext("SubscriberInformation") or "",
        element.findtext("UseType") or "",
        element.findtext("Visibility") or "",
    )


def _invalid(group: Group) -> str | None:
    if not all(re.fullmatch("[2-9][0-9]{9}", each) for each in group.numbers):
        return "11014"
    if group.name.startswith(" "):
        return "11024"
    if len(group.name) > 15:
        return "11005"
    if group.use_type not in ("BUSINESS", "RESIDENTIAL"):
        return "11006"
    return "11007" if group.visibility not in ("PUBLIC", "PRIVATE") else None


def _bad(code: str, sentence: str) -> Said:
    status = "<Status><Code>400</Code><Description>Validation Failed.</Description></Status>"
    error = f"<Error><Code>{code}</Code><Description>{escape(sentence)}</Description></Error>"
    inner = f"{status}<ErrorList>{error}</ErrorList>"
    return Said(400, f"<LidbOrderResponse>{inner}</LidbOrderResponse>".encode())


def _order(order: Kept) -> str:
    errors = "".join(
        f"<Error><TelephoneNumber>{number}</TelephoneNumber><Code>{code}</Code>"
        f"<Description>{SENTENCES[code]}</Description></Error>"
        for number, code in order.errors.items()
    )
    groups = "".join(
        "<LidbTnGroup><TelephoneNumbers>"
        + "".join(f"<TelephoneNumber>{each}</TelephoneNumber>" for each in group.numbers)
        + f"</TelephoneNumbers><SubscriberInformation>{escape(group.name)}</SubscriberInformation>"
        f"<UseType>{group.use_type}</UseType><Visibility>{group.visibility}</Visibility>"
        "</LidbTnGroup>"
        for group in order.groups
    )
    return (
        f"<LidbOrder><CustomerOrderId>{order.customer_order_id}</CustomerOrderId>"
        f"<orderId>{order.id}</orderId><ProcessingStatus>{order.status}</ProcessingStatus>"
        f"<ErrorList>{errors}</ErrorList><LidbTnGroups>{groups}</LidbTnGroups></LidbOrder>"
    )


def _document(inner: str, wrapped: bool) -> bytes:
    if wrapped:
        inner = f"<LidbOrderResponse>{inner}</LidbOrderResponse>"
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{inner}'.encode()
