"""The text that monitoring reads."""

from __future__ import annotations

from phonotary.bootstrap.measures import Measure, text


def test_measures_of_one_name_stand_together_below_one_head() -> None:
    found = text(
        [
            Measure("left", "Until the end.", 5, {"provider": 'Owl "A"\\\n'}),
            Measure("done_total", "What was done.", 31_536_000),
            Measure("left", "Until the end.", -0.5, {"provider": "Elk", "process": "7"}),
        ]
    )
    assert found == (
        "# HELP left Until the end.\n# TYPE left gauge\n"
        'left{provider="Owl \\"A\\"\\\\\\n"} 5\n'
        'left{provider="Elk",process="7"} -0.5\n'
        "# HELP done_total What was done.\n# TYPE done_total counter\ndone_total 31536000\n"
    )


def test_nothing_to_tell_is_an_empty_page() -> None:
    assert text([]) == ""
