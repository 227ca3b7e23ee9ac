"""How certification authorities read RFC 9447 and 9448: one row for each reading, as data."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from phonotary.errors import Reason, Refused
from phonotary.shaken import jose


@dataclass(frozen=True, slots=True)
class Profile:
    """What differs between one STI-CA and another."""

    name: str
    response_member: str = "tkauth"
    """The member of a challenge's response that holds the token (RFC 9448 section 4)."""
    padded: bool = False
    """The identifier's value is standard base64 with padding, not base64url without."""
    account_key_certifies: bool = False
    """The ACME account's key is the certificate's key too. RFC 8555 section 11.1 forbids it."""

    def value(self, der: bytes) -> str:
        """A TN Authorization List as the identifier's and the token's value."""
        return base64.b64encode(der).decode() if self.padded else jose.b64(der)

    def der(self, value: str) -> bytes:
        """The list's DER. Raises Refused (INVALID_PARAMETER) when it is written otherwise."""
        try:
            if self.padded:
                return base64.b64decode(value.encode(), validate=True)
            return jose.unb64(value)
        except (binascii.Error, ValueError) as fault:
            form = "base64 with padding" if self.padded else "base64url without padding"
            raise Refused(
                Reason.INVALID_PARAMETER, f"The identifier's value is not {form}."
            ) from fault


RFC9448 = Profile("rfc9448")
# As its own toolkit (stir-shaken-toolkit 1.0.2) speaks to it.
PEERINGHUB = Profile("peeringhub", "atc", padded=True, account_key_certifies=True)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (RFC9448, PEERINGHUB)}
)
