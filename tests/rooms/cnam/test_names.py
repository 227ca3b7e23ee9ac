"""Display names and numbers, by the CNAM guide."""

from __future__ import annotations

import itertools
import re

import pytest

from phonotary.cnam import names


def rules(name: str) -> list[str]:
    return [each.rule for each in names.findings(name)]


@pytest.mark.parametrize(
    "name",
    [
        "DISPLAY NAME",  # the guide's sample
        "ACME PLUMBING",
        "Acme, Inc.",
        "A",
        "Fifteen letters",
        "Route 66 Diner",
        "  Acme   Co  ",
        "Policeman Cafe",
        "SMITH, MD",
        "ACME PA",
        "Clinton Bakery",
        "MERCURY",
        "MESA PLUMBING",
    ],
)
def test_good_names(name: str) -> None:
    assert names.findings(name) == []


@pytest.mark.parametrize(
    ("name", "rule", "code"),
    [
        ("", "empty", 11009),
        ("   ", "empty", 11009),
        ("Sixteen letters.", "length", 11009),
        ("1ST PLUMBING", "first-letter", 11009),
        (".ACME", "first-letter", 11009),
        ("SMITH & SONS", "characters", 11009),
        ("ACME-PLUMBING", "characters", 11009),
        ("ACME\tPLUMBING", "characters", 11009),
        ("CAFÉ ZOÉ", "characters", 11009),
        ("UNKNOWN", "generic", 11009),
        ("Wireless Caller", "generic", 11009),
        ("SAN FRANCISCO", "generic", 11009),
        ("SEATTLE WA", "generic", 11009),
        ("Miami, Florida", "generic", 11009),
        ("SAN FRANCISC CA", "generic", 11009),
        ("California", "generic", 11009),
        ("Columbia, MD", "generic", 11009),
        ("St. Cloud, MN", "generic", 11009),
        ("WALLA WALLA WA", "generic", 11009),
        ("WASHINGTON DC", "generic", 11009),
        ("FBI", "prohibited", 11008),
        ("F.B.I. OFFICE", "prohibited", 11008),
        ("SOCIAL SECURITY", "prohibited", 11008),
        ("US GOVERNMENT", "prohibited", 11008),
        ("Seattle Police", "prohibited", 11008),
        ("MEDICARE HELP", "prohibited", 11008),
    ],
)
def test_each_rule_alone(name: str, rule: str, code: int) -> None:
    (finding,) = names.findings(name)
    assert (finding.rule, finding.code) == (rule, code)
    assert finding.sentence.endswith(".")


def test_all_findings_come_at_once() -> None:
    assert rules("9 Police & Fire Department") == [
        "length",
        "first-letter",
        "characters",
        "prohibited",
    ]
    assert rules("Social Security Administration") == ["length", "prohibited"]


def test_normal_trims_and_collapses() -> None:
    assert names.normal("  ACME   PLUMBING\n") == "ACME PLUMBING"


def test_the_form_rules_are_the_guide_s_expression() -> None:
    form = {"empty", "length", "first-letter", "characters"}
    parts = [
        "",
        " ",
        "A",
        "z9",
        "7",
        ".",
        ", ",
        "&",
        "\n",
        "\u00c9",
        "ELEVEN CHAR",
        "FOURTEEN CHARS",
    ]
    for name in (one + two for one, two in itertools.product(parts, parts)):
        text = re.sub(" +", " ", name.strip())
        fits = re.fullmatch("[A-Za-z][A-Za-z0-9., ]{0,14}", text) is not None
        assert fits == form.isdisjoint(rules(name)), repr(name)
