"""Notes of `tell` and `handoff` steps."""

import pytest

from sequencer.core.mark import Mark
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.notes import check_text, render_text
from tests.rendering.mails import NAMES, view

MARK = Mark("sequences/x.yaml", 7, 11)


def test_a_note_is_text_about_the_lead() -> None:
    assert render_text("{{ lead.first_name }} & {{ company.name }} read {{ lead.industry }}", view("<J>")) == (
        "<J> & Buyer & Sons read "
    )


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("Ask {{ lead.first_name }}", []),
        ("Ask {{ lead.nobody }}", ["unknown-name"]),
        ("Ask {{ lead.", ["template-syntax"]),
        ("{{ subject }}", ["unknown-name"]),
        ("{{ link('a', 'https://a.example') }}", ["bad-link"]),
        ("{% if lead.email %}x", ["template-syntax"]),
    ],
)
def test_a_notes_faults_are_told_where_it_stands(note: str, expected: list[str]) -> None:
    found = check_text(note, MARK, NAMES)
    assert [problem.code for problem in found] == expected
    assert all(problem.mark == MARK for problem in found)


def test_a_note_that_cannot_be_rendered_says_so() -> None:
    with pytest.raises(RenderingFailed, match="note: "):
        render_text("{{ 1 // 0 }}", view())
