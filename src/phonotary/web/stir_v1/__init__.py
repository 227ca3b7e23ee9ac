"""``/stir/v1``: the doors to the authentication and the verification service, one core for all.

:func:`doors` answers requests as bytes and knows no server; :func:`asgi` and
:mod:`phonotary.web.lean` bring it to the wire. Three dialects share the paths: ATIS-1000082, the
Ms reference point of 3GPP TS 24.229 Annex V, and plain text for dialplans.
"""

from phonotary.web.stir_v1.answers import MAX_BODY, Answer, Door, Given, Headers, taken
from phonotary.web.stir_v1.asgi import AsgiApp, asgi
from phonotary.web.stir_v1.certs import certs_app
from phonotary.web.stir_v1.doors import (
    PREFIX,
    SIGNING,
    TEXT_SIGN,
    TEXT_VERIFY,
    VERIFICATION,
    doors,
)

__all__ = [
    "MAX_BODY",
    "PREFIX",
    "SIGNING",
    "TEXT_SIGN",
    "TEXT_VERIFY",
    "VERIFICATION",
    "Answer",
    "AsgiApp",
    "Door",
    "Given",
    "Headers",
    "asgi",
    "certs_app",
    "doors",
    "taken",
]
