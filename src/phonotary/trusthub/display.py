"""How a business is shown, as its approved products say it: one identity for every screen.

The short name is the CNAM product's (``cnam_information``); the long name, the logo and the reasons
of its calls are a Branded Calling product's (``branded_calls_information``). What is approved of
both is one identity: the databases of names are told its short name, rich call data all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from phonotary.clock import Instant
from phonotary.errors import Reason, Refused
from phonotary.trusthub import policies, standing
from phonotary.trusthub.privacy import asks_for_privacy
from phonotary.trusthub.records import Bundle, EndUser
from phonotary.trusthub.store import Store

INFORMATION = "branded_calls_information"
DIGEST = "branded_calls_logo_digest"
"""An attribute of ``branded_calls_information`` of ours: ``sha256-`` and the base64 of the logo's
bytes. The customer may give it with the URL; approval writes it where he did not."""
NAME = "branded_calls_display_name"
LONG_NAME = "branded_calls_long_display_name"
LOGO_URL = "branded_calls_logo_url"
REASON = "branded_calls_call_reason"

_TEXTS = (NAME, LONG_NAME, LOGO_URL, DIGEST)
_UNSEEN = (
    "The logo was not seen, and is not approved unseen: {because} In a sandbox its digest may be "
    f"given with it ({DIGEST})."
)
_OTHER = "The logo behind its URL is not the one that its digest is of."


@dataclass(frozen=True, slots=True)
class Filed:
    """What one ``branded_calls_information`` says, in plain values, each run of white space one
    space: what is vetted is what is signed. Empty texts are None."""

    name: str | None
    """``branded_calls_display_name``: the only name, or the short one beside a long one."""
    long_name: str | None
    logo_url: str | None
    logo_digest: str | None
    reasons: tuple[str, ...]
    """Why the business calls."""
    unread: tuple[str, ...] = ()
    """Attributes that hold something other than text, which is left out."""

    @property
    def longest_name(self) -> str | None:
        return self.long_name or self.name


@dataclass(frozen=True, slots=True)
class Logo:
    """What was found behind a logo's URL."""

    url: str
    digest: str | None
    """As :data:`DIGEST`; None where there is no usable logo."""
    because: str = ""
    """Why there is none, in one sentence or more."""
    reached: bool = True
    """Something was served there, usable or not."""
    excused: bool = False
    """Nothing was, and this is a sandbox, which may have no way there: a digest will do."""


@dataclass(frozen=True, slots=True)
class Displayed:
    """The identity that counts for a number now. Nothing in it: nobody approved one."""

    name15: str | None = None
    name_product_sid: str | None = None
    """The CNAM product that the short name is from."""
    filed: Filed | None = None
    product_sid: str | None = None
    """The Branded Calling product that the rest is from."""
    private: bool = False
    """The customer keeps its name from being shown."""


def filed(attributes: Mapping[str, Any]) -> Filed:
    """Read one end user's attributes. Several reasons are a list, or one text with semicolons
    between them: Twilio's field holds one text, and its limit is ten reasons."""
    given = attributes.get(REASON) or []
    each = given.split(";") if isinstance(given, str) else given
    listed = each if isinstance(each, list) else [each]
    texts = [one for one in listed if isinstance(one, str)]
    unread = [name for name in _TEXTS if not isinstance(attributes.get(name), str | None)]
    return Filed(
        name=_text(attributes, NAME),
        long_name=_text(attributes, LONG_NAME),
        logo_url=_text(attributes, LOGO_URL),
        # Programs that write base64 pad it; the claim is written without (RFC 9795 section 6).
        logo_digest=(_text(attributes, DIGEST) or "").removesuffix("=") or None,
        reasons=tuple(text for one in texts if (text := _plain(one))),
        unread=tuple(unread if len(texts) == len(listed) else [*unread, REASON]),
    )


def of_number(store: Store, on: Sequence[Bundle], now: Instant) -> Displayed:
    """The identity of a number that is on these bundles (``standing.bundles_with``)."""
    cnam = next(standing.speaking(store, on, frozenset({policies.CNAM}), now), None)
    speaking = standing.speaking(store, on, policies.BRANDED_CALLING, now)
    branded = next((each for each in speaking if each.display_approved), None)
    information = _information(store, branded.sid) if branded else None
    return Displayed(
        name15=standing.name_in(store, cnam) if cnam else None,
        name_product_sid=cnam.sid if cnam else None,
        filed=filed(information.attributes) if information else None,
        product_sid=branded.sid if branded else None,
        # As dips have it: also a product that counts for nothing else hides.
        private=any(b.policy_sid == policies.CNAM and asks_for_privacy(store, b) for b in on),
    )


def logo_url(store: Store, bundle: Bundle) -> str | None:
    """The logo that somebody has to look at before this bundle is decided."""
    information = _information(store, bundle.sid)
    return filed(information.attributes).logo_url if information else None


def is_settled(store: Store, bundle: Bundle, logo: Logo | None) -> bool:
    """Whether the bundle could be approved as far as its logo goes."""
    try:
        _pinned(store, bundle, logo)
    except Refused:
        return False
    return True


def pin(store: Store, bundle: Bundle, logo: Logo | None, now: Instant) -> None:
    """Write the digest of the logo into the record that is being approved: what is signed later is
    what was seen now, whatever its URL serves by then. Refused (NOT_COMPLIANT) where there is a
    logo that was not seen, unless a sandbox is excused by the digest that its customer gave."""
    pinned = _pinned(store, bundle, logo)
    if pinned is None:
        return
    information, digest = pinned
    attributes = {**information.attributes, DIGEST: digest}
    store.end_users.replace(replace(information, attributes=attributes, date_updated=now))


def _pinned(store: Store, bundle: Bundle, logo: Logo | None) -> tuple[EndUser, str] | None:
    """The end user and the digest it lacks; None where nothing has to be written."""
    information = _information(store, bundle.sid)
    said = filed(information.attributes) if information else None
    if information is None or said is None or said.logo_url is None:
        return None
    if logo is None or logo.url != said.logo_url:
        logo = Logo(said.logo_url, None, "nobody has looked at it yet.", reached=False)
    # A digest without its logo says nothing of whose face it is: only a sandbox lets it do.
    if logo.digest is None and not (logo.excused and said.logo_digest):
        raise Refused(Reason.NOT_COMPLIANT, _UNSEEN.format(because=logo.because))
    if said.logo_digest is None:
        return information, str(logo.digest)
    if logo.digest is not None and logo.digest != said.logo_digest:
        raise Refused(Reason.NOT_COMPLIANT, _OTHER)
    return None


def _information(store: Store, bundle_sid: str) -> EndUser | None:
    for assignment in store.entity_assignments.all(bundle_sid=bundle_sid):
        end_user = store.end_users.get(assignment.object_sid)
        if end_user and end_user.type == INFORMATION:
            return end_user
    return None


def _text(attributes: Mapping[str, Any], name: str) -> str | None:
    given = attributes.get(name)
    return _plain(given) or None if isinstance(given, str) else None


def _plain(text: str) -> str:
    return " ".join(text.split())
