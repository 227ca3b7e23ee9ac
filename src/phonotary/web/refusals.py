"""The rooms' refusals in Twilio's dialect: HTTP status and error code, one row each.

The codes are those of Twilio's error dictionary; ``400`` as a code is what Trust Hub itself sends
where it has none ("code": 400 beside a sentence, seen by several integrators). None is invented:
``tests/web/test_refusals_table.py`` holds every row against the catalogue.
"""

from __future__ import annotations

from phonotary.errors import Reason

# Trust Hub's own habit where a rule has no code of its own.
NO_CODE = 400

DIALECT: dict[Reason, tuple[int, int]] = {
    Reason.NOT_AUTHENTICATED: (401, 20003),
    Reason.ACCOUNT_NOT_ACTIVE: (403, 20005),
    Reason.FORBIDDEN: (403, 20006),
    Reason.NOT_FOUND: (404, 20404),
    Reason.METHOD_NOT_ALLOWED: (405, 20004),
    Reason.UNREADABLE_BODY: (400, 20001),
    Reason.BODY_TOO_LARGE: (413, 20413),
    Reason.MISSING_PARAMETER: (400, 20001),
    Reason.INVALID_PARAMETER: (400, 20001),
    Reason.INVALID_FRIENDLY_NAME: (400, 20002),
    Reason.INVALID_CALLBACK_URL: (400, 21502),
    Reason.INVALID_PAGE_TOKEN: (400, 21481),
    Reason.CONFLICT: (409, 20409),
    Reason.LOST_RACE: (409, 20162),
    Reason.UNAVAILABLE: (503, 20503),
    Reason.CONSOLE_ONLY: (400, NO_CODE),
    Reason.STATUS_UNKNOWN: (400, 22203),
    Reason.STATUS_NOT_YOURS: (400, NO_CODE),
    Reason.STATUS_WITH_PROPERTIES: (400, 22204),
    Reason.FROZEN: (400, 70002),
    Reason.ATTRIBUTES_UNREADABLE: (400, 22207),
    Reason.END_USER_TYPE_UNKNOWN: (400, 22212),
    Reason.OBJECT_UNKNOWN: (400, 22205),
    Reason.OBJECT_TYPE_WRONG: (400, 22206),
    Reason.ALREADY_ASSIGNED: (409, 20409),
    Reason.NUMBER_NOT_ON_PROFILE: (400, NO_CODE),
    Reason.NUMBER_NOT_ELIGIBLE: (400, NO_CODE),
    Reason.END_USER_ASSIGNED: (400, 21644),
    Reason.DOCUMENT_ASSIGNED: (400, 21645),
    Reason.DOCUMENT_UNDER_REVIEW: (400, 21646),
    Reason.BUNDLE_UNDER_REVIEW: (400, 21647),
    Reason.BUNDLE_HAS_NUMBERS: (400, 21648),
    Reason.COPY_NOT_ELIGIBLE: (400, 18607),
    Reason.COPY_EXISTS: (400, 18608),
    Reason.COPY_ADDRESS_DELETED: (400, 18610),
    Reason.NOT_COMPLIANT: (400, NO_CODE),
    Reason.CODE_REQUIRED: (400, NO_CODE),
    Reason.OWN_FILING: (400, NO_CODE),
    Reason.NESTED_SUBACCOUNT: (400, 21101),
    Reason.ADDRESS_INVALID: (400, 21628),
    Reason.ADDRESS_FROZEN: (400, 21630),
    Reason.PRIMARY_NOT_APPROVED: (400, 20003),
    Reason.NUMBER_NOT_AVAILABLE: (400, NO_CODE),
    Reason.NUMBER_INVALID: (400, NO_CODE),
    Reason.CALLER_ID_LOOKUP_UNSUPPORTED: (400, 21409),
}
