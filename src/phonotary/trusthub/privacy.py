"""Whether a customer keeps the name of its numbers from being shown."""

from __future__ import annotations

from phonotary.trusthub import policies, standing
from phonotary.trusthub.records import Bundle
from phonotary.trusthub.store import Store

VISIBILITY = "cnam_visibility"
"""An attribute of ``cnam_information`` of ours, Twilio having none: ``private`` keeps the name from
being shown, ``public`` or nothing shows it. Bandwidth's LIDB orders call it Visibility."""
_PUBLIC = "public"


def is_private(store: Store, phone_number: str) -> bool:
    """Whether any CNAM product that the number is on asks for privacy: one that does is heeded."""
    number = store.numbers.first(phone_number=phone_number)
    for product in standing.bundles_with(store, number) if number else ():
        if product.policy_sid == policies.CNAM and asks_for_privacy(store, product):
            return True
    return False


def asks_for_privacy(store: Store, product: Bundle) -> bool:
    """Whether this CNAM product does."""
    for assignment in store.entity_assignments.all(bundle_sid=product.sid):
        end_user = store.end_users.get(assignment.object_sid)
        if end_user and hides(end_user.attributes.get(VISIBILITY)):
            return True
    return False


def hides(given: object) -> bool:
    """Whether this value of :data:`VISIBILITY` keeps the name from being shown. An evaluation finds
    fault with what is neither of the two; where it is stored all the same, whoever wrote it asked
    for something, and a name that was shown cannot be taken back."""
    each = given if isinstance(given, list) else [given]
    said = [str(one).strip().lower() for one in each if one is not None]
    return any(one not in ("", _PUBLIC) for one in said)
