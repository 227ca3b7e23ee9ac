"""Dips over HTTP: the paths and shapes that PBXs already ask for, over one core.

:func:`door` answers requests as bytes and knows no server; ``stir_v1.asgi`` and
:mod:`phonotary.web.lean` bring it to the wire.
"""

from phonotary.web.cnam.doors import PREFIXES, beside, door

__all__ = ["PREFIXES", "beside", "door"]
