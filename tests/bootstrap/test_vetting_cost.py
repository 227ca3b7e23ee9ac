"""What vetting costs does not depend on what a customer writes: it runs where calls are signed.

Each text is as long as a request may be. A pattern that reads it once for every one of its
characters takes half a minute; all of them together take a fraction of a second.
"""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from phonotary.bootstrap import displaying
from phonotary.cnam import display, suggestions
from phonotary.errors import Refused
from phonotary.trusthub import email, policies, types, vetting
from phonotary.trusthub.display import DIGEST
from tests.rooms.trusthub import samples

LONG = 65_536
MOST = 2.0
"""Seconds of the processor's time, whatever else the machine does meanwhile."""
PARTS = ("a", "a-", "a.", ".", "-", " ", "\n", "0", "1-", "1 (2).-", "+1", "P.", "P. O. ", "a ")
WORDS = ("POST  ", "F.B.I", "SEATTLE, WA ", "https://a.", "@", "é'", "a;", "ab cd ", "abc ")
TEXTS = {part: (part * LONG)[:LONG] for part in (*PARTS, *WORDS)}


@pytest.mark.parametrize("part", TEXTS)
def test_a_bundle_of_long_texts_is_vetted_in_time(part: str) -> None:
    text = TEXTS[part]
    for each in (text, f"a@{text} b", f"https://{text}!"):
        address = replace(samples.ADDRESS, street=each, street_secondary=each, iso_country=each)
        for key in ("secondary_business", "cnam", "branded_calling_basic_1"):
            policy = policies.named(key)
            names = [need.type for need in policy.end_users]
            people = tuple(written(name, each) for name in names)
            business = (*(written(samples.business().type, each),), samples.person(email=each))
            facts = replace(
                samples.product(*people),
                kind=policy.kind,
                addresses={"AD1": address},
                documents=(samples.paper(),),
                bundles=(samples.linked(end_users=business),),
            )
            begun = time.thread_time()
            vetting.vet(
                policy,
                facts,
                0,
                name_findings=suggestions.findings,
                display_findings=displaying.findings,
            )
            assert time.thread_time() - begun < MOST, (key, each[:12])


def written(type_name: str, text: str) -> samples.EndUser:
    """An end user with the same text in all its fields."""
    known = types.end_user_type(type_name)
    assert known is not None
    given = {field.machine_name: text for field in known.fields}
    return samples.end_user(type_name, {**given, DIGEST: text})


@pytest.mark.parametrize("part", TEXTS)
def test_a_pattern_reads_a_long_text_once(part: str) -> None:
    begun = time.thread_time()
    display._LINK.search(TEXTS[part])
    with pytest.raises(Refused):
        email.required(f"a@{TEXTS[part]} b")
    assert time.thread_time() - begun < MOST
