"""The operations of Twilio's published documents, and which of them phonotary answers for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.compat import oai

METHODS = ("get", "post", "put", "patch", "delete")

# The core API is hundreds of operations about calls and messages. These are what onboarding needs.
_CORE = """
Addresses AvailablePhoneNumbers IncomingPhoneNumbers Keys OutgoingCallerIds SigningKeys
""".split()
_ACCOUNTS = ("/2010-04-01/Accounts.json", "/2010-04-01/Accounts/{Sid}.json")

# What the documents hold beside that, by a part of its path, and why phonotary leaves it out.
LEFT_OUT = {
    "/A2PBrandRegistrations": "registration of text messages, in JSON, for one vendor's widget",
    "/A2PCampaignRegistrations": "registration of text messages, in JSON, for one vendor's widget",
    "/AssignedAddOns": "a marketplace of other companies' products",
    "/v2/batch/": "lookups of many numbers as a job; no part of Trust Hub",
    "/v2/RateLimits": "buckets of a paid lookup package",
    "/Overrides/": "corrections to a paid lookup package",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of a document."""

    api: str
    method: str
    path: str
    node: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.api}:{self.id}"

    @property
    def id(self) -> str:
        return str(self.node["operationId"])

    @property
    def success(self) -> int:
        """The one status below 400 that is documented."""
        (status,) = (int(code) for code in self.node["responses"] if int(code) < 400)
        return status

    @property
    def schema(self) -> dict[str, Any] | None:
        """The schema of the successful answer's body, None when it has no body."""
        content = self.node["responses"][str(self.success)].get("content", {})
        found: dict[str, Any] | None = content.get("application/json", {}).get("schema")
        return found

    @property
    def headers(self) -> set[str]:
        return set(self.node["responses"][str(self.success)].get("headers", ()))


def left_out(path: str) -> bool:
    return any(part in path for part in LEFT_OUT)


def _relevant(api: str, path: str) -> bool:
    if api != "api_v2010":
        return True
    parts = path.removesuffix(".json").split("/")
    return path in _ACCOUNTS or any(name in parts for name in _CORE)


def operations(api: str) -> Iterator[Operation]:
    """Everything one document has to say about what phonotary is for."""
    for path, item in oai.document(api)["paths"].items():
        if _relevant(api, path):
            for method in METHODS:
                if method in item:
                    yield Operation(api, method.upper(), path, item[method])


APIS = ("trusthub_v1", "api_v2010", "lookups_v1", "lookups_v2")
SERVED = [row for api in APIS for row in operations(api) if not left_out(row.path)]


def methods_by_path() -> dict[str, set[str]]:
    """What each served path may be asked, as documented."""
    found: dict[str, set[str]] = {}
    for row in SERVED:
        found.setdefault(row.path, set()).add(row.method)
    return found
