"""Write the generated pages of docs/reference from the tables the code decides by.

``make docs`` writes them; a test compares them, so that no page can say what no table says.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from phonotary.shaken import attestation, lint
from phonotary.shaken.failures import FAILURES
from phonotary.shaken.paths import Defect
from phonotary.trusthub import codes, lifecycle, policies, types
from phonotary.web.app import API
from phonotary.web.refusals import DIALECT

DIRECTORY = Path(__file__).parent.parent / "docs" / "reference"
_NOTE = "<!-- Written by `make docs`; change the table it comes from instead. -->"


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[str]:
    def line(cells: tuple[object, ...]) -> str:
        texts = (str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells)
        return f"| {' | '.join(texts)} |"

    return [line(head), line(("---",) * len(head)), *(line(row) for row in rows)]


def operations() -> list[str]:
    """Every operation of the API tables."""
    rows: list[tuple[object, ...]] = []
    for operation in API:
        fields = (*operation.form, *operation.query)
        if operation.listing:
            fields += operation.listing.filters
        names = ", ".join(f"**{f.name}**" if f.required else f.name for f in fields)
        rows.append((operation.method, f"`{operation.path}`", operation.status, names))
    return [
        "# Operations",
        "",
        f"{len(rows)} operations; required parameters are bold. Lists also take PageSize, Page and "
        "PageToken.",
        "",
        *_table(("method", "path", "status", "parameters"), rows),
    ]


def refusals() -> list[str]:
    """How each refusal looks on the wire, and the whole catalogue of codes."""
    said: list[tuple[object, ...]] = []
    for reason, (status, code) in DIALECT.items():
        known = codes.find(code)
        said.append((reason.value, status, code, known.message if known else "no code of its own"))
    every: list[tuple[object, ...]] = [
        (row.code, row.message, ", ".join(sorted(row.uses)), row.source)
        for row in codes.all_codes()
    ]
    return [
        "# Refusals and codes",
        "",
        "## What phonotary answers",
        "",
        *_table(("reason", "status", "code", "catalogue message"), said),
        "",
        "## The catalogue",
        "",
        *_table(("code", "message", "used for", "source"), every),
    ]


def bundles() -> list[str]:
    """The lifecycle's two tables, the policies and the types."""
    moves: list[tuple[object, ...]] = [
        (m.action, ", ".join(m.sources), m.target, ", ".join(sorted(m.by)), ", ".join(m.needs))
        for m in lifecycle.MOVES
    ]
    permits: list[tuple[object, ...]] = [
        (status, ", ".join(sorted(what))) for status, what in lifecycle.PERMITS.items()
    ]
    known: list[tuple[object, ...]] = [
        (p.sid, p.friendly_name, p.kind, p.role, "ours" if p.inferred else "published", p.source)
        for p in policies.POLICIES
    ]
    fields: list[tuple[object, ...]] = [
        (
            kind.machine_name,
            field.machine_name + (" (ours)" if field in kind.own else ""),
            "yes" if field.required else "",
            ", ".join(sorted(field.values)) or (field.pattern.pattern if field.pattern else ""),
        )
        for kind in (*types.end_user_types(), *types.supporting_document_types())
        for field in (*kind.fields, *kind.own)
    ]
    return [
        "# Bundles: lifecycle, policies, fields",
        "",
        "## Moves",
        "",
        *_table(("action", "from", "to", "by", "needs"), moves),
        "",
        "## What a status permits",
        "",
        *_table(("status", "permits"), permits),
        "",
        "## Policies",
        "",
        *_table(("sid", "name", "kind", "role", "body", "source"), known),
        "",
        "## Fields",
        "",
        *_table(("type", "field", "required", "values or form"), fields),
    ]


def levels() -> list[str]:
    """The attestation table, in the order it is read."""
    rows: list[tuple[object, ...]] = [
        (number, row.name, row.outcome, row.explanation)
        for number, row in enumerate(attestation.TABLE, 1)
    ]
    return [
        "# Attestation",
        "",
        "The first row that matches decides. A requested level can only lower the outcome.",
        "",
        *_table(("row", "name", "outcome", "what it means"), rows),
    ]


def verification() -> list[str]:
    """Every way a verification can fail, in the order of the steps."""
    rows: list[tuple[object, ...]] = [
        (f.reason, f.case if f.atis else "", f.code, f.text, f.desc, f.verstat.value, f.source)
        for f in FAILURES.values()
    ]
    return [
        "# Verification",
        "",
        "Of several headers that all fail, the one that came furthest down this table is told. A "
        "call that none of them fits is TN-Validation-Passed.",
        "",
        *_table(("reason", "ATIS case", "code", "text", "description", "verstat", "source"), rows),
    ]


def certificates() -> list[str]:
    """Why a chain is not trusted, and what the linter says of one."""
    rules: list[tuple[object, ...]] = [
        (rule.name, rule.severity, rule.sentence, rule.source) for rule in lint.RULES
    ]
    return [
        "# Certificates",
        "",
        "## Why a chain is not trusted",
        "",
        *_table(("defect",), [(defect.value,) for defect in Defect]),
        "",
        "## What `phonotary cert lint` looks at",
        "",
        *_table(("rule", "severity", "what must hold", "source"), rules),
    ]


PAGES: dict[str, Callable[[], list[str]]] = {
    "operations.md": operations,
    "refusals.md": refusals,
    "bundles.md": bundles,
    "attestation.md": levels,
    "verification.md": verification,
    "certificates.md": certificates,
}


def text(name: str) -> str:
    return "\n".join([_NOTE, "", *PAGES[name](), ""])


def main() -> None:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name in PAGES:
        (DIRECTORY / name).write_text(text(name))


if __name__ == "__main__":
    main()
