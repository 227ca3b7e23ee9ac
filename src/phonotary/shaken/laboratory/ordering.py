"""A client's way through ACME with an authority token, as steps without a network.

``obtain`` is a generator: it yields what to send and takes what was received, so one procedure
serves the HTTP client, a hub that enrols with its own laboratory, and tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from phonotary.errors import Reason, Refused
from phonotary.shaken import jose, tn_auth_list
from phonotary.shaken.laboratory import csr, tokens
from phonotary.shaken.laboratory.problems import URN
from phonotary.shaken.laboratory.profiles import Profile

NONCES = 3
"""Times a request is sent again with a new nonce."""
POLLS = 30
"""Times a status is asked for before the client gives up."""
_LONGEST_WAIT = 30


class Declined(Refused):
    """The CA said no. ``kind`` is the last part of the problem's type, ``""`` without one."""

    def __init__(self, because: str, kind: str = "", status: int = 0) -> None:
        super().__init__(Reason.UNAVAILABLE, because)
        self.kind = kind
        self.status = status


@dataclass(frozen=True, slots=True)
class Wanted:
    """The certificate asked for, and how this CA reads the RFCs."""

    scope: bytes
    """DER of the TN Authorization List."""
    organisation: str
    common_name: str
    profile: Profile
    ca: bool = False
    """A provider's own CA, which certifies delegates (RFC 9060)."""
    contact: tuple[str, ...] = ()
    agree_terms: bool = False
    """Whoever asks has read the CA's terms of service and agrees."""


@dataclass(frozen=True, slots=True)
class Send:
    """One request; ``body`` None is a GET of the directory or a HEAD for a nonce."""

    method: str
    url: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds until the next request."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Received:
    """One answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def document(self) -> dict[str, Any]:
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as fault:
            raise Declined("The CA's answer is not JSON.") from fault
        if not isinstance(value, dict):
            raise Declined("The CA's answer is not a JSON object.")
        return value


Steps = Generator[Send | Wait, Received | None, bytes]
Token = Callable[[dict[str, Any]], str]
"""Gets a token for an ``atc`` claim from the STI-PA."""


def received(status: int, headers: Mapping[str, str], document: Mapping[str, Any]) -> Received:
    return Received(status, headers, json.dumps(document).encode())


def driven(
    steps: Steps,
    send: Callable[[Send], Received],
    wait: Callable[[int], None] = lambda seconds: None,
) -> bytes:
    """Run the steps to their end: the chain in PEM, leaf first."""
    answer: Received | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            chain: bytes = end.value
            return chain
        if isinstance(step, Wait):
            wait(step.seconds)
            answer = None
        else:
            answer = send(step)


def obtain(
    directory: str,
    wanted: Wanted,
    *,
    account_key: ec.EllipticCurvePrivateKey,
    certificate_key: ec.EllipticCurvePrivateKey,
    token: Token,
) -> Steps:
    """Account, order, challenge, finalize, download. Raises Declined with the CA's own reason."""
    talk = _Conversation(account_key)
    yield from talk.open(directory, wanted)
    value = wanted.profile.value(wanted.scope)
    asked = {"identifiers": [{"type": tokens.TYPE, "value": value}]}
    answer = yield from talk.post(talk.place("newOrder"), asked)
    order, location = answer.document(), _location(answer)
    for url in _texts(order, "authorizations"):
        yield from _authorize(talk, url, wanted, value, token)
    order = yield from talk.until(location, ("ready", "valid"))
    if order["status"] == "ready":
        request = csr.make(
            certificate_key,
            wanted.scope,
            wanted.organisation,
            wanted.common_name,
            ca=wanted.ca,
        )
        yield from talk.post(_text(order, "finalize"), {"csr": jose.b64(request)})
        order = yield from talk.until(location, ("valid",))
    answer = yield from talk.post(_text(order, "certificate"), None)
    _require_ours(answer.body, certificate_key, wanted)
    return answer.body


def _authorize(
    talk: _Conversation, url: str, wanted: Wanted, value: str, token: Token
) -> Generator[Send | Wait, Received | None, None]:
    """Answer the token challenge, and wait until the CA has judged the token."""
    authorization = (yield from talk.post(url, None)).document()
    if authorization.get("status") == "valid":
        return
    for challenge in authorization.get("challenges", ()):
        if challenge.get("type") == "tkauth-01" and challenge.get("tkauth-type") == "atc":
            claim = tokens.atc(value, talk.key.public_key(), ca=wanted.ca)
            response = {wanted.profile.response_member: token(claim)}
            judged = (yield from talk.post(_text(challenge, "url"), response)).document()
            if judged.get("status") == "invalid":
                raise _told(judged.get("error"), "The CA refused the token")
            yield from talk.until(url, ("valid",))
            return
    raise Declined("The CA offers no authority token challenge (tkauth-01, atc).")


class _Conversation:
    """Nonces, the account, and every request signed (RFC 8555 section 6)."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self.key = key
        self._places: dict[str, Any] = {}
        self._nonce: str | None = None
        self._account: str | None = None

    def place(self, name: str) -> str:
        return _text(self._places, name)

    def open(self, directory: str, wanted: Wanted) -> Generator[Send | Wait, Received | None, None]:
        """The directory, and the account of this key: a new one or the one there is."""
        answer = yield from self._sent(Send("GET", directory))
        if answer.status != 200:
            raise Declined(f"The CA's directory answers {answer.status}.", status=answer.status)
        self._places = answer.document()
        asked: dict[str, Any] = {}
        terms = self._places.get("meta", {}).get("termsOfService")
        if terms and not wanted.agree_terms:
            raise Declined(f"The CA asks to agree to its terms of service, {terms}.")
        if terms:
            asked["termsOfServiceAgreed"] = True
        if wanted.contact:
            asked["contact"] = list(wanted.contact)
        self._account = _location((yield from self.post(self.place("newAccount"), asked)))

    def post(
        self, url: str, payload: Mapping[str, Any] | None
    ) -> Generator[Send | Wait, Received | None, Received]:
        """A signed request; ``payload`` None is a POST-as-GET. A nonce that the CA has forgotten
        is replaced, a few times (RFC 8555 section 6.5)."""
        content = b"" if payload is None else json.dumps(payload).encode()
        for _ in range(NONCES):
            if self._nonce is None:
                yield from self._sent(Send("HEAD", self.place("newNonce")))
            body = jose.sign_flattened(self.key, self._header(url), content)
            answer = yield from self._sent(Send("POST", url, body))
            if answer.status < 400:
                return answer
            refusal = _told(_problem(answer), "The CA refused", answer.status)
            if refusal.kind != "badNonce":
                raise refusal
        raise Declined(f"The CA refused {NONCES} nonces one after the other.", "badNonce")

    def until(
        self, url: str, wanted: tuple[str, ...]
    ) -> Generator[Send | Wait, Received | None, dict[str, Any]]:
        """The resource once its status is a wanted one; polls a bounded number of times."""
        for turn in range(POLLS):
            answer = yield from self.post(url, None)
            document = answer.document()
            status = document.get("status")
            if status in wanted:
                return document
            if status not in ("pending", "processing", "ready"):
                raise _told(_failure(document), f"The CA says {status}")
            yield Wait(_pause(answer.headers.get("retry-after", ""), turn))
        raise Declined(f"The CA did not come to a decision in {POLLS} polls; try again later.")

    def _header(self, url: str) -> dict[str, Any]:
        nonce, self._nonce = self._nonce, None
        if nonce is None:
            raise Declined("The CA gives no nonces.")
        header: dict[str, Any] = {"nonce": nonce, "url": url}
        if self._account is None:
            return {**header, "jwk": jose.jwk(self.key.public_key())}
        return {**header, "kid": self._account}

    def _sent(self, asked: Send) -> Generator[Send | Wait, Received | None, Received]:
        answer = yield asked
        assert answer is not None, "a request is answered"
        self._nonce = answer.headers.get("replay-nonce", self._nonce)
        return answer


def _problem(answer: Received) -> object:
    try:
        return answer.document()
    except Declined:
        return None


def _told(problem: object, what: str, status: int = 0) -> Declined:
    """A problem document in one sentence; a status in its place when there is none."""
    found: dict[str, Any] = problem if isinstance(problem, dict) else {}
    kind = str(found.get("type", "")).removeprefix(URN)[:80]
    said = str(found.get("detail") or kind or status or "without a reason")[:500]
    return Declined(f"{what}: {said}", kind, status)


def _failure(document: Mapping[str, Any]) -> object:
    """Why an order or an authorization ended: its own error, or its challenge's."""
    errors = [one.get("error") for one in document.get("challenges", ())]
    return next((one for one in (document.get("error"), *errors) if one), None)


def _pause(retry_after: str, turn: int) -> int:
    """Seconds: as the CA says, else one, two, four and so on, within reason."""
    wanted = int(retry_after) if retry_after.isdecimal() else 1 << min(turn, 4)
    return max(1, min(wanted, _LONGEST_WAIT))


def _location(answer: Received) -> str:
    place = answer.headers.get("location")
    if not place:
        raise Declined("The CA does not say where it put what it made.")
    return place


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise Declined(f"The CA's answer has no {name}.")
    return value


def _texts(document: Mapping[str, Any], name: str) -> list[str]:
    value = document.get(name)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Declined(f"The CA's answer has no {name}.")
    return value[:8]


def _require_ours(chain: bytes, key: ec.EllipticCurvePrivateKey, wanted: Wanted) -> None:
    """The certificate is for our key and exactly the scope that was ordered, a CA's or not."""
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
        found = leaf.extensions.get_extension_for_oid(tn_auth_list.EXTENSION).value.public_bytes()
        ca = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        ours = jose.spki(key.public_key()) == jose.spki(leaf.public_key())  # type: ignore[arg-type]
    except (ValueError, x509.ExtensionNotFound) as fault:
        raise Declined("The CA's certificate chain cannot be read.") from fault
    if not ours or found != wanted.scope or ca is not wanted.ca:
        raise Declined("The CA's certificate is not for the key and the list that were ordered.")
