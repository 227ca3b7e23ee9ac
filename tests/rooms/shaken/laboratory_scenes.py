"""A laboratory in memory, and a client of it that says every request by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.shaken import issuing, jose, tn_auth_list
from phonotary.shaken.laboratory import csr, tokens
from phonotary.shaken.laboratory.acme import Reply, Server
from phonotary.shaken.laboratory.book import Kept
from phonotary.shaken.laboratory.laboratory import ACME, Laboratory
from phonotary.shaken.laboratory.policy_administrator import Member
from phonotary.shaken.laboratory.problems import URN

NOW = 1_795_000_000
ORIGIN = "http://127.0.0.1:8080"
OWL = Member("owl", "a password of the owls", ("709J",))
ANY = Member("anybody", "another password")
SCOPE = tn_auth_list.encode([tn_auth_list.Spc("709J")])


@dataclass
class InMemory:
    """Kept as long as the process lives."""

    text: str | None = None

    def read(self) -> str | None:
        return self.text

    def write(self, text: str) -> None:
        self.text = text


def laboratory(kept: Kept | None = None, origin: str = ORIGIN, **options: Any) -> Laboratory:
    return Laboratory(kept or InMemory(), origin, NOW, [OWL, ANY], **options)


@dataclass
class Client:
    """One ACME account's view of a server."""

    laboratory: Laboratory
    path: str = ACME
    key: ec.EllipticCurvePrivateKey = field(default_factory=issuing.new_key)
    now: int = NOW
    kid: str | None = None

    @property
    def server(self) -> Server:
        return self.laboratory.servers[self.path]

    def url(self, name: str) -> str:
        return f"{self.server.base}/{name}"

    def send(
        self, to: str, payload: Mapping[str, Any] | None, **header: Any
    ) -> tuple[Reply, dict[str, Any]]:
        """``header`` is written over the usual one; None takes a member out."""
        usual: dict[str, Any] = {"nonce": self.server.nonce(self.now), "url": to}
        if self.kid is None:
            usual["jwk"] = jose.jwk(self.key.public_key())
        else:
            usual["kid"] = self.kid
        whole = {name: one for name, one in {**usual, **header}.items() if one is not None}
        content = b"" if payload is None else json.dumps(payload).encode()
        reply = self.server.post(to, jose.sign_flattened(self.key, whole, content), self.now)
        return reply, json.loads(reply.body) if "json" in reply.media and reply.body else {}

    def opened(self) -> Client:
        reply, _ = self.send(self.url("new-account"), {})
        self.kid = dict(reply.headers)["location"]
        return self

    def ordered(self, scope: bytes = SCOPE) -> dict[str, Any]:
        """A new order, with its own URL as ``url``."""
        value = self.server.profile.value(scope)
        identifiers = [{"type": "TNAuthList", "value": value}]
        reply, order = self.send(self.url("new-order"), {"identifiers": identifiers})
        assert reply.status == 201, order
        return {**order, "url": dict(reply.headers)["location"]}

    def claim(self, scope: bytes = SCOPE) -> dict[str, Any]:
        return tokens.atc(self.server.profile.value(scope), self.key.public_key())

    def token(self, spc: str = "709J", claim: Mapping[str, Any] | None = None) -> str:
        return self.laboratory.sti_pa.vouch(claim or self.claim(), spc, self.now)

    def challenge(self, order: Mapping[str, Any]) -> dict[str, Any]:
        _, authorization = self.send(order["authorizations"][0], None)
        (one,) = authorization["challenges"]
        return dict(one)

    def respond(self, order: Mapping[str, Any], token: object) -> dict[str, Any]:
        """The challenge after this token was sent."""
        member = self.server.profile.response_member
        reply, judged = self.send(self.challenge(order)["url"], {member: token})
        assert reply.status == 200, judged
        return judged

    def finalize(
        self,
        order: Mapping[str, Any],
        key: ec.EllipticCurvePrivateKey | None = None,
        scope: bytes = SCOPE,
    ) -> tuple[Reply, dict[str, Any]]:
        request = csr.make(key or issuing.new_key(), scope, "Owl Telecom", "SHAKEN 709J")
        return self.send(order["finalize"], {"csr": jose.b64(request)})

    def certified(self, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
        """A chain, by the whole way."""
        order = self.ordered()
        assert self.respond(order, self.token())["status"] == "valid"
        reply, order = self.finalize(order, key)
        assert reply.status == 200, order
        return self.send(order["certificate"], None)[0].body


def kind(document: Mapping[str, Any]) -> str:
    """The problem's type without its prefix."""
    return str(document["type"]).removeprefix(URN)
