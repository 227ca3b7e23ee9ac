"""``phonotary.shaken`` as others import it."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest

import phonotary.shaken
from phonotary import shaken

NOW = 1_795_000_000
ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
X5U = "https://certs.owl.example/chain.pem"
# What one function gives and another takes, and nobody looks into.
CLOSED = {"Anchors", "Candidate", "Way"}


def test_the_example_of_the_documentation_is_true() -> None:
    tried = doctest.testmod(phonotary.shaken)
    assert (tried.attempted > 5, tried.failed) == (True, 0)


def test_every_public_name_is_there() -> None:
    names = phonotary.shaken.__all__
    assert names == sorted(set(names))
    assert all(hasattr(phonotary.shaken, name) for name in names)


def named(hint: Any) -> Iterator[type]:
    """The types of ours that an annotation names."""
    if isinstance(hint, type) and hint.__module__.startswith("phonotary."):
        yield hint
    for each in get_args(hint):
        for one in each if isinstance(each, list) else [each]:
            yield from named(one)


def annotated(public: Any) -> Iterator[Any]:
    """What carries the annotations of a public name."""
    yield public
    if not inspect.isclass(public):
        return
    for name, member in vars(public).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield member.fget
        elif inspect.isfunction(member):
            yield member


@pytest.mark.parametrize("name", shaken.__all__)
def test_whatever_a_public_name_takes_or_gives_has_a_public_name(name: str) -> None:
    known = {getattr(shaken, each) for each in shaken.__all__}
    for place in annotated(getattr(shaken, name)):
        for field, hint in get_type_hints(place).items():
            if field.startswith("_"):
                continue
            lacking = [one.__name__ for one in named(hint) if one not in known]
            assert set(lacking) <= CLOSED, field


def test_a_call_is_decided_signed_and_verified_by_public_names_alone() -> None:
    issued = shaken.sandbox_certificates(NOW, "709J", "Owl Telecom")
    credential = shaken.load_credential(issued.chain_pem, issued.key_pem, X5U)
    standing = shaken.Standing(
        account_sid="AC1",
        account_known=True,
        number_ours=True,
        number_right_valid=True,
        profile_sid="BU1",
        profile_vouching=True,
        product_sid="BU2",
        product_vouching=True,
        product_linked=True,
        number_on_profile=True,
        number_on_product=True,
        account_vouched=True,
        display=shaken.ShownAs("Owl Telecom"),
    )

    def asked(attest: str, at: int = NOW) -> shaken.SigningRequest:
        return shaken.signing_request(
            caller_sid="AC1", orig="+14155550100", dest=["+12025550143"], iat=at, attest=attest
        )

    signed = shaken.sign_call(asked("A"), standing, credential, NOW, ORIGID)
    assert (signed.level, signed.decision) == (
        shaken.Level.A,
        shaken.decide(standing, caller_authenticated=True, requested=shaken.Level.A),
    )
    call = shaken.CallToVerify("+14155550100", ("+12025550143",), NOW, (signed.identity,))
    pending = shaken.begin(call, NOW, shaken.Rules())
    assert isinstance(pending, shaken.Pending)
    trust = shaken.Trust(shaken.load_pem(issued.root_pem))
    chains = {X5U: shaken.validate(issued.chain_pem, trust, NOW)}
    verdict = shaken.conclude(pending, chains, NOW, shaken.Rules(), shaken.Replays())
    assert (verdict.verstat, verdict.attest) == (shaken.Verstat.PASSED, shaken.Level.A)
    with pytest.raises(shaken.InvalidClaim):
        asked("D")
    later = credential.not_after + 1
    with pytest.raises(shaken.CredentialOutOfDate):
        shaken.sign_call(asked("A", later), standing, credential, later, ORIGID)
