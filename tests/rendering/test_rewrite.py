"""Editing a content file changes what was asked for, and not a letter more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.errors import InvalidInput
from sequencer.rendering.environment import one_line
from sequencer.rendering.rewrite import Written, rewritten, written

FILE = """---
# Whom it is for is decided in the sequence.
subject: 'Prices for {{ company.name or "you" }}'   # say the price?
kind: pricing
preheader: 'It''s three plans'
stage: [mql, sql]      # not before
---
Hi {{ lead.first_name or "there" }},

the price is **690**.
"""

BLOCK = "---\nsubject: |\n a\n\n b\n---\n"


def edit(text: str, **parts: str) -> str:
    before = written(text)
    assert before is not None
    return rewritten(
        text, Written(**{"subject": before.subject, "preheader": before.preheader, "body": before.body} | parts)
    )


def test_a_file_that_is_saved_as_it_was_stays_the_same_to_the_letter() -> None:
    for text in (FILE, "\ufeff" + FILE, FILE.replace("\n", "\r\n"), BLOCK):
        assert text == edit(text)


def test_a_subject_over_several_lines_is_offered_on_one_and_stays_when_it_is_not_edited() -> None:
    assert "a b" == (written(BLOCK) or Written("", "", "")).subject.replace("  ", " ")
    assert BLOCK + "Text" == edit(BLOCK, body="Text")


def test_only_the_value_changes_and_comments_quotes_and_order_stay() -> None:
    expected = FILE.replace('Prices for {{ company.name or "you" }}', "New prices").replace("It''s three", "It''s four")
    assert expected == edit(FILE, subject="New prices", preheader="It's four plans")


def test_the_body_is_replaced_and_line_ends_and_byte_order_mark_are_kept() -> None:
    windows = "\ufeff" + FILE.replace("\n", "\r\n")
    assert windows.replace("690", "700") == edit(
        windows, body=FILE.partition("---\nHi")[2].replace("690", "700").join(("Hi", ""))
    )


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("Plain words", "subject: Plain words"),
        ("Tip #3: read this", 'subject: "Tip #3: read this"'),
        ('{{ lead.first_name }}, "now"', 'subject: "{{ lead.first_name }}, \\"now\\""'),
        ("100 % off, - or not", "subject: 100 % off, - or not"),
        ("back\\slash: yes", 'subject: "back\\\\slash: yes"'),
        ("two\nlines", "subject: two lines"),
        ("  spaces  ", "subject: spaces"),
    ],
)
def test_a_value_is_put_into_quotes_only_where_yaml_needs_them(value: str, line: str) -> None:
    assert f"---\n{line}\n---\nText\n" == edit("---\nsubject: Old\n---\nText\n", subject=value)


@pytest.mark.parametrize(
    "head",
    [
        "subject: >\n  Two folded\n  lines\n# remark\nkind: faq",
        "subject: |-\n  Kept\n\n  apart\nkind: faq",
        "subject: plain over\n  two lines\nkind: faq",
        "kind: faq\nsubject:    'quoted'",
        '"subject": "keys may be quoted"\nkind: faq',
    ],
)
def test_however_a_value_is_written_it_can_be_replaced(head: str) -> None:
    text = edit(f"---\n{head}\n---\nText\n", subject="New: words", preheader="Beside it")
    found = written(text)
    assert found == Written("New: words", "Beside it", "Text\n")
    assert "kind: faq" in text and ("# remark" in text) == ("# remark" in head)


def test_a_preheader_that_was_not_there_comes_below_the_subject() -> None:
    text = edit("---\nsubject: 'Old'   # why\nkind: faq\n---\nText\n", preheader="More: here")
    assert text == "---\nsubject: 'Old'   # why\npreheader: \"More: here\"\nkind: faq\n---\nText\n"


def test_what_cannot_be_edited_is_refused() -> None:
    assert written("no head") is None
    with pytest.raises(InvalidInput, match="mistake"):
        rewritten("no head", Written("a", "b", "c"))
    with pytest.raises(InvalidInput, match="the subject is empty"):
        edit(FILE, subject=" ")
    with pytest.raises(InvalidInput, match="only an editor"):
        edit("---\nkind: &same faq\nsubject: *same\n---\nText\n", subject="New")
    with pytest.raises(InvalidInput, match="different ways"):
        edit(FILE.replace("\n", "\r\n", 3), subject="New")
    with pytest.raises(InvalidInput, match="only an editor"):
        edit(FILE, preheader="\x80")


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=60), st.sampled_from([FILE, BLOCK]))
def test_whatever_is_typed_is_what_is_read_again_or_is_refused(
    subject: str, preheader: str, body: str, file: str
) -> None:
    try:
        found = written(edit(file, subject=subject, preheader=preheader, body=body))
    except InvalidInput:
        return
    wanted = Written(one_line(subject).strip(), one_line(preheader).strip(), lines(body))
    assert found == wanted


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
