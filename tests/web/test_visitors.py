"""A hub that others can reach is known by more names than one on loopback."""

from __future__ import annotations

import pytest

from phonotary.errors import Refused
from phonotary.web.sandbox.visitors import admit

SCOPE = {"scheme": "http", "server": ("172.17.0.2", 8080)}


@pytest.mark.parametrize("host", ["phonotary:8080", "172.17.0.2:8080", "localhost"])
def test_containers_find_it_by_name_or_address(host: str) -> None:
    admit({"host": host}, SCOPE, "0.0.0.0")


@pytest.mark.parametrize("host", ["evil.example", "172.17.0.3:8080", "", "2886729730"])
def test_no_other_name_is_its_own(host: str) -> None:
    with pytest.raises(Refused):
        admit({"host": host}, SCOPE, "0.0.0.0")


def test_the_address_it_was_told_to_use_is_its_own() -> None:
    admit({"host": "hub.example:8080"}, SCOPE, "hub.example")
