"""What forms ask, and what they say of answers that do not fit."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencer.core import challenge
from sequencer.core.form import DoubleOptIn, Form
from sequencer.core.lead_input import read
from sequencer.core.mark import Mark
from sequencer.core.questions import Unanswered, answers, every, questions
from sequencer.core.workspace import Workspace
from sequencer.services.compile import compile_workspace
from tests.workspaces import WORKSPACE, files

MARK = Mark("sequences/forms.yaml", 1, 1)
FIELDS = """
  role: {one_of: [finance, it], ask: Your role}
  employees: {number: true, ask: How many are you?}
  renewal: {date: true, ask: Until when?}
  tool: {text: true, ask: What do you use?}
  internal: {text: true}
"""
SIGNALS = "fit:\n  - {if: lead.employees > 50, points: 40}\n  - {if: lead.role == 'finance', points: 10}\n"


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    made = files() | {
        "sequences/workspace.yaml": WORKSPACE.replace("topics:", f"{FIELDS.strip(chr(10))}\ntopics:"),
        "sequences/signals.yaml": SIGNALS,
        "sequences/forms.yaml": "ebook: {title: T, ask_up_to: 2}\n",
    }
    compiled = compile_workspace(made)
    assert compiled.workspace is not None, compiled.problems
    return compiled.workspace


def form(workspace: Workspace, **more: Any) -> Form:
    return Form("ebook", MARK, "T", worth=workspace.forms["ebook"].worth, **more)


def asked(workspace: Workspace, wanted: Form, *known: str) -> list[str]:
    return [one.name for one in questions(wanted, workspace, known.__contains__)]


def test_what_decides_most_is_asked_first_and_only_what_is_unknown(workspace: Workspace) -> None:
    by_value = form(workspace, ask_up_to=2)
    assert asked(workspace, by_value) == ["email", "employees", "role"]
    assert asked(workspace, by_value, "employees", "role", "email") == ["email", "renewal", "tool"]
    assert asked(workspace, by_value, "employees", "role", "renewal", "tool") == ["email"]
    declared = form(workspace, ask_up_to=1, order=("tool", "role"), ask=("role",))
    assert asked(workspace, declared, "role") == ["email", "role", "tool"]
    assert asked(workspace, declared, "role", "tool") == ["email", "role"]
    assert [one.name for one in every(declared, workspace)] == ["email", "role", "tool"]
    assert [(one.name, one.needed) for one in every(by_value, workspace)][:2] == [("email", True), ("employees", False)]


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"email": ["jane@harbor.example"], "role": ["it"], "employees": ["1,250"]}, {}),
        ({"email": [" "]}, {"email": "Please fill this in."}),
        ({"email": ["jane"]}, {"email": "This does not look like an email address, as jane@company.com."}),
        ({"email": ["jane@gmail.com"]}, {"email": "Please use the address that you have at work."}),
        ({"role": ["boss"]}, {"role": "Please choose from the list."}),
        ({"employees": ["many"]}, {"employees": "Please give a number, as 250."}),
        ({"renewal": ["2026-13-01"]}, {"renewal": "Please give a date, as 2026-11-30."}),
        ({"tool": ["x" * 1001]}, {"tool": "Please keep this to 1,000 characters."}),
        ({"tool": ["a\0b"]}, {"tool": "There is something in this that cannot be read. Please type it again."}),
        ({"message": ["x" * 5001]}, {"message": "Please keep this to 5,000 characters."}),
    ],
)
def test_what_does_not_fit_is_said_in_words(
    workspace: Workspace, given: dict[str, list[str]], problems: dict[str, str]
) -> None:
    wanted = form(workspace, ask_up_to=9, work_mail=True, message="What?")
    try:
        found = answers(wanted, every(wanted, workspace), {"email": ["jane@harbor.example"], **given})
    except Unanswered as wrong:
        assert wrong.problems == problems
    else:
        assert (problems, found["email"]) == ({}, "jane@harbor.example")
        assert found.get("employees", "1250") == "1250"


@pytest.mark.parametrize(
    ("countries", "country", "asks"),
    [
        (None, "GB", True),
        (frozenset({"DE"}), "de", True),
        (frozenset({"DE"}), "GB", False),
        (frozenset({"DE"}), None, True),
        (frozenset({"DE"}), "Germany", True),
        (frozenset({"DE"}), "Spain", False),
        (frozenset({"GB"}), "UK", True),
        (frozenset({"DE"}), "somewhere", True),
        (frozenset({"DE"}), "European Union", True),
        (frozenset({"DE"}), "EU", True),
        (frozenset({"DE"}), "ZZ", True),
        (frozenset({"ES"}), "Kanarische Inseln", True),
        (frozenset({"DE"}), "", True),
    ],
)
def test_whose_country_nobody_knows_confirms(countries: frozenset[str] | None, country: str | None, asks: bool) -> None:
    assert DoubleOptIn(countries).asks(country) is asks


ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    st.dictionaries(
        st.sampled_from(["email", "role", "employees", "renewal", "tool", "message"]), st.lists(ANYTHING, max_size=3)
    )
)
def test_whatever_is_sent_is_taken_or_answered_in_words(workspace: Workspace, given: dict[str, list[str]]) -> None:
    wanted = form(workspace, ask_up_to=9, message="What?")
    with suppress(Unanswered):
        read(dict(answers(wanted, every(wanted, workspace), given)), workspace)


NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_a_challenge_holds_for_its_form_and_for_some_hours() -> None:
    issued = challenge.issue(b"s", "ebook", "ab" * 16, NOW)
    assert challenge.valid(b"s", "ebook", issued, NOW + challenge.LONGEST)
    for wrong in (
        challenge.valid(b"s", "ebook", issued, NOW + challenge.LONGEST + timedelta(seconds=1)),
        challenge.valid(b"s", "demo", issued, NOW),
        challenge.valid(b"t", "ebook", issued, NOW),
        challenge.valid(b"s", "ebook", issued.replace("ab", "ba", 1), NOW),
        *(challenge.valid(b"s", "ebook", odd, NOW) for odd in ("", ".", "..", "é.1.x", "a" * 10_000)),
    ):
        assert wrong is False


@given(st.text(max_size=300), st.text(max_size=20))
def test_no_challenge_and_no_proof_makes_asking_fail(text: str, proof: str) -> None:
    assert challenge.valid(b"s", "ebook", text, NOW) is False
    assert challenge.proves(f"x.{int(NOW.timestamp())}.y", proof, NOW) is False


def test_only_work_proves_and_some_time() -> None:
    issued = challenge.issue(b"s", "ebook", "ab" * 16, NOW)
    later = NOW + challenge.SOONEST
    proof = next(str(n) for n in count() if challenge.proves(issued, str(n), later))
    assert not challenge.proves(issued, proof, NOW)
    assert not any(challenge.proves(issued, odd, later) for odd in ("", "-1", "x", "1" * 13, "²"))
    assert sum(challenge.proves(issued, str(n), later) for n in range(200)) <= 1


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("250", "250"), ("1.000", "1000"), ("1,000", "1000"), ("1,5", "1.5"), ("12.50", "12.50"), ("1.234,5", "1234.5"),
        ("1,234.5", "1234.5"), ("1.234.567", "1234567"), ("0,125", "0.125"), ("1234.567", "1234.567"),
        ("1'000", "1000"), ("1\u00a0000 000", "1000000"),
        ("1.00.0", None), ("1,2,3", None), ("1.234,5,6", None), ("-3", None), ("many", None), ("1.", None), ("٣", None),
    ],
)  # fmt: skip
def test_a_number_is_what_its_writer_means_in_any_country(workspace: Workspace, said: str, number: str | None) -> None:
    given = {"email": ["kim@acme.example"], "employees": [said]}
    wanted = form(workspace, always=("email", "employees"))
    if number is None:
        with pytest.raises(Unanswered, match="Please give a number"):
            answers(wanted, every(wanted, workspace), given)
    else:
        assert answers(wanted, every(wanted, workspace), given)["employees"] == number


@pytest.mark.parametrize(
    ("field", "said", "stored"),
    [
        ("first_name", "Anna-Maria  O'Neill", "Anna-Maria O'Neill"), ("first_name", "J.R.R.", "J.R.R."),
        ("first_name", "Kim\n\nAccept or decline: here", "Kim Accept or decline: here"),
        ("first_name", "می\u200cنا", "می\u200cنا"), ("company", "Booking.com B.V.", "Booking.com B.V."),
        ("first_name", "J.Li", "J.Li"), ("first_name", "Dr.phil. Eva", "Dr.phil. Eva"),
        ("title", "Node.js developer", "Node.js developer"), ("title", "VP Sales @ EMEA", "VP Sales @ EMEA"),
        ("first_name", "EVIL.COM", None), ("first_name", "Prize at x.com", None), ("first_name", "t.me", None),
        ("first_name", "evil\u3002com", None), ("company", "Win this and that at evil.com now", None),
        ("company", "Müller & Söhne GmbH & Co. KG", "Müller & Söhne GmbH & Co. KG"),
        ("first_name", "pay at https://evil.example/pay", None), ("first_name", "see evil.com", None),
        ("company", "pay at evil.example/pay", None), ("company", "www.evil.example", None),
        ("last_name", "write to kim@evil.example", None), ("title", "x" * 81, None), ("first_name", "\u202elive", None),
    ],
)  # fmt: skip
def test_names_are_one_line_without_links(workspace: Workspace, field: str, said: str, stored: str | None) -> None:
    """They stand in mails to whoever's address was typed, and in those to reps."""
    wanted = form(workspace, always=("email", field))
    given = {"email": ["kim@acme.example"], field: [said]}
    if stored is None:
        with pytest.raises(Unanswered, match=f"{field}: Please"):
            answers(wanted, every(wanted, workspace), given)
    else:
        assert answers(wanted, every(wanted, workspace), given)[field] == stored
