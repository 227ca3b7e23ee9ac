"""The request log hides what is secret by its field's name, wherever that field stands."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from phonotary.web.sandbox import mask
from phonotary.web.sandbox.log import Entry, RequestLog, shown

SECRET = "s3cr3t-12-3456789"


def entry(request: str = "", answer: str = "", query: str = "") -> Entry:
    log = RequestLog()
    scope = {
        "method": "POST",
        "path": "/v1/EndUsers",
        "query_string": query.encode(),
        "headers": [],
    }
    made = log.open(0, scope)
    made.request_body, made.response_body = request.encode(), answer.encode()
    log.close(made)
    return made


ATTRIBUTES = json.dumps({"business_registration_number": SECRET, "business_name": "Harbor"})
NESTED = json.dumps({"said": ATTRIBUTES})


@pytest.mark.parametrize(
    "hidden",
    [
        entry(f"client_id=OQ1&client_secret={SECRET}"),
        entry(f"BusinessRegistrationNumber={SECRET}"),
        entry(f"Attributes={quote(ATTRIBUTES)}&FriendlyName=Harbor"),
        entry(f"Attributes={quote(ATTRIBUTES[:60])}"),
        entry(json.dumps({"auth_token": SECRET})),
        entry(f"Note={quote('https://x.example/?a=b&token=' + SECRET)}"),
        entry(answer=json.dumps({"keys": [{"secret": SECRET}]})),
        entry(answer=json.dumps({"accounts": [{"auth_token": SECRET}]})),
        entry(answer=json.dumps({"accounts": [{"auth_token": SECRET}]})[:-3]),
        entry(answer='{"accounts": [{"auth_token": "' + SECRET),
        entry(answer=json.dumps({"inquiry_session_token": SECRET})),
        entry(answer=json.dumps({"access_token": SECRET})),
        entry(answer=json.dumps({"url": f"https://x.example/console?token={SECRET}"})),
        entry(answer=json.dumps({"results": [{"attributes": json.loads(ATTRIBUTES)}]})),
        entry(answer=NESTED),
        entry(answer=NESTED + "cut"),
        entry(query=f"token={SECRET}"),
        entry(query=f"Client_Secret={SECRET}"),
    ],
)
def test_no_secret_is_shown_or_found(hidden: Entry) -> None:
    assert SECRET not in json.dumps(shown(hidden, []))
    assert mask.HIDDEN in json.dumps(shown(hidden, []))
    assert not hidden.contains(SECRET.encode())


def test_what_is_not_secret_is_as_it_was_sent() -> None:
    form = {"FriendlyName": "token of thanks", "Attributes": '{ "a":1 }', "PageToken": "PA1"}
    assert mask.form(form) == form
    answer = {"next_page_url": "http://x.example/v1/EndUsers?PageToken=PA1", "token": None}
    assert mask.shown(answer) == answer
    found = entry("FriendlyName=Harbor+Books", json.dumps({"friendly_name": "Harbor Books"}))
    assert found.contains(b"Harbor+Books")
    assert found.contains(b'"friendly_name": "Harbor')


def test_the_rest_of_a_form_with_a_secret_is_still_found() -> None:
    found = entry(f"client_id=OQ1&client_secret={SECRET}", json.dumps({"secret": SECRET, "a": 1}))
    assert found.contains(b"client_id=OQ1")
    assert found.contains(b'"a"')
