"""Certificate signing requests: what a SHAKEN end entity asks for (RFC 9448, ATIS-1000080), and a
provider that certifies delegates (RFC 9060)."""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from phonotary.shaken import tn_auth_list
from phonotary.shaken.laboratory.problems import Kind, Problem


def make(
    key: ec.EllipticCurvePrivateKey,
    scope: bytes,
    organisation: str,
    common_name: str,
    *,
    ca: bool = False,
) -> bytes:
    """DER of a request for ``scope``, the DER of a TN Authorization List; ``ca`` asks for a CA's
    certificate, which certifies no further CA."""
    attributes = (
        (NameOID.COUNTRY_NAME, "US"),
        (NameOID.ORGANIZATION_NAME, organisation),
        (NameOID.COMMON_NAME, common_name),
    )
    name = x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])
    draft = x509.CertificateSigningRequestBuilder().subject_name(name)
    draft = draft.add_extension(
        x509.UnrecognizedExtension(tn_auth_list.EXTENSION, scope), critical=False
    )
    if ca:
        draft = draft.add_extension(x509.BasicConstraints(True, 0), critical=True)
    return draft.sign(key, SHA256()).public_bytes(Encoding.DER)


def check(
    der: bytes,
    scope: bytes,
    ca: bool,
    is_account_key: Callable[[ec.EllipticCurvePublicKey], bool],
) -> tuple[ec.EllipticCurvePublicKey, str | None]:
    """The key to certify and the organisation the request names.

    Raises Problem (badCSR) unless it is signed by its own P-256 key, asks for exactly the order's
    list, for a CA where the token says ``ca`` and only there (RFC 9448), and that key is not an
    ACME account's (RFC 8555 section 11.1).
    """
    try:
        request = x509.load_der_x509_csr(der)
        key, signed = request.public_key(), request.is_signature_valid
        wanted, for_ca = _scope(request), _for_ca(request)
        organisations = request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    except Exception as fault:
        # cryptography tells of bad ASN.1, names and keys in many kinds of exception.
        raise _bad("it is not a PKCS #10 request that can be read") from fault
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise _bad("its key is not on P-256")
    if not signed:
        raise _bad("its own key has not signed it")
    if wanted != scope:
        raise _bad("its TN Authorization List is not the order's")
    if for_ca is not ca:
        raise _bad(f"it is {'' if for_ca else 'not '}for a CA, and the token says otherwise")
    if is_account_key(key):
        raise _bad("its key is the key of an ACME account")
    return key, str(organisations[0].value) if organisations else None


def _scope(request: x509.CertificateSigningRequest) -> bytes | None:
    try:
        extension = request.extensions.get_extension_for_oid(tn_auth_list.EXTENSION)
    except x509.ExtensionNotFound:
        return None
    return extension.value.public_bytes()


def _for_ca(request: x509.CertificateSigningRequest) -> bool:
    try:
        return request.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _bad(what: str) -> Problem:
    return Problem(Kind.BAD_CSR, f"The certificate signing request is refused: {what}.")
