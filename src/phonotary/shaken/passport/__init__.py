"""PASSporTs: the signed token of RFC 8225, and its kinds of RFC 8588, 8946 and 9795.

No general JWT library is used: RFC 8225 section 9 fixes every byte of the header and the claims,
and a library that writes JSON its own way would break the signature's meaning.

What is named here is public; :mod:`reading` takes a token apart, :mod:`writing` makes one.
"""

from phonotary.shaken.passport.contents import MAX_DESTS, Finding, Identity, Passport
from phonotary.shaken.passport.reading import (
    MAX_TOKEN,
    SignatureMismatch,
    check,
    compact,
    expand,
    read,
    verify,
)
from phonotary.shaken.passport.writing import (
    SigningKey,
    base_payload,
    canonical,
    div_payload,
    payload,
    rcd_payload,
    shaken_payload,
    sign,
)

__all__ = [
    "MAX_DESTS",
    "MAX_TOKEN",
    "Finding",
    "Identity",
    "Passport",
    "SignatureMismatch",
    "SigningKey",
    "base_payload",
    "canonical",
    "check",
    "compact",
    "div_payload",
    "expand",
    "payload",
    "rcd_payload",
    "read",
    "shaken_payload",
    "sign",
    "verify",
]
