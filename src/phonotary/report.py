"""What a running hub tells its operator: lines on standard error, and nothing secret in them.

A traceback is plain. One that shows the values of local variables, as structlog's default does
where rich is installed, would show auth tokens and Authorization headers too.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any


def to(name: str) -> Any:
    """A logger. structlog is loaded with the first line there is to tell: it brings rich, a tenth
    of a start, and most runs have nothing to tell."""
    return _configured().get_logger(name)


@cache
def _configured() -> Any:
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        # Standard output is for programs, and under `exec` it is the command's.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    return structlog
