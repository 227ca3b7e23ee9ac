"""The indirect list: an entry is an issuer and a serial, and the issuer may stand entries above."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from phonotary.shaken import issuing
from phonotary.shaken.paths import Defect, Untrusted, name_key
from phonotary.shaken.revocations import MAX_BYTES, read_crl

NOW = 1_790_000_000
DAY = 86_400
ROOT = issuing.root(NOW, subject=issuing.name("Policy administrator", "SHAKEN PA ROOT"))
PA = issuing.sti_pa(ROOT, NOW)
ONE = issuing.name("One", "SHAKEN One CA")
TWO = issuing.name("Two", "SHAKEN Two CA")
ENTRIES = [(ONE, 5), (ONE, 6), (TWO, 7), (ONE, 8), (PA.name, 9)]


def key(name: x509.Name, serial: int) -> tuple[bytes, int]:
    return name_key(name), serial


@pytest.mark.parametrize("carried", [True, False])
def test_an_issuer_is_carried_forward_to_the_entries_that_name_none(carried: bool) -> None:
    found = read_crl(issuing.crl(PA, NOW, ENTRIES, carried=carried), PA.certificate, NOW)
    assert found.revoked == {key(name, serial) for name, serial in ENTRIES}


def test_the_first_entries_without_an_issuer_are_the_lists_own() -> None:
    found = read_crl(issuing.crl(PA, NOW, [(PA.name, 1), (ONE, 2)]), PA.certificate, NOW)
    assert found.revoked == {key(PA.name, 1), key(ONE, 2)}


def test_the_same_serial_of_another_issuer_is_not_revoked() -> None:
    found = read_crl(issuing.crl(PA, NOW, [(ONE, 5)]), PA.certificate, NOW)
    assert found.is_revoked([key(ONE, 5)])
    assert found.is_revoked([key(TWO, 1), key(ONE, 5)])
    assert not found.is_revoked([key(TWO, 5), key(ONE, 50), key(PA.name, 5)])


def test_an_issuer_spelled_otherwise_is_the_same_issuer() -> None:
    spelled = issuing.name("ONE", "shaken  one CA")
    found = read_crl(issuing.crl(PA, NOW, [(spelled, 5)]), PA.certificate, NOW)
    assert found.is_revoked([key(ONE, 5)])


def test_a_list_says_how_long_it_speaks() -> None:
    found = read_crl(issuing.crl(PA, NOW, [], days=2), PA.certificate, NOW + DAY)
    assert (found.this_update, found.next_update) == (NOW, NOW + 2 * DAY)
    assert found.revoked == frozenset()
    assert not found.stale(NOW + 2 * DAY)
    assert found.stale(NOW + 2 * DAY + 1)


def test_pem_is_read_as_der_is() -> None:
    der = issuing.crl(PA, NOW, ENTRIES)
    pem = x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)
    assert read_crl(pem, PA.certificate, NOW) == read_crl(der, PA.certificate, NOW)


def drafted(
    *extensions: tuple[x509.ExtensionType, bool],
    entry: x509.RevokedCertificate | None = None,
    name: x509.Name = PA.name,
) -> bytes:
    draft = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name)
        .last_update(datetime.fromtimestamp(NOW, UTC))
        .next_update(datetime.fromtimestamp(NOW + DAY, UTC))
    )
    for value, critical in extensions:
        draft = draft.add_extension(value, critical)
    if entry is not None:
        draft = draft.add_revoked_certificate(entry)
    return draft.sign(PA.private_key, SHA256()).public_bytes(Encoding.DER)


def entry(value: x509.ExtensionType) -> x509.RevokedCertificate:
    return (
        x509.RevokedCertificateBuilder()
        .serial_number(5)
        .revocation_date(datetime.fromtimestamp(NOW, UTC))
        .add_extension(value, critical=True)
        .build()
    )


def partial(**covered: bool) -> bytes:
    kinds = "user_certs ca_certs attribute_certs".split()
    point = x509.IssuingDistributionPoint(
        full_name=None,
        relative_name=None,
        only_some_reasons=None,
        indirect_crl=False,
        **{f"only_contains_{kind}": covered.get(kind, False) for kind in kinds},
    )
    return drafted((point, True))


def impostor() -> bytes:
    return issuing.crl(issuing.sti_pa(ROOT, NOW), NOW, ENTRIES)


ODD = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
BAD, STALE, LARGE = Defect.BAD_REVOCATION_LIST, Defect.STALE_REVOCATION_LIST, Defect.TOO_LARGE
LISTS: dict[str, tuple[Defect, Callable[[], bytes]]] = {
    "not DER": (BAD, lambda: b"junk"),
    "nothing": (BAD, lambda: b""),
    "not PEM": (BAD, lambda: b"-----BEGIN X509 CRL-----\n"),
    "cut short": (BAD, lambda: issuing.crl(PA, NOW, ENTRIES)[:-9]),
    "one byte changed": (
        BAD,
        lambda: issuing.crl(PA, NOW, ENTRIES).replace(b"\x02\x01\x07", b"\x02\x01\x06"),
    ),
    "signed by another of the same name": (BAD, impostor),
    "of another issuer": (BAD, lambda: issuing.crl(ROOT, NOW, ENTRIES)),
    "of another name, signed with the right key": (BAD, lambda: drafted(name=ONE)),
    "not valid yet": (BAD, lambda: issuing.crl(PA, NOW, [], this_update=NOW + 1)),
    "out of date": (STALE, lambda: issuing.crl(PA, NOW, [], this_update=NOW - 2 * DAY)),
    "too long": (LARGE, lambda: b"\x30" * (MAX_BYTES + 1)),
    "a delta": (BAD, lambda: drafted((x509.DeltaCRLIndicator(1), True))),
    "an unknown critical extension": (BAD, lambda: drafted((ODD, True))),
    "an entry with an unknown critical extension": (BAD, lambda: drafted(entry=entry(ODD))),
    "an entry with two issuers": (
        BAD,
        lambda: drafted(
            entry=entry(x509.CertificateIssuer([x509.DirectoryName(ONE), x509.DirectoryName(TWO)]))
        ),
    ),
    "an entry whose issuer is no name": (
        BAD,
        lambda: drafted(entry=entry(x509.CertificateIssuer([x509.DNSName("a.example")]))),
    ),
    "of end entities only": (BAD, lambda: partial(user_certs=True)),
    "of authorities only": (BAD, lambda: partial(ca_certs=True)),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_with_one_defect_is_refused(name: str) -> None:
    defect, make = LISTS[name]
    with pytest.raises(Untrusted) as refused:
        read_crl(make(), PA.certificate, NOW)
    assert refused.value.defect is defect


def test_a_certificate_that_may_not_sign_lists_does_not() -> None:
    leaf = issuing.leaf(ROOT, NOW, "709J")
    with pytest.raises(Untrusted, match="may not sign such lists"):
        read_crl(issuing.crl(leaf, NOW, []), leaf.certificate, NOW)


def test_a_certificate_out_of_time_signs_no_list() -> None:
    old = issuing.sti_pa(ROOT, NOW, not_after=NOW - 1)
    with pytest.raises(Untrusted, match="not valid now"):
        read_crl(issuing.crl(old, NOW, []), old.certificate, NOW)
