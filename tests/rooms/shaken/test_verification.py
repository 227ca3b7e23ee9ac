"""Verification of one call: every case of ATIS-1000082, and those it has no name for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phonotary.errors import Reason
from phonotary.shaken import chains, issuing
from phonotary.shaken.attestation import Level
from phonotary.shaken.chains import Defect, Untrusted
from phonotary.shaken.constraints import ClaimConstraints
from phonotary.shaken.replays import Replays
from phonotary.shaken.revocations import Revocations
from phonotary.shaken.tn_auth_list import One, Range
from phonotary.shaken.trust import Trust
from phonotary.shaken.verdicts import Unobtainable, UnusableCall, Verdict, Verstat
from phonotary.shaken.verification import CallToVerify, Pending, Rules, begin, conclude
from tests.simulators.stir_provider import (
    DEST,
    NOW,
    ORIG,
    ORIGID,
    TRUST,
    X5U,
    Provider,
    customer,
    provider,
    shaken,
)

OWL = provider()
VALID = OWL.valid()
RULES = Rules()
CUSTOMER_X5U = "https://certificates.example/customer.pem"


def call(*identities: str, **changes: Any) -> CallToVerify:
    given = {"orig": ORIG, "dest": (DEST,), "identities": identities, **changes}
    return CallToVerify(**given)


def verify(
    asked: CallToVerify,
    credentials: dict[str, Any] | None = None,
    *,
    now: int = NOW,
    rules: Rules = RULES,
    replays: Replays | None = None,
) -> Verdict:
    found = begin(asked, now, rules)
    if isinstance(found, Pending):
        known = {X5U: VALID} if credentials is None else credentials
        found = conclude(found, known, now, rules, Replays() if replays is None else replays)
    return found


def refused(verdict: Verdict, case: str, code: int, verstat: Verstat = Verstat.NONE) -> None:
    assert (verdict.case, verdict.code, verdict.verstat) == (case, code, verstat)
    assert verdict.text
    assert verdict.desc


def without_fetch(asked: CallToVerify, rules: Rules = RULES) -> Verdict:
    found = begin(asked, NOW, rules)
    assert isinstance(found, Verdict), "a credential was asked for"
    return found


GOOD = OWL.header(shaken())
TOKEN = OWL.token(shaken())


def test_a_good_call_passes_and_says_who_attested_what() -> None:
    verdict = verify(call(GOOD, time=NOW))
    assert verdict.verstat is Verstat.PASSED
    assert (verdict.case, verdict.code, verdict.text) == (None, None, "")
    assert (verdict.attest, verdict.origid, verdict.ppt) == (Level.A, ORIGID, "shaken")
    assert verdict.fingerprint == VALID.fingerprint
    assert verdict.iat == NOW
    assert verdict.passport is not None
    assert verdict.passport.payload == shaken()
    assert [one.verstat for one in verdict.each] == [Verstat.PASSED]
    assert verdict.diverted == ()


@pytest.mark.parametrize(
    ("orig", "dest"),
    [
        ("+1 (215) 555-1212".replace(" ", ""), "+1.215.555.1213"),
        ("tel:+12155551212", "sip:+12155551213@example.com;user=phone"),
        ("sip:12155551212@example.com", "tel:+1-215-555-1213"),
    ],
)
def test_numbers_are_compared_in_canonical_form(orig: str, dest: str) -> None:
    assert verify(call(GOOD, orig=orig, dest=(dest,))).passed


def test_claims_written_with_a_plus_are_compared_in_canonical_form() -> None:
    claims = shaken(orig={"tn": f"+{ORIG}"}, dest={"tn": [f"+{DEST}"]})
    assert verify(call(OWL.header(claims))).passed


def test_a_called_number_may_be_one_of_several_signed_ones() -> None:
    assert verify(call(OWL.header(shaken(dest={"tn": ["12155550000", DEST]})))).passed


@pytest.mark.parametrize("parameter", ["from", "to"])
def test_e1_a_request_without_numbers_cannot_be_judged(parameter: str) -> None:
    gone = {"from": {"orig": ""}, "to": {"dest": ()}}[parameter]
    with pytest.raises(UnusableCall) as caught:
        begin(call(GOOD, **gone), NOW, RULES)
    assert (caught.value.case, caught.value.parameter) == ("E1", parameter)
    assert caught.value.reason is Reason.MISSING_PARAMETER


@pytest.mark.parametrize("parameter", ["from", "to"])
def test_e2_what_is_neither_number_nor_uri_cannot_be_judged(parameter: str) -> None:
    bad = {"from": {"orig": "who?"}, "to": {"dest": ("1" * 16,)}}[parameter]
    with pytest.raises(UnusableCall) as caught:
        begin(call(GOOD, **bad), NOW, RULES)
    assert (caught.value.case, caught.value.parameter) == ("E2", parameter)
    assert caught.value.reason is Reason.INVALID_PARAMETER


@pytest.mark.parametrize("late", [61, -61])
def test_e3_a_time_that_is_not_fresh(late: int) -> None:
    refused(without_fetch(call(GOOD, time=NOW - late)), "E3", 403)


@pytest.mark.parametrize("late", [60, -60])
def test_a_time_at_the_edge_of_the_window_is_fresh(late: int) -> None:
    assert verify(call(GOOD, time=NOW - late)).passed


def test_e4_the_compact_form() -> None:
    signature = TOKEN.rpartition(".")[2]
    compact = f"..{signature};info=<{X5U}>;alg=ES256;ppt=shaken"
    refused(without_fetch(call(compact)), "E4", 438)


@pytest.mark.parametrize("said", [";ppt=rph", ""])
def test_e5_a_ppt_parameter_that_is_not_shaken(said: str) -> None:
    refused(without_fetch(call(f"{TOKEN};info=<{X5U}>;alg=ES256{said}")), "E5", 438)


def test_e6_no_info_parameter() -> None:
    verdict = without_fetch(call(f"{TOKEN};alg=ES256;ppt=shaken"))
    refused(verdict, "E6", 436)
    assert verdict.desc == "Missing 'info' parameter in the 'identity'."
    # What is no Identity header at all lacks it first, whatever else it lacks.
    for text in ("garbage", TOKEN, f"{TOKEN} "):
        refused(without_fetch(call(text)), "E6", 436)
    refused(without_fetch(call(f"{TOKEN};alg=ES256")), "E5", 438)


@pytest.mark.parametrize(
    "info",
    [
        "http://certificates.example/c.pem",
        "https://certificates.example:8444/c.pem",
        "https://u:p@certificates.example/c.pem",
        "https://certificates.example/c.pem?a=b",
        "https://certificates.example/c.pem#a",
        "ftp://certificates.example/c.pem",
        "https:///c.pem",
        "c.pem",
        "https://certificates.example:0x/c.pem",
        "https://certificates.example/" + "c" * 1024,
    ],
)
def test_e7_an_info_that_may_not_be_fetched(info: str) -> None:
    token = Provider(OWL.leaf, x5u=info).token(shaken())
    refused(without_fetch(call(f"{token};info=<{info}>;ppt=shaken")), "E7", 436)


@pytest.mark.parametrize("port", ["", ":443", ":8443"])
def test_both_ports_of_repositories_are_usable(port: str) -> None:
    url = f"https://certificates.example{port}/c.pem"
    found = begin(call(Provider(OWL.leaf, x5u=url).header(shaken())), NOW, RULES)
    assert isinstance(found, Pending)
    assert found.urls == (url,)


def test_a_laboratory_origin_may_be_http_on_any_port() -> None:
    url = "http://127.0.0.1:8080/certs/c.pem"
    header = Provider(OWL.leaf, x5u=url).header(shaken())
    refused(without_fetch(call(header)), "E7", 436)
    lab = Rules(lab=frozenset({"http://127.0.0.1:8080"}))
    assert isinstance(begin(call(header), NOW, lab), Pending)


@pytest.mark.parametrize("credentials", [{}, {X5U: Unobtainable("timeout", "Too slow.")}])
def test_e8_a_credential_that_cannot_be_had(credentials: dict[str, Any]) -> None:
    refused(verify(call(GOOD), credentials), "E8", 436)


@pytest.mark.parametrize("claim", ["ppt", "typ", "x5u", "alg"])
def test_e9_a_passport_header_without_a_claim(claim: str) -> None:
    token = OWL.token(shaken(), **{claim: None})
    refused(without_fetch(call(f"{token};info=<{X5U}>;ppt=shaken")), "E9", 436)


def test_e10_an_x5u_that_is_not_info() -> None:
    token = OWL.token(shaken(), x5u="https://certificates.example/other.pem")
    refused(without_fetch(call(f"{token};info=<{X5U}>;ppt=shaken")), "E10", 436)


def test_e11_another_typ() -> None:
    token = OWL.token(shaken(), typ="JWT")
    refused(without_fetch(call(f"{token};info=<{X5U}>;ppt=shaken")), "E11", 437)


@pytest.mark.parametrize("alg", ["none", "HS256", "ES384"])
def test_e12_another_alg(alg: str) -> None:
    token = OWL.token(shaken(), alg=alg)
    refused(without_fetch(call(f"{token};info=<{X5U}>;ppt=shaken")), "E12", 437)


def test_e12_another_alg_parameter() -> None:
    refused(without_fetch(call(f"{TOKEN};info=<{X5U}>;alg=RS256;ppt=shaken")), "E12", 437)


@pytest.mark.parametrize("ppt", ["rph", "div", "", 1])
def test_e13_another_ppt_in_the_passport(ppt: object) -> None:
    token = OWL.token(shaken(), ppt=ppt)
    refused(without_fetch(call(f"{token};info=<{X5U}>;ppt=shaken")), "E13", 438)


@pytest.mark.parametrize("claim", ["dest", "orig", "attest", "origid", "iat"])
@pytest.mark.parametrize("value", [None, "", [], {"tn": []}, True])
def test_e14_a_claim_that_is_missing_or_malformed(claim: str, value: object) -> None:
    refused(without_fetch(call(OWL.header(shaken(**{claim: value})))), "E14", 438)


@pytest.mark.parametrize("late", [61, -61, NOW, -(10**30)])
def test_e15_an_iat_that_is_not_fresh(late: int) -> None:
    refused(without_fetch(call(OWL.header(shaken(iat=NOW - late)))), "E15", 403)


@pytest.mark.parametrize("late", [60, -60, 0.5])
def test_an_iat_at_the_edge_of_the_window_is_fresh(late: float) -> None:
    assert verify(call(OWL.header(shaken(iat=NOW - late)))).passed


def test_e16_another_calling_number() -> None:
    verdict = without_fetch(call(GOOD, orig="12155559999"))
    refused(verdict, "E16", 438)
    assert verdict.reason == "orig-mismatch"


@pytest.mark.parametrize("dest", [("12155559999",), (DEST, "12155559999"), ("sip:a@b.example",)])
def test_e16_another_called_number(dest: tuple[str, ...]) -> None:
    verdict = without_fetch(call(GOOD, dest=dest))
    refused(verdict, "E16", 438)
    assert verdict.reason == "dest-mismatch"


def test_a_number_is_never_a_uri_of_the_same_text() -> None:
    claims = base(orig={"uri": ORIG})
    header = f"{OWL.token(claims, ppt=None)};info=<{X5U}>;alg=ES256"
    refused(without_fetch(call(header), Rules(allow_base=True)), "E16", 438)


def test_shaken_speaks_of_telephone_numbers_only() -> None:
    claims = shaken(orig={"uri": "sip:ceo@bank.example"})
    refused(without_fetch(call(OWL.header(claims), orig="sip:ceo@bank.example")), "E14", 438)


@pytest.mark.parametrize("crit", [["exp"], ["b64"], "nonsense", []])
def test_a_header_that_demands_an_extension_is_refused(crit: object) -> None:
    token = OWL.token(shaken(), crit=crit)
    verdict = without_fetch(call(f"{token};info=<{X5U}>;alg=ES256;ppt=shaken"))
    refused(verdict, "critical-header", 438)


@pytest.mark.parametrize(
    ("trust", "reason"),
    [
        (Trust(()), "no-anchors"),
        (replace(TRUST, crl_required=True), "no-current-revocations"),
        (
            Trust(TRUST.anchors, Revocations(frozenset(), NOW - 2, NOW - 1), crl_required=True),
            "no-current-revocations",
        ),
    ],
)
def test_what_the_verifier_lacks_is_no_fault_of_the_callers(trust: Trust, reason: str) -> None:
    verdict = verify(call(GOOD), {X5U: untrusted(OWL.pem, trust)})
    refused(verdict, reason, 437)
    assert verdict.reason == reason


def untrusted(pem: bytes, trust: Trust = TRUST, now: int = NOW) -> Untrusted:
    with pytest.raises(Untrusted) as caught:
        chains.validate(pem, trust, now)
    return caught.value


def test_e17_a_chain_to_nobody_we_trust() -> None:
    stranger = Trust((issuing.root(NOW).certificate,))
    verdict = verify(call(GOOD), {X5U: untrusted(OWL.pem, stranger)})
    refused(verdict, "E17", 437, Verstat.FAILED)
    assert verdict.reason == "untrusted"


@pytest.mark.parametrize(
    ("defect", "reason"),
    [
        (Defect.REVOKED, "revoked"),
        (Defect.EXPIRED, "certificate-not-valid-now"),
        (Defect.NOT_YET_VALID, "certificate-not-valid-now"),
    ],
)
def test_e17_tells_what_is_wrong_with_the_chain(defect: Defect, reason: str) -> None:
    verdict = verify(call(GOOD), {X5U: Untrusted(defect, "So it is.")})
    refused(verdict, "E17", 437, Verstat.FAILED)
    assert (verdict.reason, verdict.desc) == (reason, "So it is.")


def test_e17_a_kept_chain_past_its_validity() -> None:
    now = VALID.not_after + 1
    verdict = verify(call(OWL.header(shaken(iat=now))), now=now)
    refused(verdict, "E17", 437, Verstat.FAILED)


def test_an_iat_before_the_certificate_began() -> None:
    young = provider(not_before=NOW - 10)
    verdict = verify(call(young.header(shaken(iat=NOW - 11))), {X5U: young.valid()})
    refused(verdict, "iat-outside-certificate", 437, Verstat.FAILED)


def test_e18_another_key() -> None:
    verdict = verify(call(provider().header(shaken())))
    refused(verdict, "E18", 438, Verstat.FAILED)
    assert verdict.attest is None


def test_e18_altered_claims() -> None:
    header, _, signature = TOKEN.split(".")
    _, payload, _ = OWL.token(shaken(attest="B")).split(".")
    altered = f"{header}.{payload}.{signature};info=<{X5U}>;ppt=shaken"
    refused(verify(call(altered)), "E18", 438, Verstat.FAILED)


@pytest.mark.parametrize("attest", ["D", "a", "AA"])
def test_e19_an_attest_that_is_none_of_abc(attest: str) -> None:
    refused(verify(call(OWL.header(shaken(attest=attest)))), "E19", 438)


def test_no_identity_header() -> None:
    verdict = without_fetch(call())
    refused(verdict, "no-identity", 428)
    assert (verdict.text, verdict.each) == ("Use Identity Header", ())


def test_several_headers_none_of_a_supported_kind() -> None:
    other = f"{TOKEN};info=<{X5U}>;ppt=rph"
    verdict = without_fetch(call(other, other))
    refused(verdict, "no-supported-passport", 428)
    assert verdict.text == "Use Supported PASSporT Format"


def test_an_unsupported_header_beside_a_good_one_is_ignored() -> None:
    assert verify(call(f"{TOKEN};info=<{X5U}>;ppt=rph", GOOD)).passed


def test_an_unsupported_header_does_not_hide_why_the_other_failed() -> None:
    stale = OWL.header(shaken(iat=NOW - 100))
    refused(verify(call(f"{TOKEN};info=<{X5U}>;ppt=rph", stale)), "E15", 403)


@pytest.mark.parametrize("value", ["", " ", ","])
def test_an_empty_header_is_none(value: str) -> None:
    refused(without_fetch(call(value)), "no-identity", 428)


@pytest.mark.parametrize(
    "value", ["=;info=<x>;ppt=shaken", f"{TOKEN};info=<{X5U}>;info=<{X5U}>;ppt=shaken"]
)
def test_a_header_that_cannot_be_read(value: str) -> None:
    verdict = without_fetch(call(value))
    assert verdict.code in (436, 438)
    assert verdict.verstat is Verstat.NONE


def test_a_token_that_cannot_be_read() -> None:
    refused(without_fetch(call(f"a.b.c;info=<{X5U}>;ppt=shaken")), "unreadable-passport", 438)


def test_more_headers_than_are_read() -> None:
    refused(without_fetch(call(*[GOOD] * 11)), "too-many-headers", 438)
    assert without_fetch(call(*[GOOD] * 17)).code == 438


def test_headers_joined_by_commas_are_read_one_by_one() -> None:
    stale = OWL.header(shaken(iat=NOW - 100))
    verdict = verify(call(f"{stale}, {GOOD}"))
    assert verdict.passed
    assert [one.case for one in verdict.each] == ["E15", None]


def test_one_valid_header_is_enough() -> None:
    verdict = verify(call(provider().header(shaken()), GOOD))
    assert verdict.passed
    assert [one.case for one in verdict.each] == ["E18", None]


def test_of_several_failures_the_one_that_came_furthest_is_told() -> None:
    away = provider("https://away.example/c.pem")
    verdict = verify(call(away.header(shaken()), provider().header(shaken())))
    refused(verdict, "E18", 438, Verstat.FAILED)
    assert [one.case for one in verdict.each] == ["E8", "E18"]


def test_bad_identity_info_is_told_only_when_no_credential_could_be_had() -> None:
    away = provider("https://away.example/c.pem")
    refused(verify(call(away.header(shaken()), GOOD), {}), "E8", 436)


NUMBERS = {"extensions": issuing.scope([Range("12155550000", 2000)])}


def test_a_certificate_for_numbers_signs_for_those() -> None:
    one = provider(**NUMBERS)
    assert verify(call(one.header(shaken())), {X5U: one.valid()}).passed


def test_a_certificate_for_numbers_does_not_sign_for_others() -> None:
    one = provider(extensions=issuing.scope([One("12155559999")]))
    verdict = verify(call(one.header(shaken())), {X5U: one.valid()})
    refused(verdict, "scope-exceeded", 437, Verstat.FAILED)
    assert verdict.fingerprint == one.valid().fingerprint


def test_a_certificate_for_numbers_does_not_sign_for_a_uri() -> None:
    one = provider(**NUMBERS)
    claims = base(orig={"uri": "sip:a@b.example"})
    header = f"{one.token(claims, ppt=None)};info=<{X5U}>;alg=ES256"
    asked = call(header, orig="sip:a@b.example")
    verdict = verify(asked, {X5U: one.valid()}, rules=Rules(allow_base=True))
    refused(verdict, "scope-exceeded", 437, Verstat.FAILED)


def test_a_delegate_certificate_does_not_sign_shaken() -> None:
    one = customer([ORIG], CUSTOMER_X5U)
    verdict = verify(call(one.header(shaken())), {CUSTOMER_X5U: one.valid()})
    refused(verdict, "delegate-signed-shaken", 437, Verstat.FAILED)


def base(**changes: Any) -> dict[str, Any]:
    return shaken(attest=None, origid=None, **changes)


def test_a_delegate_certificate_signs_shaken_for_its_numbers_where_the_rules_allow() -> None:
    one, rules = customer([ORIG], CUSTOMER_X5U), Rules(delegate_shaken=True)
    known = {CUSTOMER_X5U: one.valid()}
    assert verify(call(one.header(shaken())), known, rules=rules).attest is Level.A
    other = call(one.header(shaken(orig={"tn": "12155559999"})), orig="12155559999")
    refused(verify(other, known, rules=rules), "scope-exceeded", 437, Verstat.FAILED)


def test_a_delegate_certificate_signs_a_base_passport_where_the_rules_allow() -> None:
    one = customer([ORIG], CUSTOMER_X5U)
    header = f"{one.token(base(), ppt=None)};info=<{CUSTOMER_X5U}>;alg=ES256"
    known = {CUSTOMER_X5U: one.valid()}
    verdict = verify(call(header), known, rules=Rules(allow_base=True))
    assert verdict.passed
    assert (verdict.ppt, verdict.attest) == (None, None)
    refused(verify(call(header), known), "E5", 438)


BASE = Rules(allow_base=True)


def short(**changes: Any) -> str:
    """A base PASSporT in compact form."""
    signature = OWL.token(base(**changes), ppt=None).rpartition(".")[2]
    return f"..{signature};info=<{X5U}>;alg=ES256"


def test_a_base_passport_in_compact_form_says_what_the_request_says() -> None:
    verdict = verify(call(short(iat=NOW - 5), time=NOW - 5), rules=BASE)
    assert verdict.passed
    assert (verdict.ppt, verdict.attest, verdict.iat) == (None, None, NOW - 5)
    two = ("12155550000", DEST)
    several = short(dest={"tn": list(two)})
    assert verify(call(several, dest=two[::-1], time=NOW), rules=BASE).passed


@pytest.mark.parametrize(
    "changes",
    [{"time": NOW + 1}, {"orig": "12155559999"}, {"dest": ("12155559999",)}],
    ids=lambda one: next(iter(one)),
)
def test_a_compact_form_that_fits_another_request_is_no_forgery_yet(
    changes: dict[str, Any],
) -> None:
    verdict = verify(call(short(), **{"time": NOW, **changes}), rules=BASE)
    refused(verdict, "E4", 438)
    assert "does not fit" in verdict.desc


def test_a_compact_form_needs_the_rules_and_the_time_of_the_request() -> None:
    refused(without_fetch(call(short()), BASE), "E4", 438)
    refused(without_fetch(call(short(), time=NOW)), "E5", 438)
    refused(without_fetch(call(f"{short()};ppt=shaken", time=NOW), BASE), "E4", 438)
    junk = f"..x;info=<{X5U}>;alg=ES256"
    assert without_fetch(call(junk, time=NOW), BASE).reason == "unreadable-passport"


def test_both_forms_of_a_base_passport_are_one_use() -> None:
    token, replays = OWL.token(base(), ppt=None), Replays()
    parameters = f";info=<{X5U}>;alg=ES256"
    verify(call(token + parameters, time=NOW), rules=BASE, replays=replays)
    compact = f"..{token.rpartition('.')[2]}{parameters}"
    refused(verify(call(compact, time=NOW), rules=BASE, replays=replays), "replayed", 438)


def test_claims_that_break_the_certificates_constraints() -> None:
    bound = ClaimConstraints(must_exclude=("crn",))
    one = customer([ORIG], CUSTOMER_X5U, bound)
    header = f"{one.token(base(crn='sale'), ppt=None)};info=<{CUSTOMER_X5U}>;alg=ES256"
    known = {CUSTOMER_X5U: one.valid()}
    verdict = verify(call(header), known, rules=Rules(allow_base=True))
    refused(verdict, "constraint-violated", 438, Verstat.FAILED)


def test_a_second_call_with_the_same_passport_is_a_replay() -> None:
    replays = Replays()
    assert verify(call(GOOD), replays=replays).passed
    verdict = verify(call(GOOD), now=NOW + 30, replays=replays)
    refused(verdict, "replayed", 438)


def test_every_passport_of_a_call_is_used_up_not_only_the_one_that_decides() -> None:
    replays = Replays()
    first, second = OWL.header(shaken()), OWL.header(shaken(attest="B"))
    assert verify(call(first, second), replays=replays).passed
    refused(verify(call(second), replays=replays), "replayed", 438)
    refused(verify(call(first), replays=replays), "replayed", 438)


def test_a_used_passport_does_not_spoil_a_fresh_one() -> None:
    replays = Replays()
    old, fresh = OWL.header(shaken()), OWL.header(shaken(attest="B"))
    verify(call(old), replays=replays)
    assert verify(call(old, fresh), replays=replays).attest == "B"


def test_a_retransmission_is_not_a_replay() -> None:
    replays = Replays()
    assert verify(call(GOOD, call_id="a@b"), replays=replays).passed
    assert verify(call(GOOD, call_id="a@b"), replays=replays).passed
    refused(verify(call(GOOD, call_id="c@d"), replays=replays), "replayed", 438)


@pytest.mark.parametrize("policy", ["note", "off"])
def test_a_replay_passes_where_the_rules_let_it(policy: Any) -> None:
    replays, rules = Replays(), Rules(replays=policy)
    verify(call(GOOD), rules=rules, replays=replays)
    verdict = verify(call(GOOD), rules=rules, replays=replays)
    assert verdict.passed
    assert len(verdict.notes) == (policy == "note")


def test_a_call_that_failed_is_not_remembered_as_used() -> None:
    replays = Replays()
    verify(call(GOOD), {}, replays=replays)
    assert verify(call(GOOD), replays=replays).passed
