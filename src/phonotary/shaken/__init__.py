"""What they may sign: PASSporTs, certificates and the attestation each call has earned.

A room: no sockets, no clock, no database. What KYC says of a number comes in through
:mod:`phonotary.shaken.ports`; the time comes in as whole seconds since 1970.

It is a library as well. What is named here is public and typed; the modules hold the rest.

>>> from phonotary import shaken
>>> now = 1_795_000_000
>>> issued = shaken.sandbox_certificates(now, "709J", "Owl Telecom")
>>> x5u = "https://certs.owl.example/chain.pem"
>>> credential = shaken.load_credential(issued.chain_pem, issued.key_pem, x5u)
>>> claims = shaken.shaken_payload(
...     "A", ["12025550143"], now, "14155550100", "de305d54-75b4-431b-adb2-eb6b9e546014"
... )
>>> header = shaken.emit(shaken.sign(claims, credential.key, x5u), x5u)

There the level is the caller's own word. What it should be follows from what is known of the number
and of who calls, each fact False unless it was established:

>>> known = shaken.Standing(
...     account_sid="AC1", account_known=True, account_vouched=True,
...     number_ours=True, number_right_valid=True,
...     profile_sid="BU1", profile_vouching=True, number_on_profile=True,
...     product_sid="BU2", product_vouching=True, product_linked=True, number_on_product=False,
...     display=shaken.ShownAs("Owl Telecom"),
... )
>>> asked = shaken.signing_request(
...     caller_sid="AC1", orig="+14155550100", dest=["+12025550143"], iat=now, attest="A"
... )
>>> origid = "de305d54-75b4-431b-adb2-eb6b9e546014"
>>> signed = shaken.sign_call(asked, known, credential, now, origid)
>>> str(signed.level), signed.reason
('B', 'number-not-on-product')

Whoever is called reads the header, fetches what ``urls`` names, and concludes:

>>> call = shaken.CallToVerify("+1-415-555-0100", ("+12025550143",), now, (header,))
>>> pending = shaken.begin(call, now, shaken.Rules())
>>> pending.urls
('https://certs.owl.example/chain.pem',)
>>> trust = shaken.Trust(shaken.load_pem(issued.root_pem))
>>> chain = shaken.validate(issued.chain_pem, trust, now)
>>> verdict = shaken.conclude(pending, {x5u: chain}, now, shaken.Rules(), shaken.Replays())
>>> str(verdict.verstat), str(verdict.attest)
('TN-Validation-Passed', 'A')
"""

from phonotary.shaken.attestation import Decision, Level, decide
from phonotary.shaken.certificates import (
    Issued,
    SigningCredential,
    load_credential,
    sandbox_certificates,
)
from phonotary.shaken.chains import Defect, Untrusted, ValidChain, references, validate
from phonotary.shaken.constraints import ClaimConstraints
from phonotary.shaken.div import Chain, div_claims, links
from phonotary.shaken.identity_header import IdentityHeader, emit, parse, split
from phonotary.shaken.passport import (
    Finding,
    Identity,
    Passport,
    SignatureMismatch,
    SigningKey,
    base_payload,
    check,
    compact,
    div_payload,
    expand,
    payload,
    rcd_payload,
    read,
    shaken_payload,
    sign,
    verify,
)
from phonotary.shaken.paths import load_pem
from phonotary.shaken.ports import ShownAs, Standing, StandingOf
from phonotary.shaken.rcd import Display, integrity, rcd_claims
from phonotary.shaken.replays import Replays, Use
from phonotary.shaken.revocations import Revocations, read_crl
from phonotary.shaken.signing import (
    CredentialOutOfDate,
    InvalidClaim,
    SignedCall,
    SigningRequest,
    sign_call,
    signing_request,
)
from phonotary.shaken.tn_auth_list import One, Range, Spc
from phonotary.shaken.trust import Trust, trust_list
from phonotary.shaken.verdicts import Unobtainable, Verdict, Verstat
from phonotary.shaken.verification import CallToVerify, Pending, Rules, begin, conclude

__all__ = [
    "CallToVerify",
    "Chain",
    "ClaimConstraints",
    "CredentialOutOfDate",
    "Decision",
    "Defect",
    "Display",
    "Finding",
    "Identity",
    "IdentityHeader",
    "InvalidClaim",
    "Issued",
    "Level",
    "One",
    "Passport",
    "Pending",
    "Range",
    "Replays",
    "Revocations",
    "Rules",
    "ShownAs",
    "SignatureMismatch",
    "SignedCall",
    "SigningCredential",
    "SigningKey",
    "SigningRequest",
    "Spc",
    "Standing",
    "StandingOf",
    "Trust",
    "Unobtainable",
    "Untrusted",
    "Use",
    "ValidChain",
    "Verdict",
    "Verstat",
    "base_payload",
    "begin",
    "check",
    "compact",
    "conclude",
    "decide",
    "div_claims",
    "div_payload",
    "emit",
    "expand",
    "integrity",
    "links",
    "load_credential",
    "load_pem",
    "parse",
    "payload",
    "rcd_claims",
    "rcd_payload",
    "read",
    "read_crl",
    "references",
    "sandbox_certificates",
    "shaken_payload",
    "sign",
    "sign_call",
    "signing_request",
    "split",
    "trust_list",
    "validate",
    "verify",
]
