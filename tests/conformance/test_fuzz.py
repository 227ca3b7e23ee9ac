"""Schemathesis on the published documents, against a running phonotary.

Small in the test command; ``PHONOTARY_FUZZ=large`` (``make conformance``) sends ten times as much.
The same data every time: a failure here is found again by running the test again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.compat import oai
from tests.conformance import scenes, strict
from tests.conformance.published import APIS, SERVED, Operation
from tests.conformance.scenes import Desk

CASES = 60 if os.environ.get("PHONOTARY_FUZZ") == "large" else 6
# What Twilio's error dictionary holds for every operation; the documents name successes only.
ERRORS = (400, 401, 403, 404, 405, 409, 413, 429)
_ERROR_BODY = {
    "type": "object",
    "properties": {
        "code": {"type": "integer"},
        "message": {"type": "string"},
        "more_info": {"type": "string", "pattern": r"^https://www\.twilio\.com/docs/errors/\d+$"},
        "status": {"type": "integer"},
    },
    "required": ["code", "message", "more_info", "status"],
    "additionalProperties": False,
}
_ERROR = {
    "description": "Refused",
    "content": {"application/json": {"schema": _ERROR_BODY}},
}
# A sandbox calls back for real. Whatever address is made up, nothing may leave this machine.
_NOBODY_LISTENS = "http://127.0.0.1:9/"
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
]
# Bodies these documents describe as they are sent. The core one says ``uri`` where it means a
# path, Lookups v2 forgets that nearly everything is null: ``strict`` knows, Schemathesis cannot.
AS_WRITTEN = {"trusthub_v1", "lookups_v1"}


def _document(api: str) -> dict[str, Any]:
    """The document without what is not served, and with the errors that it leaves unsaid.

    Also without its credentials: ``test_every_operation`` has asked everything without any, and
    what Schemathesis sends with wrong ones says nothing about the rest of the request.
    """
    paths: dict[str, dict[str, Any]] = {}
    for row in SERVED:
        if row.api == api:
            responses = row.node["responses"] | {str(status): _ERROR for status in ERRORS}
            paths.setdefault(row.path, {})[row.method.lower()] = {
                **row.node,
                "responses": responses,
                "security": [],
            }
    return {**oai.document(api), "paths": paths}


SCHEMAS = {api: schemathesis.openapi.from_dict(_document(api)) for api in APIS}


@pytest.fixture(scope="module")
def session(desk: Desk) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.auth = (desk.hub.account_sid, desk.hub.auth_token)
        yield session


def _modes(operation: Operation) -> list[schemathesis.GenerationMode]:
    """Wrong data only where the document says what is right: no text is wrong as a type's name."""
    parameters = operation.node.get("parameters", ())
    ruled = any("pattern" in p["schema"] or p["in"] == "query" for p in parameters)
    both = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    return both if ruled or "requestBody" in operation.node else both[:1]


@pytest.mark.parametrize(
    ("operation", "mode"),
    [pytest.param(row, mode, id=f"{row}-{mode.value}") for row in SERVED for mode in _modes(row)],
)
def test_whatever_is_sent_the_answer_is_documented(
    desk: Desk,
    session: requests.Session,
    operation: Operation,
    mode: schemathesis.GenerationMode,
) -> None:
    """Most cases are about things that exist, and send some of what a valid form has."""
    cases = SCHEMAS[operation.api][operation.path][operation.method].as_strategy(mode)
    there = scenes.parameters(desk, operation)
    names = sorted(scenes.form(desk, operation)) if operation.method == "POST" else []

    @settings(
        max_examples=CASES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=cases,
        strange=st.integers(0, 3),
        made_up=st.sets(st.sampled_from(names or [""])),
        without_token=st.booleans(),
    )
    def run(case: schemathesis.Case, strange: int, made_up: set[str], without_token: bool) -> None:
        if strange < 3:
            real = there if operation.method != "DELETE" else scenes.parameters(desk, operation)
            case.path_parameters = {**(case.path_parameters or {}), **real}
            good = scenes.form(desk, operation) if names else {}
            _make_sense(case, {name: good[name] for name in good.keys() - made_up})
            if without_token and case.query:
                # A made-up token would be all that a list ever looked at.
                paging = ("Page", "PageToken")
                case.query = {name: v for name, v in case.query.items() if name not in paging}
        _call_nobody(case)
        response = case.call(base_url=desk.hub.http, session=session, timeout=10)
        refused = response.status_code >= 400
        as_written = refused or operation.api in AS_WRITTEN
        case.validate_response(response, checks=CHECKS + [response_schema_conformance] * as_written)
        if operation.schema and not refused:
            assert strict.faults(operation, response.json()) == []

    run()


def _make_sense(case: schemathesis.Case, good: dict[str, str]) -> None:
    if good and isinstance(case.body, dict):
        case.body = {**case.body, **good}


def _call_nobody(case: schemathesis.Case) -> None:
    if isinstance(case.body, dict):
        urls = [name for name in case.body if "Callback" in name or name.endswith("Url")]
        if any("://" in str(case.body[name]) for name in urls):
            case.body = {**case.body, **dict.fromkeys(urls, _NOBODY_LISTENS)}
