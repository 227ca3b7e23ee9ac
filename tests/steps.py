"""What answers at once, in the guise of work in steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from phonotary.abreast import Steps


def in_steps(at_once: Callable[..., Any]) -> Callable[..., Steps[Any]]:
    """``at_once``, asked in the second of three steps."""

    def steps(*values: Any) -> Steps[Any]:
        yield
        answer = at_once(*values)
        yield
        return answer

    return steps
