"""The generated pages say what the tables say."""

from __future__ import annotations

import importlib.util
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from phonotary.bootstrap import registrars
from phonotary.config import service
from phonotary.outbound.registrars import bandwidth, http, sftp

ROOT = Path(__file__).parents[2]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_script", ROOT / "scripts" / "docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(_script().PAGES))
def test_a_generated_page_is_as_its_table(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text()
    assert written == _script().text(name), "run `make docs` and commit what it writes"


def test_every_generated_page_is_compared() -> None:
    pages = {path.name for path in (ROOT / "docs" / "reference").glob("*.md")}
    assert pages == set(_script().PAGES)


def test_every_setting_of_a_service_is_explained() -> None:
    told = "".join(
        (ROOT / page).read_text() for page in ("docs/stir.md", "docs/cnam.md", "README.md")
    )
    missing = [
        name for name in service.NAMES if name.lower() not in told and f"_{name}" not in told
    ]
    assert not missing


def test_every_setting_of_a_database_is_explained() -> None:
    told = (ROOT / "docs/cnam.md").read_text()
    kinds = (bandwidth.Settings, http.Settings, sftp.Settings)
    names = {each.name for kind in kinds for each in fields(kind)}
    names |= {*registrars._Manual.__struct_fields__, *registrars._Own.__struct_fields__}
    missing = sorted(
        each for each in names if f"`{each}" not in told and f"\n{each} = " not in told
    )
    assert not missing
