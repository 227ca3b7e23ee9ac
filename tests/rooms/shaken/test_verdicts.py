"""The table of verification failures, against the cases other implementations agree on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phonotary.shaken.verdicts import FAILURES, UnusableCall, Verstat, failed

VECTORS = Path(__file__).parents[2] / "vectors" / "atis1000082_verification.json"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text("utf-8"))["verification_error_cases"]
ROWS = list(FAILURES.values())


def of(case: str) -> dict[str, Any]:
    return next(one for one in CASES if one["case"] == case)


@pytest.mark.parametrize("row", [row for row in ROWS if row.atis], ids=lambda row: row.reason)
def test_every_row_with_a_case_answers_as_the_case_does(row: Any) -> None:
    case = of(row.atis)
    told = (row.code, row.text, str(row.verstat))
    assert told == (case["reasoncode"], case["reasontext"], case["verstat"])


def test_every_case_has_a_row_and_the_first_two_are_about_the_request() -> None:
    ours = {row.atis for row in ROWS if row.atis}
    assert ours == {one["case"] for one in CASES} - {"E1", "E2"}
    for case, message in (("E1", "SVC4001"), ("E2", "SVC4005")):
        assert message in of(case)["http"]
        assert UnusableCall(case, "from", "It is not there.").case == case


def test_only_the_authority_and_the_signature_fail_a_number_in_the_cases() -> None:
    assert {row.atis for row in ROWS if row.verstat is Verstat.FAILED and row.atis} == {
        "E17",
        "E18",
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reason)
def test_every_row_has_a_sip_code_a_sentence_and_a_source(row: Any) -> None:
    assert row.code in (403, 428, 436, 437, 438)
    assert row.text
    assert row.desc.endswith(".")
    assert row.source
    assert row.verstat is not Verstat.PASSED
    assert row.reason.replace("-", "").isalnum()


def test_one_code_has_one_text_except_where_rfc_8224_offers_a_second() -> None:
    texts = {(row.code, row.text) for row in ROWS}
    assert len(texts) == 6
    assert {text for code, text in texts if code == 428} == {
        "Use Identity Header",
        "Use Supported PASSporT Format",
    }


def test_a_verdict_takes_its_answer_from_the_row_and_may_say_more() -> None:
    plain, more = failed("revoked"), failed("revoked", "So it is.")
    assert (plain.case, plain.reason, plain.desc) == ("E17", "revoked", FAILURES["revoked"].desc)
    assert more.desc == "So it is."
    assert not more.passed


def test_steps_follow_the_order_of_the_table() -> None:
    steps = [failed(row.reason).step for row in ROWS]
    assert steps == sorted(steps)
    assert len(set(steps)) == len(steps)
