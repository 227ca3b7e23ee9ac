from __future__ import annotations

import pytest

from phonotary.abreast import Steps, abreast, alone


def walk(name: str, steps: int, seen: list[str]) -> Steps[str]:
    for step in range(steps):
        seen.append(f"{name}{step}")
        yield
    seen.append(f"{name} ends")
    return name


def fall() -> Steps[str]:
    yield
    raise ValueError("fell")


def test_each_step_is_taken_by_all_before_the_next_by_any() -> None:
    seen: list[str] = []
    assert abreast([walk("a", 2, seen), walk("b", 1, seen), walk("c", 2, seen)]) == ["a", "b", "c"]
    assert seen == ["a0", "b0", "c0", "a1", "b ends", "c1", "a ends", "c ends"]


def test_who_fails_stops_no_other() -> None:
    first, second, third = abreast([walk("a", 3, []), fall(), walk("c", 0, [])])
    assert (first, third) == ("a", "c")
    assert isinstance(second, ValueError)


def test_nobody_comes_to_nothing() -> None:
    assert abreast([]) == []


def test_one_alone_returns_or_raises_what_it_comes_to() -> None:
    assert alone(walk("a", 3, [])) == "a"
    with pytest.raises(ValueError, match="fell"):
        alone(fall())
