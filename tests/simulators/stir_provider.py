"""A voice provider with certificates, that signs calls as a test asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from phonotary.clock import Instant
from phonotary.shaken import chains, identity_header, issuing, passport, tn_auth_list
from phonotary.shaken.chains import ValidChain
from phonotary.shaken.constraints import ClaimConstraints
from phonotary.shaken.issuing import Certified
from phonotary.shaken.passport import es256
from phonotary.shaken.trust import Trust

NOW = 1_790_000_000
ORIG, DEST = "12155551212", "12155551213"
ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
X5U = "https://certificates.example/owl/leaf.pem"
ROOT = issuing.root(NOW)
CA = issuing.sti_ca(ROOT, NOW, path_length=1)
TRUST = Trust((ROOT.certificate,))


@dataclass(frozen=True)
class Provider:
    """Signs whatever it is told to: a test decides what is wrong with it."""

    leaf: Certified
    above: tuple[Certified, ...] = (CA,)
    x5u: str = X5U

    @property
    def pem(self) -> bytes:
        return issuing.chain(self.leaf, *self.above)

    def valid(self, now: Instant = NOW, trust: Trust = TRUST) -> ValidChain:
        return chains.validate(self.pem, trust, now)

    def token(
        self, claims: Mapping[str, Any], header: Mapping[str, Any] | None = None, **changes: Any
    ) -> str:
        """Signed; ``changes`` to the PASSporT's header, where None leaves a member out."""
        said = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": self.x5u, **changes}
        return signed({k: v for k, v in said.items() if v is not None}, claims, self.leaf)

    def header(self, claims: Mapping[str, Any], ppt: str = "shaken") -> str:
        return identity_header.emit(self.token(claims, ppt=ppt), self.x5u, ppt)


def signed(header: Mapping[str, Any], claims: Mapping[str, Any], by: Certified) -> str:
    """A token whose header may say anything."""
    text = b".".join(es256.b64url(passport.canonical(part)) for part in (header, claims))
    signature = es256.to_raw(by.private_key.sign(text, es256.RANDOM))
    return f"{text.decode()}.{es256.b64url(signature).decode()}"


def provider(x5u: str = X5U, spc: str = "709J", now: Instant = NOW, **fields: Any) -> Provider:
    return Provider(issuing.leaf(CA, now, spc, **fields), x5u=x5u)


def customer(numbers: Iterable[str], x5u: str, claims: ClaimConstraints | None = None) -> Provider:
    """The holder of a delegate certificate (RFC 9060) for its own numbers."""
    entries = [tn_auth_list.One(one) for one in numbers]
    above = issuing.delegate_ca(CA, NOW, [tn_auth_list.Spc("709J")])
    leaf = issuing.delegate(above, NOW, entries, claims=claims)
    return Provider(leaf, (above, CA), x5u)


def shaken(**changes: Any) -> dict[str, Any]:
    """Claims of a good call; a change of None leaves a claim out."""
    claims = {
        "attest": "A",
        "dest": {"tn": [DEST]},
        "iat": NOW,
        "orig": {"tn": ORIG},
        "origid": ORIGID,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def diversion(frm: str, to: str, **changes: Any) -> dict[str, Any]:
    """Claims of a ``div`` PASSporT (RFC 8946)."""
    return {
        "dest": {"tn": [to]},
        "div": {"tn": frm},
        "iat": NOW,
        "orig": {"tn": ORIG},
        **changes,
    }
