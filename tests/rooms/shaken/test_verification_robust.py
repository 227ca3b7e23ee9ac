"""Whatever a stranger sends, a call gets a verdict and never an exception."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from phonotary.shaken.replays import Replays
from phonotary.shaken.verdicts import UnusableCall, Verdict, Verstat
from phonotary.shaken.verification import CallToVerify, Pending, Rules, begin, conclude
from tests.simulators.stir_provider import DEST, NOW, ORIG, X5U, provider, shaken

OWL = provider()
VALID = OWL.valid()
RULES = Rules(allow_base=True)
GOOD = OWL.header(shaken())

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    leaves | st.just({"tn": [DEST]}) | st.just({"tn": ORIG}) | st.just(NOW),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["attest", "dest", "div", "iat", "orig", "origid", "rcd", "rcdi", "crn"])
claims = st.dictionaries(names, values)
kinds = st.sampled_from(["shaken", "div", "rcd"])


def verdict_of(
    *identities: str, orig: str = ORIG, dest: str = DEST, time: int | None = None
) -> Verdict:
    call = CallToVerify(orig=orig, dest=(dest,), time=time, identities=identities)
    found = begin(call, NOW, RULES)
    if isinstance(found, Pending):
        found = conclude(found, {X5U: VALID}, NOW, RULES, Replays())
    assert (found.verstat is Verstat.PASSED) == (found.code is None)
    return found


@given(st.lists(st.text() | st.text().map(lambda tail: GOOD + tail), max_size=3))
def test_any_text_as_a_header_gets_a_verdict(identities: list[str]) -> None:
    verdict_of(*identities)


@settings(max_examples=200)
@given(claims, claims, kinds)
def test_any_signed_claims_get_a_verdict(
    changes: dict[str, Any], others: dict[str, Any], ppt: str
) -> None:
    verdict_of(OWL.header({**shaken(), **changes}, ppt), OWL.header({**shaken(), **others}, "div"))


SIGNATURE = st.text("Aw_-0", min_size=86, max_size=86)


@given(SIGNATURE | st.text(max_size=90), st.sampled_from([ORIG, "sip:a@b.example"]))
def test_any_text_in_compact_form_gets_a_verdict(signature: str, orig: str) -> None:
    verdict = verdict_of(f"..{signature};info=<{X5U}>", orig=orig, time=NOW)
    assert verdict.verstat is Verstat.NONE


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_request_gets_a_verdict_or_is_told_what_cannot_be_judged(orig: str, dest: str) -> None:
    try:
        verdict_of(GOOD, orig=orig, dest=dest)
    except UnusableCall as refused:
        assert refused.parameter in ("from", "to")
