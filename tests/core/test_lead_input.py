"""Leads as others give them: the quick ways to read them say what the thorough ones say."""

from collections.abc import Callable
from typing import TypeAlias

from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from sequencer.core import lead_input
from sequencer.core.field import Field
from sequencer.core.lead_input import COLUMNS, InvalidLead, LeadInput, Row, RowReader, read, row
from sequencer.core.workspace import Brand, StatusMeaning, Workspace

FIELDS = {
    "size": Field("size", "number"),
    "since": Field("since", "date"),
    "vip": Field("vip", "flag"),
    "plan": Field("plan", "one_of", ("free", "pro")),
    "pains": Field("pains", "some_of", ("cost", "risk")),
    "note": Field("note", "text"),
}
WORKSPACE = Workspace(
    brand=Brand("Acme", "", ""),
    stages=("lead", "customer"),
    statuses={"new": StatusMeaning("new", "New")},
    fields=FIELDS,
    topics={},
    senders={},
    reps={},
    sequences={},
)

labels = st.text("abzAZ09-_.é", max_size=8)
addresses = st.one_of(
    st.emails(),
    st.builds("{}@{}.{}".format, st.text("aZ0.+'!#-_\"é ", max_size=6), labels, st.sampled_from(["com", "Test", "x"])),
    st.builds("{}@{}.example".format, st.sampled_from(["a", "a" * 64, "a" * 240]), st.text("a-", max_size=70)),
)


@given(addresses)
@example("Ana.B@Harbor.Example")
@example("ana@harbor.example\n")
@example("ana@harbor.local")
@example("ana@xn--mnchen-3ya.de")
@example("ana@ab--cd.example")
@example("ana@harbor.123")
@example("ana@harbor")
@example("ana@" + "a" * 64 + ".example")
@example("ana@" + "a." * 130 + "example")
@example("a" * 250 + "@x.co")
@example("Info@harbor.example")
@example("anaK@harbor.example".replace("K", "\u212a"))
def test_an_address_that_looks_ordinary_is_what_the_validator_makes_of_it(text: str) -> None:
    try:
        full = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False).normalized.lower()
    except EmailNotValidError:
        full = None
    if lead_input._ordinary(text.strip()):
        assert text.strip().lower() == full


def test_most_addresses_look_ordinary() -> None:
    for text in ("ana@harbor.example", "Ana.B+news@mail.harbor-line.co.uk", "o'hara_1@x9.example", "a" * 70 + "@x.com"):
        assert lead_input._ordinary(text)


CELLS = (
    *("", " ", "lead", "customer", " lead ", "LEAD", "new", "Europe/Madrid", "Europe/Madrd", "ana@acme.example"),
    *("x@", "12", "12.0", "1e3", "nan", "2026-11-30", "30.11.2026", "yes", "NO", "free", "cost;risk", "cost; ", ";"),
    *("é", "\0", "\ud800", "a" * 101, "a" * 1001, '"quoted", and \\', "\u2003wide\u2003", "\x1c"),
)
names = st.lists(
    st.one_of(st.sampled_from([*COLUMNS, "owner", "zone", *FIELDS, "", "hobby"]), st.text(max_size=3)),
    min_size=1,
    max_size=8,
    unique_by=lambda name: name or object(),
)


Outcome: TypeAlias = tuple[Row, LeadInput] | list[str]


def outcome(reader: RowReader, cells: list[str]) -> tuple[Outcome, Outcome]:
    def of(what: Callable[[], tuple[Row, LeadInput]]) -> Outcome:
        try:
            return what()
        except InvalidLead as error:
            return error.problems

    def quick() -> tuple[Row, LeadInput]:
        found = reader(cells)
        return found, found.lead()

    def full() -> tuple[Row, LeadInput]:
        lead = read({name: cell for name, cell in zip(reader._names, cells, strict=True) if name}, WORKSPACE)
        return row(lead), lead

    return of(quick), of(full)


@given(names, st.lists(st.lists(st.one_of(st.sampled_from(CELLS), addresses), min_size=9, max_size=9), max_size=6))
def test_a_row_of_a_file_is_read_as_any_other_lead(columns: list[str], rows: list[list[str]]) -> None:
    reader = RowReader(["email", *(name for name in columns if name != "email")], WORKSPACE)
    width = len(reader._names)
    for cells in [*rows, *rows]:  # the second time from what was remembered
        quick, full = outcome(reader, ["ana@harbor.example" if len(rows) > 3 else cells[0], *cells[1:width]])
        assert quick == full


def test_what_was_remembered_of_a_column_stays_small() -> None:
    reader = RowReader(["email", "hobby"], WORKSPACE)
    for number in range(3 * lead_input.REMEMBERED):
        reader([f"p{number}@x.example", f"hobby {number}"])
        reader([f"p{number}@x.example", f"{number}" * 60])
    kept = [len(meaning.known) for meaning in reader._meanings if meaning is not None]
    assert max(kept) <= lead_input.REMEMBERED


def test_a_row_says_what_a_lead_says() -> None:
    raw = {"email": "Ana@Harbor.example", "first_name": "Ana", "company": "Harbor", "size": "12", "hobby": "chess"}
    lead = read(raw, WORKSPACE)
    assert isinstance(lead, LeadInput)
    assert row(lead) == RowReader(list(raw), WORKSPACE)(list(raw.values()))
    assert row(lead).fields == '{"size":12,"hobby":"chess"}'
