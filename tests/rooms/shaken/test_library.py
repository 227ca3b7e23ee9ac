"""``phonotary.shaken`` as others import it."""

from __future__ import annotations

import doctest

import phonotary.shaken


def test_the_example_of_the_documentation_is_true() -> None:
    tried = doctest.testmod(phonotary.shaken)
    assert (tried.attempted > 5, tried.failed) == (True, 0)


def test_every_public_name_is_there() -> None:
    names = phonotary.shaken.__all__
    assert names == sorted(set(names))
    assert all(hasattr(phonotary.shaken, name) for name in names)
