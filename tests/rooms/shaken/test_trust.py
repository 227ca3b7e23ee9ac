"""The STI-PA's list of CAs: whom to believe, and whom to believe about it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from phonotary.shaken import issuing, jose
from phonotary.shaken.chains import validate
from phonotary.shaken.jose import MAX_BYTES
from phonotary.shaken.paths import Defect, Untrusted
from phonotary.shaken.trust import (
    MAX_ANCHORS,
    Noted,
    Trust,
    ca_list,
    noted,
    pem_of,
    signer_url,
    trust_list,
)

NOW = 1_790_000_000
DAY = 86_400
PA_ROOT = issuing.root(NOW, subject=issuing.name("Policy administrator", "SHAKEN PA ROOT"))
PA = issuing.sti_pa(PA_ROOT, NOW)
CA_ROOT = issuing.root(NOW)
ROOTS = (PA_ROOT.certificate,)
LIST = issuing.ca_list(PA, NOW, [CA_ROOT.certificate])
X5U = "https://pa.example/signer.pem"


def test_a_list_gives_anchors_that_validate_chains() -> None:
    anchors = trust_list(LIST, ROOTS, NOW)
    assert anchors == (CA_ROOT.certificate,)
    ca = issuing.sti_ca(CA_ROOT, NOW)
    chain = issuing.chain(issuing.leaf(ca, NOW, "709J"), ca)
    assert validate(chain, Trust(anchors), NOW).spc == "709J"


def test_a_list_says_its_sequence_and_end() -> None:
    found = ca_list(issuing.ca_list(PA, NOW, [CA_ROOT.certificate], sequence=7), ROOTS, NOW)
    assert (found.sequence, found.expires) == (7, NOW + DAY)
    bare = issuing.ca_list(PA, NOW, [CA_ROOT.certificate], sequence=None, exp=None)  # type: ignore[arg-type]
    found = ca_list(bare, ROOTS, NOW)
    assert (found.sequence, found.expires) == (None, None)


def test_a_list_is_good_to_the_second_it_expires() -> None:
    assert trust_list(LIST, ROOTS, NOW + DAY)
    with pytest.raises(Untrusted) as refused:
        trust_list(LIST, ROOTS, NOW + DAY + 1)
    assert refused.value.defect is Defect.EXPIRED_CA_LIST


def test_entries_may_be_base64_of_der() -> None:
    der = CA_ROOT.certificate.public_bytes(Encoding.DER)
    for written in (base64.b64encode(der), base64.encodebytes(der)):
        signed = issuing.ca_list(PA, NOW, [], trustList=[written.decode()])
        assert trust_list(signed, ROOTS, NOW) == (CA_ROOT.certificate,)


def test_a_signer_at_an_address_is_fetched_by_the_edge() -> None:
    signed = issuing.ca_list(PA, NOW, [CA_ROOT.certificate], x5u=X5U)
    assert signer_url(signed) == X5U
    assert signer_url(LIST) is None
    assert trust_list(signed, ROOTS, NOW, signer_chain=PA.pem) == (CA_ROOT.certificate,)
    with pytest.raises(Untrusted) as refused:
        trust_list(signed, ROOTS, NOW)
    assert refused.value.defect is Defect.UNREADABLE


def test_a_chain_may_lead_to_the_root_through_x5c() -> None:
    above = issuing.sti_ca(PA_ROOT, NOW)
    signer = issuing.sti_pa(above, NOW)
    signed = issuing.ca_list(signer, NOW, [CA_ROOT.certificate], above=[above])
    assert trust_list(signed, ROOTS, NOW) == (CA_ROOT.certificate,)


def of(entries: object, **claims: object) -> str:
    return issuing.ca_list(PA, NOW, [], trustList=entries, **claims)


def parts(*, header: object = None, payload: object = None) -> str:
    """The list with a part changed after it was signed."""
    first, second, third = LIST.split(".")
    first = first if header is None else _b64(header)
    second = second if payload is None else _b64(payload)
    return f"{first}.{second}.{third}"


def _b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def impostor() -> str:
    """Signed with another key, under the header that carries the real signer's certificate."""
    other = issuing.sti_pa(PA_ROOT, NOW)
    return issuing.ca_list(issuing.Certified(PA.certificate, other.key), NOW, [CA_ROOT.certificate])


def twice() -> str:
    """Signed as it is, and two readers could take two lists from it."""
    entries = f'["{base64.b64encode(EVIL.certificate.public_bytes(Encoding.DER)).decode()}"]'
    payload = f'{{"trustList":{entries},"trustList":{entries}}}'.encode()
    return jose.sign_compact(PA.private_key, {"x5c": X5C}, payload)


X5C = [base64.b64encode(PA.certificate.public_bytes(Encoding.DER)).decode()]
EVIL = issuing.root(NOW)
ODD = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
STRANGE = issuing.root(NOW, extensions={ODD.oid: (ODD, True)})
D = Defect
LISTS: dict[str, tuple[Defect, Callable[[], str]]] = {
    "not a JWS": (D.BAD_CA_LIST, lambda: "junk"),
    "nothing": (D.BAD_CA_LIST, lambda: ""),
    "not ASCII": (D.BAD_CA_LIST, lambda: "é.é.é"),
    "too long": (D.TOO_LARGE, lambda: "x" * (MAX_BYTES + 1)),
    "unsigned": (D.BAD_CA_LIST, lambda: parts(header={"alg": "none", "x5c": X5C})),
    "signed with HMAC": (D.BAD_CA_LIST, lambda: parts(header={"alg": "HS256", "x5c": X5C})),
    "another payload": (D.BAD_CA_LIST, lambda: parts(payload={"trustList": [EVIL.pem.decode()]})),
    "another key": (D.BAD_CA_LIST, impostor),
    "no signer": (D.UNREADABLE, lambda: parts(header={"alg": "ES256"})),
    "a signer that is no text": (D.BAD_CA_LIST, lambda: parts(header={"alg": "ES256", "x5c": [1]})),
    "no chain in x5c": (D.BAD_CA_LIST, lambda: parts(header={"alg": "ES256", "x5c": []})),
    "a chain that is text": (D.BAD_CA_LIST, lambda: parts(header={"alg": "ES256", "x5c": "AA"})),
    "a chain with line ends": (
        D.BAD_CA_LIST,
        lambda: parts(header={"alg": "ES256", "x5c": [f"{X5C[0]}\n"]}),
    ),
    "a name twice": (D.BAD_CA_LIST, twice),
    "too long a chain": (D.BAD_CA_LIST, lambda: parts(header={"alg": "ES256", "x5c": 7 * X5C})),
    "a critical parameter": (
        D.BAD_CA_LIST,
        lambda: parts(header={"alg": "ES256", "x5c": X5C, "crit": ["odd"], "odd": 1}),
    ),
    "a signer under another root": (
        D.UNKNOWN_ROOT,
        lambda: issuing.ca_list(issuing.sti_pa(EVIL, NOW), NOW, [EVIL.certificate]),
    ),
    "a signer out of time": (
        D.EXPIRED,
        lambda: issuing.ca_list(
            issuing.sti_pa(PA_ROOT, NOW, not_after=NOW - 1), NOW, [CA_ROOT.certificate]
        ),
    ),
    "no list": (D.BAD_CA_LIST, lambda: of(None)),
    "an empty list": (D.BAD_CA_LIST, lambda: of([])),
    "a list that is an object": (D.BAD_CA_LIST, lambda: of({})),
    "an entry that is a number": (D.BAD_CA_LIST, lambda: of([1])),
    "an entry that is not base64": (D.BAD_CA_LIST, lambda: of(["%%%"])),
    "an entry that is not a certificate": (D.BAD_CA_LIST, lambda: of(["AAAA"])),
    "an entry that is not PEM": (D.BAD_CA_LIST, lambda: of(["-----BEGIN CERTIFICATE-----"])),
    "an end that is text": (D.BAD_CA_LIST, lambda: of([EVIL.pem.decode()], exp="soon")),
    "an end that is true": (D.BAD_CA_LIST, lambda: of([EVIL.pem.decode()], exp=True)),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_with_one_defect_is_refused_for_it(name: str) -> None:
    defect, make = LISTS[name]
    with pytest.raises(Untrusted) as refused:
        trust_list(make(), ROOTS, NOW)
    assert refused.value.defect is defect


def test_a_list_of_more_authorities_than_anybody_has_is_not_read() -> None:
    entry = CA_ROOT.pem.decode()
    assert len(trust_list(of(MAX_ANCHORS * [entry]), ROOTS, NOW)) == MAX_ANCHORS
    with pytest.raises(Untrusted, match=f"more than {MAX_ANCHORS}"):
        trust_list(of((MAX_ANCHORS + 1) * [entry]), ROOTS, NOW)


def test_a_signer_at_a_plain_http_address_is_not_fetched() -> None:
    signed = issuing.ca_list(PA, NOW, [CA_ROOT.certificate], x5u="http://pa.example/signer.pem")
    with pytest.raises(Untrusted, match="no https address"):
        signer_url(signed)


def test_an_entry_that_cannot_be_used_leaves_the_others_trusted() -> None:
    found = ca_list(of(["AAAA", CA_ROOT.pem.decode(), STRANGE.pem.decode()]), ROOTS, NOW)
    assert found.anchors == (CA_ROOT.certificate,)
    assert len(found.unusable) == 2
    assert "critical extension 1.2.3.4.5" in found.unusable[1]


def test_an_anchor_that_cannot_be_read_is_found_when_trust_is_built() -> None:
    with pytest.raises(Untrusted) as refused:
        Trust((STRANGE.certificate,))
    assert refused.value.defect is Defect.UNKNOWN_CRITICAL_EXTENSION


def test_a_file_says_which_list_it_was_made_from() -> None:
    signed = issuing.ca_list(PA, NOW, [CA_ROOT.certificate], sequence=42, days=3)
    pem = pem_of(ca_list(signed, ROOTS, NOW))
    assert noted(pem) == Noted(42, NOW + 3 * DAY)
    assert x509.load_pem_x509_certificates(pem) == [CA_ROOT.certificate]
    # What stands below the first certificate is nobody's word.
    assert noted(CA_ROOT.pem + pem) == Noted()
    assert noted(b"sequence: -1\nexpires: soon\n" + CA_ROOT.pem) == Noted()
