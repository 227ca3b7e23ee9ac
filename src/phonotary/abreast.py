"""Work in steps, which those that came together take abreast.

What one call needs of the processor's caches is more than they hold: by the time a call is signed,
the code that reads the next is cold. So work that many callers wait for at one moment is written as
a generator that yields where the others are to come as far first, and every step is done for all of
them before the next is begun for any. Nothing else runs in between, and nobody waits for a timer.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[None, None, T]
"""Yields after each step, and returns what the work comes to."""


def abreast(works: Sequence[Steps[T]]) -> list[T | Exception]:
    """What each comes to, in their order, or what it raised: one that fails stops no other."""
    found: dict[int, T | Exception] = {}
    left = list(enumerate(works))
    while left:
        more = []
        for each in left:
            at, work = each
            try:
                next(work)
            except StopIteration as end:
                found[at] = end.value
            except Exception as fault:
                found[at] = fault
            else:
                more.append(each)
        left = more
    return [found[at] for at in range(len(works))]


def alone(work: Steps[T]) -> T:
    """What one comes to by itself. Raises what it raises."""
    try:
        while True:
            next(work)
    except StopIteration as end:
        result: T = end.value
        return result
