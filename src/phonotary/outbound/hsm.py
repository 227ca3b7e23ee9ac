"""A private key that never leaves its HSM, through PKCS #11 and named by a URI of RFC 7512.

python-pkcs11 is the extra ``phonotary[pkcs11]``; it is loaded with the first key that needs it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote, unquote_to_bytes

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from phonotary.errors import Reason, Refused
from phonotary.outbound import hsm_library as library
from phonotary.outbound.secret_file import secret

if TYPE_CHECKING:
    import pkcs11

SCHEME = "pkcs11:"
_OCTETS = 32
_POINT = 1 + 2 * _OCTETS
_PATH = ("token", "object", "id", "serial", "type")
_QUERY = ("module-path", "pin-source")


class KeyUnusable(Refused):
    """The reference leads to no private key on P-256, or the key does not sign now.

    Nothing secret is in the sentence, but it names the token, for it is the operator's: whoever
    asked for a signature has made no mistake, and is told no more than that.
    """

    def __init__(self, because: str) -> None:
        super().__init__(Reason.UNAVAILABLE, because)


@dataclass(frozen=True, slots=True)
class HsmReference:
    """What a ``pkcs11:`` URI says."""

    module: str
    pin_file: Path
    token: str
    label: str | None = None
    id: bytes | None = None
    serial: str | None = None


def parse(uri: str) -> HsmReference:
    """RFC 7512. Attributes that are not understood are refused: one of them might have told this
    key from another. A PIN in the URI itself is refused, for URIs are printed and logged."""
    path, _, query = uri.removeprefix(SCHEME).partition("?")
    found = dict(_attributes(path, ";", _PATH)) | dict(_attributes(query, "&", _QUERY))
    for name in ("token", "module-path", "pin-source"):
        if name not in found:
            raise KeyUnusable(f"The pkcs11 URI has no {name}.")
    if "object" not in found and "id" not in found:
        raise KeyUnusable("The pkcs11 URI names no key: give object or id.")
    if found.get("type", "private") != "private":
        raise KeyUnusable("The pkcs11 URI names no private key.")
    return HsmReference(
        module=unquote(found["module-path"]),
        pin_file=Path(unquote(found["pin-source"]).removeprefix("file:")),
        token=unquote(found["token"]),
        label=unquote(found["object"]) if "object" in found else None,
        id=unquote_to_bytes(found["id"]) if "id" in found else None,
        serial=unquote(found["serial"]) if "serial" in found else None,
    )


class _Mine(threading.local):
    """What a thread has of its own."""

    session: pkcs11.Session | None = None
    key: Any = None


class HsmKey(ec.EllipticCurvePrivateKey):
    """A P-256 key in an HSM. Each thread that signs has a session of its own, and a token's
    sessions share its log-in. A session that fails is opened again once."""

    def __init__(self, reference: HsmReference) -> None:
        self._reference = reference
        self._mine = _Mine()
        with _told(reference.token):
            library.loaded(reference.module)
            with library.turn(reference.module):
                self._public = self._open()

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """DER of the signature. Raises KeyUnusable when the HSM does not sign."""
        digest = _digest(bytes(data), signature_algorithm)
        with _told(self._reference.token), library.turn(self._reference.module):
            raw = self._raw(digest)
        r, s = raw[:_OCTETS], raw[_OCTETS:]
        return utils.encode_dss_signature(int.from_bytes(r), int.from_bytes(s))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._public.curve

    @property
    def key_size(self) -> int:
        return self._public.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        raise KeyUnusable("A key in an HSM only signs.")

    def private_numbers(self) -> NoReturn:
        raise KeyUnusable("A key in an HSM does not leave it.")

    def private_bytes(self, encoding: Any, format: Any, encryption_algorithm: Any) -> NoReturn:
        raise KeyUnusable("A key in an HSM does not leave it.")

    def __copy__(self) -> HsmKey:
        return self

    def __deepcopy__(self, memo: dict) -> HsmKey:
        return self

    def close(self) -> None:
        """End this thread's session; its next signature opens another."""
        with library.turn(self._reference.module):
            self._close()

    def _raw(self, digest: bytes) -> bytes:
        """r and s, 32 octets each (PKCS #11, CKM_ECDSA). HSMs have many words for a session that is
        of no use any more, so after any fault but a lasting one another is opened, once; what fails
        in that one as well is not kept for the next signature."""
        import pkcs11

        if self._mine.key is not None:
            try:
                return self._signed(digest)
            except pkcs11.PKCS11Error as fault:
                self._close()
                if isinstance(fault, _lasting()):
                    raise
        self._open()
        try:
            return self._signed(digest)
        except pkcs11.PKCS11Error:
            self._close()
            raise

    def _signed(self, digest: bytes) -> bytes:
        import pkcs11

        raw = bytes(self._mine.key.sign(digest, mechanism=pkcs11.Mechanism.ECDSA))
        if len(raw) != 2 * _OCTETS:
            raise KeyUnusable("The HSM's signature is not one of P-256.")
        return raw

    def _open(self) -> ec.EllipticCurvePublicKey:
        """A PIN that was refused is not tried again until its file holds another: a token counts,
        and locks itself after a few."""
        import pkcs11

        reference = self._reference
        pin = _pin(reference.pin_file)
        token = reference.module, reference.token, reference.serial or ""
        with library.pin_tried(pin, *token):
            session = _session(reference, pin)
        try:
            key = _only(session, reference, pkcs11.ObjectClass.PRIVATE_KEY)
            public = _public(_only(session, reference, pkcs11.ObjectClass.PUBLIC_KEY))
        except BaseException:
            session.close()
            raise
        self._mine.session, self._mine.key = session, key
        return public

    def _close(self) -> None:
        import pkcs11

        mine = self._mine
        session, mine.session, mine.key = mine.session, None, None
        if session is not None:
            with contextlib.suppress(pkcs11.PKCS11Error):
                session.close()


def _attributes(text: str, separator: str, known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for part in text.split(separator) if text else ():
        name, equals, value = part.partition("=")
        if name == "pin-value":
            raise KeyUnusable("A PIN does not belong in a pkcs11 URI; name its file by pin-source.")
        if not equals or name not in known:
            raise KeyUnusable(f"The pkcs11 URI has an attribute that is not known: {name[:40]}.")
        yield name, value


def _digest(data: bytes, algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
    if not isinstance(algorithm, ec.ECDSA) or not isinstance(algorithm.algorithm, hashes.SHA256):
        raise KeyUnusable("A key on P-256 signs ECDSA with SHA-256 here.")
    digest = hashes.Hash(hashes.SHA256())
    digest.update(data)
    return digest.finalize()


def _session(reference: HsmReference, pin: str) -> pkcs11.Session:
    """An open session, logged in."""
    import pkcs11

    chosen: dict[str, Any] = {"token_label": reference.token}
    if reference.serial is not None:
        chosen["token_serial"] = reference.serial.encode()
    session = library.loaded(reference.module).get_token(**chosen).open()
    try:
        library.log_in(reference.module, session, pin)
    except pkcs11.PKCS11Error:
        session.close()
        raise
    return session


def _pin(path: Path) -> str:
    try:
        return secret(path)
    except Refused as fault:
        raise KeyUnusable(f"The PIN's file is of no use: {fault.because}") from None


def _only(session: pkcs11.Session, reference: HsmReference, kind: pkcs11.ObjectClass) -> Any:
    """The one object of this kind that the reference names; the public key lies beside the private
    one, under the same names."""
    import pkcs11

    wanted: dict[pkcs11.Attribute, Any] = {pkcs11.Attribute.CLASS: kind}
    if reference.label is not None:
        wanted[pkcs11.Attribute.LABEL] = reference.label
    if reference.id is not None:
        wanted[pkcs11.Attribute.ID] = reference.id
    # To its end: a search that is left open is closed too late, when the session is gone.
    found = list(session.get_objects(wanted))
    if len(found) != 1:
        raise KeyUnusable(
            f"The token {reference.token} does not hold exactly one key pair of that name."
        )
    return found[0]


def _public(key: Any) -> ec.EllipticCurvePublicKey:
    import pkcs11

    point = bytes(key[pkcs11.Attribute.EC_POINT])
    # PKCS #11 2.20 wraps the point in an OCTET STRING; some tokens leave the wrapping out.
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point[-_POINT:])
    except ValueError as fault:
        raise KeyUnusable("The HSM's key is not on P-256, which ES256 needs.") from fault


def _lasting() -> tuple[type[Exception], ...]:
    """What another session would meet again: it is about the PIN, the key or the mechanism."""
    import pkcs11

    return (
        *library.pin_refused(),
        pkcs11.PinLocked,
        pkcs11.PinExpired,
        pkcs11.UserPinNotInitialized,
        pkcs11.KeySizeRange,
        pkcs11.KeyTypeInconsistent,
        pkcs11.MechanismInvalid,
        pkcs11.MechanismParamInvalid,
    )


@contextlib.contextmanager
def _told(token: str) -> Iterator[None]:
    """PKCS #11's errors in one sentence each; the kind says enough, and holds no secret."""
    try:
        import pkcs11
    except ImportError as fault:
        raise KeyUnusable(
            "Keys in an HSM need python-pkcs11; install phonotary[pkcs11]."
        ) from fault
    try:
        yield
    except library.PinKnownRefused as fault:
        raise KeyUnusable(f"The PIN is not that of the token {token}.") from fault
    except library.pin_refused() as fault:
        raise KeyUnusable(f"The PIN is not that of the token {token}.") from fault
    except pkcs11.PinLocked as fault:
        raise KeyUnusable(f"The PIN of the token {token} is locked; unlock it first.") from fault
    except pkcs11.NoSuchToken as fault:
        raise KeyUnusable(f"The HSM's library knows no token {token}.") from fault
    except (pkcs11.PKCS11Error, RuntimeError, OSError) as fault:
        kind = type(fault).__name__
        raise KeyUnusable(f"The HSM with the token {token} does not answer: {kind}.") from fault
