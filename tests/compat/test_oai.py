"""Twilio's published documents are here and say what this house is built on."""

from __future__ import annotations

import pytest

from tests.compat import oai

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("trusthub_v1", "/v1/CustomerProfiles/{CustomerProfileSid}/Evaluations"),
        ("trusthub_v1", "/v1/TrustProducts/{TrustProductSid}/ProvisionalCopy"),
        ("api_v2010", "/2010-04-01/Accounts/{AccountSid}/Addresses.json"),
        ("lookups_v1", "/v1/PhoneNumbers/{PhoneNumber}"),
        ("lookups_v2", "/v2/PhoneNumbers/{PhoneNumber}"),
    ],
)
def test_a_document_has_the_paths_its_clients_call(name: str, path: str) -> None:
    assert path in oai.document(name)["paths"]


def test_trust_hub_has_as_many_operations_as_were_read() -> None:
    """Another count means another version of the document: read what changed, then change this."""
    paths = oai.document("trusthub_v1")["paths"].values()
    assert sum(method in METHODS for path in paths for method in path) == 61


def test_a_document_that_is_not_there_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(FileNotFoundError, match="make conformance"):
        oai.document("no_such_api")
