"""Two versions of a workspace, compared as those read them who write them."""

import pytest

from sequencer.core.edit import StepChange, compare
from sequencer.core.wording import Piece, difference
from tests.core.test_engine import HEAD, contents, workspace
from tests.core.test_migrate import BRANCHED, PLAIN


def changes(old: str, new: str) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Position, kinds and details of every step that changed."""
    edit = compare(workspace(HEAD + "steps:\n" + old), workspace(HEAD + "steps:\n" + new), contents(), contents())
    assert len(edit.sequences) <= 1
    steps: tuple[StepChange, ...] = edit.sequences[0].steps if edit.sequences else ()
    return [(s.step, s.kinds, tuple(f"{d.name}: {d.before} -> {d.after}" for d in s.details)) for s in steps]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (PLAIN, PLAIN, []),
        (PLAIN, PLAIN.replace("1 day", "2 days", 1), [("two", ("waits",), ("wait: 1 day -> 2 days",))]),
        # A wait goes with the step that follows it.
        (
            PLAIN,
            PLAIN.replace("  - email: two\n  - wait: 1 day\n", ""),
            [("two", ("removed",), ())],
        ),
        (PLAIN, PLAIN + "  - email: four\n", [("four", ("added",), ())]),
        (
            PLAIN,
            "  - email: three\n" + PLAIN.replace("  - wait: 1 day\n  - email: three\n", ""),
            [("three", ("moved", "waits"), ("place: after two -> first", "wait: 1 day -> "))],
        ),
        (
            BRANCHED,
            BRANCHED.replace('did("asked")', "replied()").replace("      - email: two\n    else:\n", ""),
            [
                ("fork", ("changed",), ('if: did("asked") -> replied()',)),
                ("two", ("removed",), ()),
                ("three", ("moved",), ("place: first in fork:else -> first in fork:then",)),
            ],
        ),
    ],
)
def test_what_an_edit_changes_step_by_step(
    old: str, new: str, expected: list[tuple[str, tuple[str, ...], tuple[str, ...]]]
) -> None:
    assert expected == changes(old, new)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("Hello there", "Hello  there\n", ()),
        ("Hello there", "Hello you", (Piece("same", "Hello"), Piece("gone", " there"), Piece("new", " you"))),
        ("a {{ x or 'b c' }}, d", "a {{ x or 'b' }}, d", None),
        (
            " ".join(map(str, range(20))),
            " ".join(map(str, range(19))),
            (Piece("left out", "13"), Piece("same", " 13 14 15 16 17 18"), Piece("gone", " 19")),
        ),
    ],
)
def test_what_changed_in_a_text_word_by_word(before: str, after: str, expected: tuple[Piece, ...] | None) -> None:
    if expected is None:  # what a template asks for is one word
        expected = (
            Piece("same", "a"),
            Piece("gone", " {{ x or 'b c' }}"),
            Piece("new", " {{ x or 'b' }}"),
            Piece("same", ", d"),
        )
    assert expected == difference(before, after)
