"""A lead gets another rep: the first mail introduces them, waits, or is like any other."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sequencer.core import event as kinds
from sequencer.core.lead import Company, Lead
from sequencer.core.lead_input import read
from sequencer.core.script import read_line
from sequencer.core.simulate import Case, Simulation, person, simulate
from sequencer.core.succession import owner_before
from sequencer.services.compile import compile_workspace
from tests.core.test_simulate import MONDAY, said
from tests.workspaces import LAYOUT, content, files

SERIES = """
title: Series
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: owner
steps:
  - email: one
  - wait: 4 days
  - email: two
  - wait: 4 days
  - email: three
"""
INTRODUCTION = "I follow {{ previous_owner.first_name or 'a colleague' }}, who is well."


def texts(changed: str, partial: bool = True) -> dict[str, str]:
    found = files(series=SERIES)
    rules = f"owner: {{changed: {changed}}}\n" if changed else ""
    found["sequences/workspace.yaml"] += rules
    return {**found, "content/partials/introduction.mjml": INTRODUCTION} if partial else found


def run(
    changed: str,
    *happens: str,
    partial: bool = True,
    change: Callable[[dict[str, str]], dict[str, str]] = dict,
    **lead: str,
) -> Simulation:
    whole = compile_workspace(change(texts(changed, partial)))
    assert whole.workspace is not None, "\n".join(map(str, whole.problems))
    raw = {"email": "kim@harbor.example", "time_zone": "Europe/London", "owner_email": "ana@acme.example", **lead}
    given, company = person(read(raw, whole.workspace), MONDAY)
    case = Case(given, MONDAY, company, cues=tuple(map(read_line, happens)))
    return simulate(whole.workspace, whole.workspace.sequences["series"], whole.contents, case)


def introduced(came: Simulation) -> list[tuple[str, str | None, str | None]]:
    """Step, from whom, and whom they follow."""
    return [
        (
            letter.send.step.id,
            letter.send.sender and letter.send.sender.email,
            letter.send.introduces and letter.send.introduces.email,
        )
        for letter in came.letters
    ]


BEN, ANA = "ben@acme.example", "ana@acme.example"
TO_BEN = f"1 day: changed owner {BEN}"


@pytest.mark.parametrize("changed", ["introduce", ""], ids=["declared", "because the text is there"])
def test_the_first_mail_of_the_new_owner_introduces_them_and_no_other(changed: str) -> None:
    came = run(changed, TO_BEN)
    assert [("one", ANA, None), ("two", BEN, ANA), ("three", BEN, None)] == introduced(came)
    assert f"Fri 27 09:00 sends two: from {BEN}, who is introduced and follows {ANA}" in said(came)


@pytest.mark.parametrize(
    ("changed", "happens", "follows"),
    [
        ("silent", (TO_BEN,), None),
        ("introduce", (TO_BEN, "2 days: call_logged"), None),
        ("introduce", (TO_BEN, f"2 days: changed owner {ANA}"), None),
        ("introduce", (TO_BEN, "2 days: opened"), ANA),
    ],
    ids=["silent", "spoke to them", "has the first again", "something else"],
)
def test_who_needs_no_introduction(changed: str, happens: tuple[str, ...], follows: str | None) -> None:
    assert follows == introduced(run(changed, *happens))[1][2]


def test_without_the_text_nobody_is_introduced_unless_it_is_declared_which_is_a_mistake() -> None:
    assert [("one", ANA, None), ("two", BEN, None)] == introduced(run("", TO_BEN, partial=False))[:2]
    problems = compile_workspace(texts("introduce", False)).problems
    assert ["missing-partial"] == [problem.code for problem in problems if problem.severity == "error"]


def test_a_first_owner_follows_nobody() -> None:
    assert [(BEN, None)] * 3 == [one[1:] for one in introduced(run("introduce", TO_BEN, owner_email=""))]


def test_a_mail_that_does_not_say_so_leaves_the_introduction_to_the_next() -> None:
    def plain(found: dict[str, str]) -> dict[str, str]:
        del found["content/two.md"]
        return found | {"content/two.mjml": content("Two", LAYOUT.replace("{{ content }}", "Hello"))}

    came = run("introduce", TO_BEN, change=plain)
    assert [("one", ANA, None), ("two", BEN, None), ("three", BEN, ANA)] == introduced(came)


COMPANY = Company(7, "harbor.example", "Harbor", ANA)


@pytest.mark.parametrize(
    ("of", "own", "changes", "expected"),
    [
        ("company", None, [(None, BEN)], ANA),
        ("company", None, [(None, ANA)], None),
        ("company", BEN, [(BEN, None)], BEN),
        ("company", ANA, [(ANA, None)], None),
        ("company", "gone@acme.example", [("gone@acme.example", BEN)], ANA),
        ("company", BEN, [(BEN, None), (None, BEN)], None),
        ("lead", None, [(None, BEN)], None),
        ("lead", None, [("gone@acme.example", BEN)], "gone@acme.example"),
    ],
)
def test_who_has_their_rep_through_the_company_is_introduced_as_its_mails_came(
    of: str, own: str | None, changes: list[tuple[str | None, str | None]], expected: str | None
) -> None:
    workspace = compile_workspace(texts("introduce")).workspace
    assert workspace is not None
    workspace = replace(workspace, owner=replace(workspace.owner, of=of))  # type: ignore[arg-type]
    happened = [kinds.change(MONDAY, 1, str(n), "api", "owner", *one) for n, one in enumerate(changes)]
    assert owner_before(workspace, Lead(1, "kim@harbor.example", owner=own), happened, COMPANY) == expected


def test_mail_of_a_new_owner_waits_until_they_were_in_touch() -> None:
    came = run("hold", TO_BEN, "20 days: mail_logged")
    assert [("one", ANA, None), ("two", BEN, None), ("three", BEN, None)] == introduced(came)
    assert 13 == came.letters[1].at.day, "it was looked at from day to day"
    waits = "holds two: Ben Okafor is new to this lead, until a rep was in touch or an operator lets it go"
    assert f"Fri 27 09:00 {waits}" in said(came)
    assert [("one", ANA, None)] == introduced(run("hold", TO_BEN))
