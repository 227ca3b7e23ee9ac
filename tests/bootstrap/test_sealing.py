"""The authentication service: what it signs and refuses, and that nothing goes unrecorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from phonotary.bootstrap.sealing import AuthenticationService
from phonotary.bootstrap.verifying import VerificationService
from phonotary.errors import Reason, Refused
from phonotary.shaken import chains, identity_header, issuing, passport, rcd
from phonotary.shaken.attestation import policy_version
from phonotary.shaken.certificates import SigningCredential, load_credential
from phonotary.shaken.ledger import Entry, Full
from phonotary.shaken.origids import UUID, OrigidPolicy
from phonotary.shaken.passport import Passport
from phonotary.shaken.ports import ShownAs, Standing
from phonotary.shaken.signing import CallToSign, CredentialOutOfDate, InvalidClaim, SignedCall
from phonotary.shaken.trust import Trust
from phonotary.shaken.verdicts import Verdict
from phonotary.shaken.verification import CallToVerify
from tests.bootstrap.scenes import CA, NOW, ROOT, Time
from tests.rooms.office import refused
from tests.rooms.shaken import standings
from tests.rooms.shaken.standings import CALLER

DIVERTER = "AC" + "2" * 32
ORIG, DEST, SECOND, THIRD = "14155550100", "12025550143", "12125550199", "13125550177"
ORIGID = "de305d54-75b4-431b-adb2-eb6b9e546014"
BEST = replace(standings.BEST, inputs=(("BU" + "2" * 32, "6"),))
_LEAVES = {CALLER: issuing.leaf(CA, NOW, "709J"), DIVERTER: issuing.leaf(CA, NOW, "818H")}
CREDENTIALS = {
    account: load_credential(
        issuing.chain(leaf, CA), leaf.key_pem, f"https://certs.example/{account}.pem"
    )
    for account, leaf in _LEAVES.items()
}


def call(**changed: Any) -> CallToSign:
    usual = {"caller_sid": CALLER, "orig": f"+{ORIG}", "dest": (f"+{DEST}",), "attest": "A"}
    return CallToSign(**{**usual, **changed})


def diverted(*identities: str, **changed: Any) -> CallToSign:
    """A call to DEST, which the diverter sends on to SECOND."""
    usual = {"caller_sid": DIVERTER, "ppt": "div", "div": DEST, "dest": (SECOND,), "attest": None}
    return call(**{**usual, "identities": identities, **changed})


class Hub:
    """The service with what it is joined to, each of which a test may change."""

    def __init__(self, **options: Any) -> None:
        self.standing = BEST
        self.asked: list[tuple[str, str]] = []
        self.ledger: list[Entry] = []
        self.fault: Exception | None = None
        self.time = Time()
        self.service = AuthenticationService(
            standing_of=self._standing,
            credential_of=self._credential,
            now=self.time,
            remember=self._remember,
            **options,
        )

    def sign(self, asked: CallToSign) -> SignedCall:
        return self.service.sign(asked)

    def _standing(self, tn: str, account_sid: str) -> Standing:
        self.asked.append((tn, account_sid))
        return self.standing

    def _credential(self, account_sid: str) -> SigningCredential:
        if account_sid not in CREDENTIALS:
            raise Refused(Reason.FORBIDDEN, "No provider signs for it.")
        return CREDENTIALS[account_sid]

    def _remember(self, entry: Entry) -> None:
        if self.fault:
            raise self.fault
        self.ledger.append(entry)


def claims(signed: SignedCall) -> dict[str, Any]:
    """What is in the header, which must be what is said to be signed."""
    found = token(signed).payload
    assert json.loads(signed.payload) == found
    return dict(found)


def token(signed: SignedCall) -> Passport:
    return passport.read(identity_header.parse(signed.identity).token)


class Repository:
    """Every chain of this file's providers, as if fetched."""

    def kept(self, url: str) -> chains.ValidChain:
        account = url.rpartition("/")[2].removesuffix(".pem")
        chain = issuing.chain(_LEAVES[account], CA)
        return chains.validate(chain, Trust((ROOT.certificate,)), NOW)

    async def obtain(self, url: str) -> chains.ValidChain:
        return self.kept(url)


def verified(*identities: str, dest: str = DEST, now: int = NOW) -> Verdict:
    service = VerificationService(Repository(), lambda: now)  # type: ignore[arg-type]
    asked = CallToVerify(f"+{ORIG}", (f"+{dest}",), now, identities)
    verdict = asyncio.run(service.verify(asked))
    # A fresh memory of replays: the two doors must agree.
    again = VerificationService(Repository(), lambda: now)  # type: ignore[arg-type]
    assert again.verify_now(asked) == verdict
    return verdict


def test_a_signed_call_verifies_and_is_recorded_with_what_it_rested_on() -> None:
    hub = Hub()
    signed = hub.sign(call(origid=ORIGID, door="sip", source="192.0.2.1"))
    verdict = verified(signed.identity)
    assert (verdict.passed, verdict.attest, verdict.origid) == (True, "A", ORIGID)
    assert verdict.fingerprint == signed.fingerprint == CREDENTIALS[CALLER].fingerprint
    assert hub.asked == [(f"+{ORIG}", CALLER)]
    (entry,) = hub.ledger
    assert entry == Entry(
        kind="signed",
        at=NOW,
        door="sip",
        source="192.0.2.1",
        account_sid=CALLER,
        spc="709J",
        orig=ORIG,
        dest=(DEST,),
        origid=ORIGID,
        level="A",
        reason="number-verified",
        requested="A",
        justified="A",
        identity=signed.identity,
        fingerprint=signed.fingerprint,
        policy=policy_version,
        inputs=BEST.inputs,
    )


def test_the_present_time_is_signed_where_none_is_given() -> None:
    assert claims(Hub().sign(call()))["iat"] == NOW
    assert claims(Hub().sign(call(iat=NOW - 60)))["iat"] == NOW - 60


@pytest.mark.parametrize(
    ("changed", "parameter"),
    [
        ({"orig": "alice"}, "orig"),
        ({"orig": ""}, "orig"),
        ({"dest": ()}, "dest"),
        ({"dest": (DEST, "1" * 16)}, "dest"),
        ({"iat": NOW - 61}, "iat"),
        ({"iat": NOW + 61}, "iat"),
        ({"attest": "D"}, "attest"),
        ({"origid": "call-1"}, "origid"),
        ({"ppt": "rph"}, "ppt"),
        ({"ppt": ""}, "ppt"),
    ],
)
def test_what_cannot_be_signed_is_named_and_leaves_no_trace(
    changed: dict[str, Any], parameter: str
) -> None:
    hub = Hub()
    with pytest.raises(InvalidClaim) as caught:
        hub.sign(call(**changed))
    assert caught.value.parameter == parameter
    assert hub.ledger == []


@pytest.mark.parametrize("made", [call, diverted])
def test_nobody_in_particular_gets_nothing_signed(made: Callable[..., CallToSign]) -> None:
    hub = Hub()
    with refused(Reason.NOT_AUTHENTICATED):
        hub.sign(made(caller_sid=None, orig="nonsense", dest=()))
    assert (hub.asked, hub.ledger) == ([], [])


@pytest.mark.parametrize("made", [call, diverted])
def test_a_suspended_account_gets_nothing_signed(made: Callable[..., CallToSign]) -> None:
    hub = Hub()
    hub.standing = replace(BEST, account_known=False)
    with refused(Reason.ACCOUNT_NOT_ACTIVE):
        hub.sign(made())
    with refused(Reason.ACCOUNT_NOT_ACTIVE):
        hub.service.admit(CALLER)
    assert hub.ledger == []


def test_an_account_in_order_may_call_whatever_its_number() -> None:
    hub = Hub()
    hub.service.admit(CALLER)
    assert hub.asked == [("+1", CALLER)]


def test_an_account_of_no_provider_gets_nothing_signed() -> None:
    hub = Hub()
    with refused(Reason.FORBIDDEN):
        hub.sign(call(caller_sid="AC" + "9" * 32))
    assert hub.ledger == []


def test_a_certificate_that_does_not_cover_the_call_signs_nothing() -> None:
    hub = Hub()
    first = hub.sign(call()).identity
    hub.time.now = CREDENTIALS[CALLER].not_after + 1
    for asked in (call(), diverted(first)):
        with pytest.raises(CredentialOutOfDate):
            hub.sign(asked)
    assert len(hub.ledger) == 1


def test_a_diversion_is_never_signed_for_another_day() -> None:
    hub = Hub()
    first = hub.sign(call()).identity
    hub.time.now += 30
    assert claims(hub.sign(diverted(first)))["iat"] == NOW
    hub.time.now += 300
    assert claims(hub.sign(diverted(first)))["iat"] == NOW + 330


def test_more_numbers_than_a_verifier_reads_are_not_signed() -> None:
    hub = Hub()
    hub.sign(call(dest=("12025550143",) * 64))
    with pytest.raises(InvalidClaim) as caught:
        hub.sign(call(dest=("12025550143",) * 65))
    assert caught.value.parameter == "dest"


def test_a_name_that_cannot_be_written_does_not_cost_the_call() -> None:
    hub = Hub(always_rich=True)
    hub.standing = replace(BEST, display=ShownAs("Owl\x07 Telecom"))
    signed = claims(hub.sign(call()))
    assert (signed["attest"], "rcd" in signed) == ("A", False)


def test_a_reason_that_cannot_be_written_is_named() -> None:
    hub = Hub()
    with pytest.raises(InvalidClaim) as caught:
        hub.sign(call(crn="x" * 65))
    assert caught.value.parameter == "crn"
    hub.standing = replace(BEST, number_on_product=False)
    assert claims(hub.sign(call(crn="x" * 65)))["attest"] == "B"


def test_a_call_that_cannot_be_recorded_is_not_signed() -> None:
    hub = Hub()
    first = hub.sign(call()).identity
    hub.fault = Full()
    for asked in (call(), diverted(first)):
        with refused(Reason.UNAVAILABLE):
            hub.sign(asked)


def test_the_level_is_what_stands_and_not_what_is_asked() -> None:
    hub = Hub()
    hub.standing = replace(BEST, number_on_product=False)
    signed = hub.sign(call(attest="A"))
    assert claims(signed)["attest"] == "B"
    assert (hub.ledger[0].level, hub.ledger[0].justified) == ("B", "B")
    hub.standing = BEST
    assert claims(hub.sign(call(attest="C")))["attest"] == "C"
    assert (hub.ledger[1].requested, hub.ledger[1].justified) == ("C", "A")


# Whose origid


def test_an_origid_is_the_callers_or_a_fresh_one() -> None:
    hub = Hub()
    assert claims(hub.sign(call(origid=ORIGID)))["origid"] == ORIGID
    fresh = {hub.sign(call()).origid or "" for _ in range(3)}
    assert len(fresh) == 3
    assert all(UUID.fullmatch(one) for one in fresh)


def test_an_origid_per_call_is_never_the_callers() -> None:
    hub = Hub(origid_policy=OrigidPolicy.PER_CALL)
    found = {claims(hub.sign(call(origid=ORIGID)))["origid"] for _ in range(3)}
    assert len(found) == 3
    assert ORIGID not in found


def test_an_origid_per_customer_is_the_customers_and_keyed() -> None:
    def origid(caller: str, secret: str) -> str:
        hub = Hub(origid_policy=OrigidPolicy.PER_CUSTOMER, secret=secret)
        signed = hub.sign(call(caller_sid=caller, origid=ORIGID))
        assert hub.ledger[0].origid == signed.origid
        return str(claims(signed)["origid"])

    assert origid(CALLER, "a") == origid(CALLER, "a")
    assert len({origid(CALLER, "a"), origid(CALLER, "b"), origid(DIVERTER, "a"), ORIGID}) == 4


# The same call twice


def test_a_deterministic_service_gives_the_same_signature_twice() -> None:
    def twice(deterministic: bool) -> set[str]:
        hub = Hub(deterministic=deterministic)
        return {hub.sign(call(origid=ORIGID)).identity for _ in range(2)}

    assert (len(twice(True)), len(twice(False))) == (1, 2)

    def diverted_twice(deterministic: bool) -> set[str]:
        hub = Hub(deterministic=True)
        first = hub.sign(call(origid=ORIGID)).identity
        hub = Hub(deterministic=deterministic)
        return {hub.sign(diverted(first)).identity for _ in range(2)}

    assert (len(diverted_twice(True)), len(diverted_twice(False))) == (1, 2)


# Rich Call Data


@pytest.mark.parametrize(
    ("options", "changed", "named"),
    [
        ({}, {"rcd": True}, True),
        ({}, {"crn": "Your delivery"}, True),
        ({"always_rich": True}, {}, True),
        ({}, {}, False),
        ({"always_rich": True}, {"attest": "B"}, False),
        ({"always_rich": True}, {"attest": None}, False),
    ],
)
def test_the_approved_name_goes_with_an_a_and_only_where_it_is_wanted(
    options: dict[str, Any], changed: dict[str, Any], named: bool
) -> None:
    signed = Hub(**options).sign(call(**changed))
    said = claims(signed)
    assert said.get("rcd") == ({"nam": "Owl Telecom"} if named else None)
    assert said.get("crn") == changed.get("crn")
    verdict = verified(signed.identity)
    assert verdict.passed
    assert (verdict.rcd is not None) == named


def test_the_approved_logo_and_reason_go_with_the_name() -> None:
    hub = Hub()
    pin = rcd.digest(b"a logo")
    shown = ShownAs("Owl Telecom", "https://owl.example/l.bmp", pin, ("Your delivery",))
    hub.standing = replace(BEST, display=shown)
    signed = hub.sign(call(crn="your delivery"))
    said = claims(signed)
    assert said["rcd"] == {"nam": "Owl Telecom", "icn": "https://owl.example/l.bmp"}
    assert (said["rcdi"]["/icn"], said["crn"]) == (pin, "Your delivery")
    assert verified(signed.identity).rcd == {"rcd": said["rcd"], "crn": "Your delivery"}
    with pytest.raises(InvalidClaim) as caught:
        hub.sign(call(rcd=True, crn="Your prize"))
    assert (caught.value.parameter, len(hub.ledger)) == ("crn", 1)
    # A lower level says no reason, so none is refused.
    assert "crn" not in claims(hub.sign(call(crn="Your prize", attest="B")))


def test_a_business_without_an_approved_name_shows_none() -> None:
    hub = Hub(always_rich=True)
    hub.standing = replace(BEST, display=None)
    assert "rcd" not in claims(hub.sign(call()))


def test_a_lower_level_never_carries_a_name() -> None:
    hub = Hub()
    hub.standing = replace(BEST, number_on_profile=False)
    said = claims(hub.sign(call(rcd=True, crn="Your delivery")))
    assert (said["attest"], {"rcd", "rcdi", "crn"} & said.keys()) == ("B", set())


# Diversion


def test_a_diverted_call_verifies_as_a_whole_with_its_callers_level() -> None:
    hub = Hub()
    first = hub.sign(call(origid=ORIGID)).identity
    second = hub.sign(diverted(first, source="192.0.2.7"))
    said = claims(second)
    assert said == {
        "dest": {"tn": [SECOND]},
        "div": {"tn": DEST},
        "iat": NOW,
        "orig": {"tn": ORIG},
    }
    assert token(second).header["ppt"] == identity_header.parse(second.identity).ppt == "div"
    assert (second.level, second.origid, second.reason) == (None, None, "number-diverts")
    for headers in ((first, second.identity), (f"{second.identity},{first}",)):
        verdict = verified(*headers, dest=SECOND)
        assert (verdict.passed, verdict.attest, verdict.origid) == (True, "A", ORIGID)
    # The original's own signature does not carry it to the second number.
    assert not verified(first, dest=SECOND).passed
    # The authority that was asked about is the one over the number that diverts.
    assert hub.asked[-1] == (f"+{DEST}", DIVERTER)
    entry = hub.ledger[-1]
    assert (entry.orig, entry.dest, entry.level) == (DEST, (SECOND,), None)
    assert (entry.account_sid, entry.spc, entry.source) == (DIVERTER, "818H", "192.0.2.7")
    assert entry.identity == second.identity


def test_a_call_diverted_twice_continues_the_last_diversion() -> None:
    hub = Hub()
    first = hub.sign(call()).identity
    second = hub.sign(diverted(first)).identity
    third = hub.sign(diverted(first, second, div=SECOND, dest=(THIRD,), hi="1.1"))
    assert claims(third)["div"] == {"tn": SECOND, "hi": "1.1"}
    verdict = verified(first, second, third.identity, dest=THIRD)
    assert (verdict.passed, verdict.attest) == (True, "A")
    assert not verified(first, third.identity, dest=THIRD).passed


def test_what_a_stranger_wrote_too_long_is_neither_sent_on_nor_written_down() -> None:
    hub = Hub()
    credential = CREDENTIALS[CALLER]
    long = {"uri": f"sip:{'a' * 4_096}@example.org"}
    claimed = passport.base_payload(long, {"tn": [DEST]}, NOW)
    first = identity_header.emit(
        passport.sign(claimed, credential.key, credential.x5u), credential.x5u
    )
    with pytest.raises(InvalidClaim, match="too long"):
        hub.sign(diverted(first))
    assert hub.ledger == []


@pytest.mark.parametrize(
    "lacking", [{"number_right_valid": False}, {"fresh": False}, {"account_sid": None}]
)
def test_only_who_holds_the_number_sends_its_calls_on(lacking: dict[str, Any]) -> None:
    hub = Hub()
    first = hub.sign(call()).identity
    hub.standing = replace(BEST, **lacking)
    if "account_sid" in lacking:
        hub.standing = replace(hub.standing, number_right_valid=False, number_ours=False)
    with refused(Reason.FORBIDDEN):
        hub.sign(diverted(first))
    assert len(hub.ledger) == 1


def test_a_holder_who_is_not_vouched_for_may_still_send_calls_on() -> None:
    hub = Hub()
    first = hub.sign(call()).identity
    hub.standing = replace(BEST, profile_vouching=False, number_on_product=False)
    assert claims(hub.sign(diverted(first)))["div"] == {"tn": DEST}


FOR_ANOTHER = Hub().sign(call(dest=(THIRD,))).identity
GOOD = Hub().sign(call()).identity


@pytest.mark.parametrize(
    ("identities", "changed", "parameter"),
    [
        ((), {}, "identityHeaders"),
        (("nonsense",), {}, "identityHeaders"),
        ((GOOD.replace(".", ".%", 1),), {}, "identityHeaders"),
        ((FOR_ANOTHER,), {}, "identityHeaders"),
        ((GOOD,), {"div": None}, "div"),
        ((GOOD,), {"div": "bob"}, "div"),
        ((GOOD,), {"dest": ("bob",)}, "dest"),
        ((GOOD,), {"iat": NOW - 61}, "iat"),
    ],
)
def test_a_diversion_that_continues_nothing_is_named(
    identities: tuple[str, ...], changed: dict[str, Any], parameter: str
) -> None:
    hub = Hub()
    with pytest.raises(InvalidClaim) as caught:
        hub.sign(diverted(*identities, **changed))
    assert (caught.value.parameter, hub.ledger) == (parameter, [])


@pytest.mark.parametrize(
    "changed", [{"dest": (DEST,)}, {"dest": (SECOND, DEST)}, {"dest": ()}, {"hi": "first"}]
)
def test_a_diversion_that_goes_nowhere_else_is_refused(changed: dict[str, Any]) -> None:
    hub = Hub()
    with refused(Reason.INVALID_PARAMETER):
        hub.sign(diverted(GOOD, **changed))
    assert hub.ledger == []


def test_a_header_that_cannot_be_read_does_not_stand_in_the_way() -> None:
    signed = Hub().sign(diverted("nonsense;info=<x>", GOOD))
    assert verified(GOOD, signed.identity, dest=SECOND).passed
