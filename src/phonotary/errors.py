"""Every "no" that phonotary can say, named once.

Rooms raise :class:`Refused` with a :class:`Reason`; they know nothing of HTTP, SIP, DNS or exit
codes. Each edge owns one table that turns a reason into its own dialect (the web's is
``phonotary.web.refusals``), so the same "no" reads the same in every room.
"""

from __future__ import annotations

from enum import StrEnum, auto


class Reason(StrEnum):
    """Why a request was refused. The sentence for the caller travels beside it."""

    # Who is asking.
    NOT_AUTHENTICATED = auto()
    ACCOUNT_NOT_ACTIVE = auto()
    FORBIDDEN = auto()
    # What was asked.
    NOT_FOUND = auto()
    METHOD_NOT_ALLOWED = auto()
    UNREADABLE_BODY = auto()
    BODY_TOO_LARGE = auto()
    MISSING_PARAMETER = auto()
    INVALID_PARAMETER = auto()
    INVALID_FRIENDLY_NAME = auto()
    INVALID_CALLBACK_URL = auto()
    INVALID_PAGE_TOKEN = auto()
    CONFLICT = auto()
    LOST_RACE = auto()
    UNAVAILABLE = auto()
    # Bundles and what belongs to them.
    CONSOLE_ONLY = auto()
    STATUS_UNKNOWN = auto()
    STATUS_NOT_YOURS = auto()
    STATUS_WITH_PROPERTIES = auto()
    FROZEN = auto()
    ATTRIBUTES_UNREADABLE = auto()
    END_USER_TYPE_UNKNOWN = auto()
    OBJECT_UNKNOWN = auto()
    OBJECT_TYPE_WRONG = auto()
    ALREADY_ASSIGNED = auto()
    NUMBER_NOT_ON_PROFILE = auto()
    NUMBER_NOT_ELIGIBLE = auto()
    END_USER_ASSIGNED = auto()
    DOCUMENT_ASSIGNED = auto()
    DOCUMENT_UNDER_REVIEW = auto()
    BUNDLE_UNDER_REVIEW = auto()
    BUNDLE_HAS_NUMBERS = auto()
    COPY_NOT_ELIGIBLE = auto()
    COPY_EXISTS = auto()
    COPY_ADDRESS_DELETED = auto()
    NOT_COMPLIANT = auto()
    CODE_REQUIRED = auto()
    OWN_FILING = auto()
    # Accounts, addresses and numbers.
    NESTED_SUBACCOUNT = auto()
    ADDRESS_INVALID = auto()
    ADDRESS_FROZEN = auto()
    PRIMARY_NOT_APPROVED = auto()
    NUMBER_NOT_AVAILABLE = auto()
    NUMBER_INVALID = auto()
    CALLER_ID_LOOKUP_UNSUPPORTED = auto()


class Refused(Exception):
    """A rule said no; nothing was changed. Where a database went away before it said whether it had
    kept a change, nobody knows that, and the sentence of UNAVAILABLE says so.

    ``because`` is one sentence for the caller. It must never carry a secret or a registration
    number: edges print it and logs keep it.
    """

    def __init__(self, reason: Reason, because: str) -> None:
        super().__init__(because)
        self.reason = reason
        self.because = because
