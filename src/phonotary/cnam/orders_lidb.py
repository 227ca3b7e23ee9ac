"""Bandwidth's LIDB orders: the XML that is sent, and the reading of what comes back.

From the Numbers API's OpenAPI document and its error tables (Bandwidth/api-docs, archived 2023):
``POST /accounts/{id}/lidbs`` answers 201 with the order, whose ``ErrorList`` may name single
numbers of an otherwise good order; 400 means that no order was made. ``GET`` of one order answers
the same ``LidbOrder``, with or without the response element around it. There is no operation that
deletes a name; an order with Visibility PRIVATE keeps it from being shown. A subscription to
``lidb`` orders has a ``Notification`` sent of each that changes (the same archive).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import cast
from xml.etree.ElementTree import Element, SubElement, TreeBuilder, tostring
from xml.parsers import expat

from phonotary.cnam.orders import (
    Action,
    Line,
    LineOutcome,
    LineState,
    Notice,
    Order,
    Outcome,
    Unreadable,
    Visibility,
    said,
)

MOST_BYTES = 1_048_576
"""An echoed order of a thousand numbers in a thousand groups is a third of this."""
_DEEPEST = 16
_MOST_ELEMENTS = 20_000
# Characters of an order's name that are looked for.
_MOST_NAME = 64


class Remedy(Enum):
    """What to do about a number that the database has an error for."""

    REJECT = auto()
    """The order must change first."""
    RETRY = auto()
    """Order it anew."""
    WAIT = auto()
    """Another order holds the number: this one counts as handed in until it is finished, and is
    to be made anew when the number is still not done then."""


# The error tables' LIDB part, and what follows from each sentence. A code that is not here rejects.
CODES: dict[str, Remedy] = {
    "5015": Remedy.RETRY,  # the request timed out, please resubmit
    "11005": Remedy.REJECT,  # longer than 15 characters
    "11006": Remedy.REJECT,  # UseType is required
    "11007": Remedy.REJECT,  # Visibility is required
    "11014": Remedy.REJECT,  # the number does not belong to this account
    "11015": Remedy.REJECT,  # toll-free numbers go by e-mail
    "11016": Remedy.REJECT,  # the number's vendor is not supported
    "11020": Remedy.WAIT,  # the number is already being processed
    "11024": Remedy.REJECT,  # starts with a space
    "11025": Remedy.REJECT,  # the number is not Bandwidth's
}

# ProcessingStatus: what it means for a number without an error, and whether the order is finished.
_STATUSES: dict[str, tuple[LineState, bool]] = {
    "RECEIVED": (LineState.SUBMITTED, False),
    "PROCESSING": (LineState.ACCEPTED, False),
    "COMPLETE": (LineState.DONE, True),
    "PARTIAL": (LineState.DONE, True),
    "FAILED": (LineState.REJECTED, True),
}


@dataclass(frozen=True, slots=True)
class Summary:
    """One order in a list of them."""

    order_ref: str
    customer_order_id: str | None
    """None where the list leaves it out; the order itself has it."""


def build(order: Order) -> bytes:
    """The body of the POST. A removal keeps the name and makes it PRIVATE."""
    root = Element("LidbOrder")
    SubElement(root, "CustomerOrderId").text = order.idempotency_key
    groups = SubElement(root, "LidbTnGroups")
    removes = order.action == Action.REMOVE
    alike: dict[tuple[str, str, str], list[Line]] = defaultdict(list)
    for line in order.lines:
        shown = Visibility.PRIVATE if removes else line.visibility
        alike[line.name.strip(), line.use_type, shown].append(line)
    for (name, use_type, visibility), lines in alike.items():
        group = SubElement(groups, "LidbTnGroup")
        numbers = SubElement(group, "TelephoneNumbers")
        for line in lines:
            SubElement(numbers, "TelephoneNumber").text = line.national
        SubElement(group, "SubscriberInformation").text = name
        SubElement(group, "UseType").text = use_type
        SubElement(group, "Visibility").text = visibility
    return cast(bytes, tostring(root, encoding="UTF-8", xml_declaration=True))


def read(body: bytes) -> tuple[Outcome, str | None]:
    """How an order stands, and its CustomerOrderId. Raises Unreadable."""
    root = tree(body)
    found = root if root.tag == "LidbOrder" else root.find("LidbOrder")
    if found is None:
        raise Unreadable("Bandwidth's answer holds no LidbOrder.")
    reference = _text(found, "orderId", "OrderId", "id")
    status = _text(found, "ProcessingStatus") or ""
    if not reference or status not in _STATUSES:
        raise Unreadable("Bandwidth's order has no orderId, or a status that is not documented.")
    state, done = _STATUSES[status]
    named, general = _errors(found, done)
    others = general or LineOutcome(state)
    echoed = [
        _e164(each.text)
        for group in found.iterfind("LidbTnGroups/LidbTnGroup")
        for each in group.iterfind("TelephoneNumbers/TelephoneNumber")
    ]
    return (
        Outcome(reference, {**dict.fromkeys(echoed, others), **named}, done, others),
        _text(found, "CustomerOrderId"),
    )


def read_refusal(body: bytes, order: Order) -> Outcome:
    """A 400: no order was made, so a number without an error of its own is to be ordered anew,
    unless nothing in the answer says which number it was about. Raises Unreadable."""
    root = tree(body)
    named, general = _errors(root, done=True)
    if general is None and not named:
        status = root.find("Status")
        text = None if status is None else _text(status, "Description")
        code = None if status is None else _text(status, "Code")
        general = LineOutcome(LineState.REJECTED, said(code), said(text))
    others = general or LineOutcome(LineState.QUEUED)
    return Outcome(order.idempotency_key, named, True, others)


def read_list(body: bytes) -> list[Summary]:
    """The orders of a list, in its order. Raises Unreadable."""
    found: list[Summary] = []
    root = tree(body)
    if root.tag != "ResponseSelectWrapper":
        raise Unreadable("Bandwidth's answer is no list of orders.")
    for each in root.iter("OrderIdUserIdDate"):
        reference = _text(each, "orderId", "OrderId")
        if reference:
            found.append(Summary(reference, _text(each, "CustomerOrderId")))
    return found


def read_notice(body: bytes) -> Notice:
    """Which order a notification is about; the documented example leaves out the OrderId, and an
    order without one of its own has no CustomerOrderId. Raises Unreadable."""
    root = tree(body)
    found = [_text(root, "OrderId", "orderId"), _text(root, "CustomerOrderId")]
    named = [each if each and len(each) <= _MOST_NAME else None for each in found]
    if root.tag != "Notification" or not any(named):
        raise Unreadable("It is no notification of an order.")
    return Notice(*named)


def tree(body: bytes) -> Element:
    """The document's root. Raises Unreadable: too large, too deep, not XML, or with a DOCTYPE,
    without which there are no entities to expand or to fetch."""
    if len(body) > MOST_BYTES:
        raise Unreadable(f"Bandwidth answers with more than {MOST_BYTES} bytes.")
    builder, parser = TreeBuilder(), expat.ParserCreate()
    depth = count = 0

    def opened(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > _DEEPEST or count > _MOST_ELEMENTS:
            raise Unreadable("Bandwidth's answer is deeper or longer than any order.")
        builder.start(tag, attributes)

    def closed(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refused(*_: object) -> None:
        raise Unreadable("Bandwidth's answer has a DOCTYPE, which is not read.")

    parser.StartElementHandler, parser.EndElementHandler = opened, closed
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refused
    parser.buffer_text = True
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise Unreadable("Bandwidth's answer is not XML.") from None
    return builder.close()


def _errors(holder: Element, done: bool) -> tuple[dict[str, LineOutcome], LineOutcome | None]:
    """The errors of single numbers, and the first that names none."""
    named: dict[str, LineOutcome] = {}
    general = None
    for error in _error_elements(holder):
        code, text = _text(error, "Code"), _text(error, "Description")
        outcome = LineOutcome(_state(code, done), said(code), said(text))
        numbers = [_e164(each.text) for each in error.iter("TelephoneNumber")]
        for number in numbers:
            named.setdefault(number, outcome)
        if not numbers:
            general = general or outcome
    return named, general


def _error_elements(holder: Element) -> Iterator[Element]:
    for errors in holder.iter("ErrorList"):
        yield from errors.iterfind("Error")


def _state(code: str | None, done: bool) -> LineState:
    remedy = CODES.get(code or "", Remedy.REJECT)
    if remedy == Remedy.WAIT and not done:
        return LineState.SUBMITTED
    return LineState.REJECTED if remedy == Remedy.REJECT else LineState.QUEUED


def _text(element: Element, *tags: str) -> str | None:
    for tag in tags:
        text = (element.findtext(tag) or "").strip()
        if text:
            return text
    return None


def _e164(text: str | None) -> str:
    digits = (text or "").strip().removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15):
        raise Unreadable("Bandwidth answers for what is not a telephone number.")
    return f"+1{digits}" if len(digits) == 10 else f"+{digits}"
