"""The generated pages say what the tables say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_script", ROOT / "scripts" / "docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["operations.md", "refusals.md", "bundles.md", "attestation.md"])
def test_a_generated_page_is_as_its_table(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text()
    assert written == _script().text(name), "run `make docs` and commit what it writes"


def test_every_generated_page_is_compared() -> None:
    pages = {path.name for path in (ROOT / "docs" / "reference").glob("*.md")}
    assert pages == set(_script().PAGES)
