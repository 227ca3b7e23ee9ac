"""Addresses in SIP: name-addr, sip, sips and tel URIs, and the telephone number in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote

import msgspec

from phonotary.shaken import uris

MAX_ADDRESS = 2_048

_NAME_ADDR = re.compile(
    r'[ \t]*+(?P<display>"(?:[^"\\]|\\.)*+"|[^"<>,;:]*+)[ \t]*+<(?P<uri>[^<>"\s]{1,1024}+)>'
    r"|[ \t]*+(?P<bare>[^<>\"\s;,?]{1,1024}+)",
)
_SIP = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@<>\s\":;]*+)(?P<more>[^@<>\s\"]*+)@)?+"
    r"(?P<host>\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._-]++)(?P<port>:[0-9]{1,5}+)?+"
    r"(?P<parameters>[;?][^<>\s\"]*+)?",
    re.IGNORECASE,
)
_TEL = re.compile(r"(?P<scheme>tel):(?P<user>[^@<>\s\";?]++)(?P<parameters>;[^<>\s\"]*+)?", re.I)
# A quote or a bracket that is not closed takes the rest, so that nothing is looked at twice.
_APART = re.compile(r'(?:"(?:[^"\\]|\\.)*+"?+|<[^>]*+>?+|[^,"<]++)++')
# RFC 3325 section 9.1 has two at most; whoever sends many wants us to be busy.
_MOST_ADDRESSES = 16
SCHEMES = ("sip", "sips", "tel")


class Address(msgspec.Struct, frozen=True):
    """One URI taken apart."""

    scheme: str
    """``sip``, ``sips`` or ``tel``."""
    user: str
    """The user, or the telephone number of a tel URI; no parameters, no password."""
    user_parameters: str
    """``;npdi;rn=+1...`` of the number inside a sip URI, or of the tel URI itself."""
    host: str
    """Host and port as written; empty for tel."""
    parameters: str
    """The sip URI's own parameters with their first ``;``; no headers, which belong to no header
    that is read or written here (RFC 3261 section 19.1.1)."""
    number: str | None
    """The telephone number as written, ``+`` kept, and with the country code that its
    ``phone-context`` gives; None when the user is not one.

    RFC 8224 section 8.3: a tel URI or ``user=phone`` says so; our policy for the rest is that a
    user of digits is a number, as trunks leave ``user=phone`` out.
    """

    @property
    def uri(self) -> str:
        """The URI without what was put beside its number."""
        at = f"{self.user}@" if self.user and self.host else self.user
        return f"{self.scheme}:{at}{self.host}{self.parameters}"

    def with_verstat(self, verstat: str) -> str:
        """The URI with 3GPP TS 24.229's ``verstat`` beside the number.

        It is a parameter of the number, so in a sip URI it stands before the ``@`` (RFC 3261
        section 19.1.6). Whatever the caller has put there to look like one is dropped.
        """
        more = f"{_plain(self.user_parameters)};verstat={verstat}"
        if self.scheme == "tel":
            return f"tel:{self.user}{more}"
        return f"{self.scheme}:{self.user}{more}@{self.host}{_plain(self.parameters)}"


def uri_in(value: str) -> str | None:
    """The URI in a From, To or P-Asserted-Identity value (its first address)."""
    found = _NAME_ADDR.match(value) if len(value) <= MAX_ADDRESS else None
    return (found["uri"] or found["bare"]) if found else None


@lru_cache(maxsize=8192)
def read(uri: str) -> Address | None:
    """A sip, sips or tel URI; None for every other text, and for a user with an escaped ``;``:
    whoever undoes the escape before parting reads parameters that nobody has judged.

    Remembered, for the Request-URI and To of one call are mostly the same text.
    """
    if not uri.isascii():
        return None
    found = _SIP.fullmatch(uri)
    if found:
        scheme, user, more, host, port, parameters = found.groups()
        user = user or ""
        if "%" in user and ";" in unquote(user):
            return None
        # A password (RFC 3261 section 19.1.1 advises against it) is not carried on.
        own = "" if more is None or not more.startswith(";") else more
        at = host + (port or "")
        parameters = (parameters or "").partition("?")[0]
        return Address(scheme.lower(), user, own, at, parameters, uris.number(user, own))
    found = _TEL.fullmatch(uri)
    if found and ";" not in unquote(found["user"]):
        user, own = found["user"], found["parameters"] or ""
        return Address("tel", user, own, "", "", uris.number(user, own))
    return None


def _plain(parameters: str) -> str:
    """Without any that says ``verstat``, escaped (RFC 3261 section 19.1.4) or not."""
    if "%" not in parameters and "verstat" not in parameters.lower():
        return parameters
    kept = [one for one in parameters.split(";")[1:] if "verstat" not in unquote(one).lower()]
    return "".join([f";{one}" for one in kept])


def of(value: str) -> Address | None:
    """The address in a header's value, or None when it holds none that we read."""
    uri = uri_in(value)
    return None if uri is None else read(uri)


def first_numbered(values: Iterable[str]) -> Address | None:
    """The first address with a telephone number, else the first one at all.

    P-Asserted-Identity may hold a sip and a tel URI, in two headers or one (RFC 3325 section 9.1).
    Of many addresses only the first few are looked at.
    """
    fallback: Address | None = None
    for one in islice((one for value in values for one in _split(value)), _MOST_ADDRESSES):
        address = of(one)
        if address is not None and address.number is not None:
            return address
        fallback = fallback or address
    return fallback


def _split(value: str) -> list[str]:
    """The comma-separated addresses of one value; a comma in a name or in ``<>`` does not part."""
    if "," not in value:
        return [value]
    return [one for one in _APART.findall(value) if one.strip()]
