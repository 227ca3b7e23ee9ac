"""Which resource a path means, without trying every path there is.

The framework tries its routes one after the other, and the API alone has sixty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.routing import compile_path
from starlette.types import Scope

from phonotary.web.operations import Resource

# So many parts at the start of a path choose the few templates that are tried on it.
_HEAD = 3


class Paths:
    """Resources by path template, as ``/v1/CustomerProfiles/{bundle_sid}``."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._exact: dict[str, Resource] = {}
        self._shaped: dict[tuple[int, tuple[str, ...]], list[tuple[re.Pattern[str], Resource]]] = {}
        for template, resource in resources.items():
            parts = template.split("/")
            if "{" not in template:
                self._exact[template] = resource
                continue
            if "{" in "".join(parts[:_HEAD]):
                raise ValueError(f"{template} must start with two parts that are always the same")
            shape = (len(parts), tuple(parts[:_HEAD]))
            pattern, _, _ = compile_path(template)
            self._shaped.setdefault(shape, []).append((pattern, resource))

    def find(self, path: str, scope: Scope) -> Resource | None:
        """The resource, with ``path_params`` put into ``scope``; None for a path there is not."""
        resource = self._exact.get(path)
        if resource is not None:
            scope["path_params"] = {}
            return resource
        parts = path.split("/")
        for pattern, resource in self._shaped.get((len(parts), tuple(parts[:_HEAD])), ()):
            found = pattern.match(path)
            if found:
                scope["path_params"] = found.groupdict()
                return resource
        return None
