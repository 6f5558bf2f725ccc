"""`sequencer leads import` and `sequencer leads show`."""

import os
import re
from pathlib import Path

import pytest

from sequencer.cli import output
from sequencer.cli.leads import _share, rows_of
from sequencer.cli.timeline import happened

from .conftest import LEADS, ROOT, Sequencer

BROKEN = b"""\
email,first_name,stage,time_zone
not-an-address,A,,
fine@harbor.example,B,lead,Europe/Madrid
Fine@Harbor.example,C,,
wide@harbor.example,D,lead,UTC,extra
stage@harbor.example,E,hot,
zone@harbor.example,F,,Europe/Madrd
latin@harbor.example,Ren\xe9,hot,
ren\xe9@harbor.example,L,,
,G,,
short@harbor.example,S
alsofine@harbor.example,"H
I",,
"""


def test_the_shipped_leads_are_imported(released: Sequencer) -> None:
    assert "200 new, 0 updated\n" == released("leads", "import", str(ROOT / "examples" / "leads.csv"))
    assert "0 new, 200 updated\n" == released("leads", "import", str(ROOT / "examples" / "leads.csv"))


def test_broken_rows_are_listed_and_the_others_are_imported(released: Sequencer, tmp_path: Path) -> None:
    file = tmp_path / "broken.csv"
    file.write_bytes(BROKEN)
    *problems, last = released("leads", "import", str(file), code=1).splitlines()
    assert "2 new, 0 updated, 9 rejected" == last
    assert [
        "line 2: email: expected an address, got `not-an-address`",
        "line 4: email: fine@harbor.example stands in line 3 already",
        "line 5: expected 4 columns, got 5",
        "line 6: stage: expected one of subscriber, lead, mql, sql, opportunity, customer, lost, got `hot`",
        "line 7: time_zone: expected an IANA zone such as Europe/Madrid, got `Europe/Madrd`; "
        "did you mean `Europe/Madrid`?",
        "line 8: first_name: expected text in UTF-8 without NUL",
        "line 9: email: expected text in UTF-8 without NUL",
        "line 10: email: is missing",
        "line 11: expected 4 columns, got 2",
    ] == [re.sub(r" \([^)]*\)$", "", problem) for problem in problems]
    assert "B" == released.json("leads", "show", "fine@harbor.example")["lead"]["first_name"]
    assert "H\nI" == released.json("leads", "show", "alsofine@harbor.example")["lead"]["first_name"]


def test_a_rejected_row_fails_the_command_in_json_too(released: Sequencer) -> None:
    found = released.json("leads", "import", "-", given=BROKEN, code=1)
    counts = (found["new"], found["updated"], found["rejected"])
    assert ((2, 0, 9), [2, 4, 5, 6, 7, 8, 9, 10, 11]) == (counts, [problem["line"] for problem in found["problems"]])


def test_leads_are_enrolled_as_they_are_imported(released: Sequencer) -> None:
    said = released("leads", "import", "-", "--enroll", "education", given=LEADS)
    assert "3 new, 0 updated, 3 entered education\n" == said
    again = released("leads", "import", "-", "--enroll", "education", given=LEADS).splitlines()
    assert ["  3  is in it already", "0 new, 3 updated, 0 entered education"] == again


def test_an_update_leaves_what_it_does_not_say_and_the_first_campaign(released: Sequencer) -> None:
    first = "email,first_name,title,campaign,pains,shoe\nana@harbor.example,Ana,CFO,webinar,risk,38\n"
    released("leads", "import", "-", given=first)
    second = "email,first_name,title,campaign,employees\nAna@harbor.example,,CEO,search,12\n"
    assert "0 new, 1 updated\n" == released("leads", "import", "-", given=second)
    lead = released.json("leads", "show", "ana@harbor.example")["lead"]
    assert ("Ana", "CEO", "webinar") == (lead["first_name"], lead["title"], lead["campaign"])
    assert {"pains": ["risk"], "shoe": "38", "employees": 12} == lead["fields"]


def test_an_imported_change_starts_what_waits_for_it_and_a_new_lead_does_not(released: Sequencer) -> None:
    released("leads", "import", "-", given="email,stage\nana@harbor.example,lead\nnew@harbor.example,mql\n")
    released("leads", "import", "-", given="email,stage\nana@harbor.example,mql\n")
    sequences = [
        [enrollment["sequence"] for enrollment in released.json("leads", "show", email)["enrollments"]]
        for email in ("ana@harbor.example", "new@harbor.example")
    ]
    assert [["sales-motivation"], []] == sequences


@pytest.mark.parametrize("rows", ["", "email\n"])
def test_an_unknown_sequence_is_refused_whatever_the_file_holds(released: Sequencer, rows: str) -> None:
    result = released.run("leads", "import", "-", "--enroll", "educaton", given=rows)
    said, _, known = result.stderr.strip().partition("; deployed are: ")
    assert (1, "Error: there is no sequence `educaton`") == (result.exit_code, said)
    assert {"education", "handbook-delivery", "sales-motivation"} < set(known.split(", "))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("", "expected a column `email` in the header line, got: nothing"),
        ("name,mail\n", "expected a column `email` in the header line, got: name, mail"),
        (
            "name;email\n",
            "expected a column `email` in the header line, but the columns are separated by `;`: "
            "save the file with commas",
        ),
        ("email,stage,stage\n", "expected each column once, got twice: stage"),
        ("email\n".encode("utf-16"), "expected a CSV file in UTF-8, got other bytes in the header line"),
        (b"email,pr\xe9nom\n", "expected a CSV file in UTF-8, got other bytes in the header line"),
    ],
)
def test_a_file_that_is_no_csv_of_leads_is_refused(released: Sequencer, rows: str | bytes, said: str) -> None:
    result = released.run("leads", "import", "-", given=rows)
    assert (1, f"Error: {said}\n") == (result.exit_code, result.stderr)


def test_a_spreadsheets_byte_order_mark_is_no_part_of_the_first_column(released: Sequencer) -> None:
    assert "3 new, 0 updated\n" == released("leads", "import", "-", given="\ufeff" + LEADS)


def test_columns_that_a_spreadsheet_left_without_a_name_are_nothing(released: Sequencer) -> None:
    assert "1 new, 0 updated\n" == released("leads", "import", "-", given="email,,\ndi@harbor.example,,\n")
    assert {} == released.json("leads", "show", "di@harbor.example")["lead"]["fields"]


def test_leads_need_a_deployed_workspace(sequencer: Sequencer) -> None:
    assert sequencer.run("leads", "import", "-", given=LEADS).stderr.startswith("Error: nothing is deployed yet")


def test_show_tells_who_the_lead_is_and_what_happened_by_its_own_clock(deployed: Sequencer) -> None:
    deployed("enroll", "education", "--where", 'lead.email == "ana@harbor.example"')
    said = deployed("leads", "show", "Ana@harbor.example").splitlines()
    assert "Ana <ana@harbor.example>" == said[0]
    assert "  pains      workload, risk             from a file, 24 Nov 2026" in said
    assert "education  active  at where-invoices-go-wrong, next Tue 1 Dec 2026 10:00" in said
    assert [
        "what happened (Europe/Madrid)",
        "  Tue 24 Nov 2026 10:00             became known",
        "  Tue 24 Nov 2026 10:00  education  entered",
    ] == said[-3:]


def test_show_in_json_has_everything_a_script_asks_for(deployed: Sequencer) -> None:
    deployed("enroll", "education", "--where", 'lead.email == "ana@harbor.example"')
    found = deployed.json("leads", "show", "ana@harbor.example")
    assert {"lead", "standing", "enrollments", "messages", "events", "handoffs", "alerts"} == found.keys()
    assert (0, 0, False) == tuple(found["standing"][name] for name in ("score", "fit", "sales_ready"))
    (enrollment,) = found["enrollments"]
    expected = ("education", "active", "where-invoices-go-wrong", "2026-12-01T09:00:00+00:00")
    assert expected == tuple(enrollment[key] for key in ("sequence", "status", "position", "due_at"))


def test_a_name_cannot_steer_the_terminal(released: Sequencer) -> None:
    rows = 'email,first_name\nevil@harbor.example,"\x1b[31m{{7*7}}\r\nBcc: x@example.com"\n'
    released("leads", "import", "-", given=rows)
    first = released("leads", "show", "evil@harbor.example").splitlines()[0]
    assert " [31m{{7*7}}  Bcc: x@example.com <evil@harbor.example>" == first


def test_an_unknown_lead_is_refused(deployed: Sequencer) -> None:
    assert "there is no lead with the address x@y.example" == deployed.refusal("leads", "show", "x@y.example")


def test_what_became_of_a_mail_is_listed_after_it_was_sent() -> None:
    """Providers' times are whole seconds, ours have fractions."""
    sent = "2026-11-24T09:00:00.700000+00:00"
    whole = "2026-11-24T09:00:00+00:00"
    outcome = {"step": "welcome", "outcome": "sent", "at": sent, "sentence": "was sent welcome"}
    enrollment = {"id": 1, "sequence": "education", "entered_at": sent, "outcomes": [outcome], "ended_at": None}
    events = [
        {"enrollment_id": 1, "step": "welcome", "at": whole, "sentence": said, "data": {}}
        for said in ("welcome was delivered", "the provider took welcome")
    ]
    found = {
        "lead": {"created_at": whole},
        "enrollments": [enrollment],
        "messages": [{"enrollment_id": 1, "step": "welcome", "state": "delivered", "sent_at": sent}],
        "events": events,
        "alerts": [],
    }
    assert [
        "became known",
        "entered",
        "was sent welcome",
        "the provider took welcome",
        "welcome was delivered",
    ] == [said for _, _, said in happened(found)]


def test_what_a_lead_wrote_is_shown_in_one_line() -> None:
    at = "2026-11-24T09:00:00+00:00"
    words = "Please call me\non +46 70." + "x" * 300
    sent = {"enrollment_id": None, "step": None, "at": at, "sentence": "submitted contact", "data": {"text": words}}
    found = {"lead": {"created_at": None}, "enrollments": [], "messages": [], "events": [sent], "alerts": []}
    [(_, _, said)] = happened(found)
    assert said.startswith("submitted contact: “Please call me on +46 70.x") and said.endswith("x…”")
    assert len(said) < 330


@pytest.mark.parametrize(
    ("seconds", "share", "said"),
    [
        (0.5, 0.5, "12,000 rows …"),
        (4.0, None, "12,000 rows, 3,000 a second …"),
        (4.0, 0.25, "12,000 rows, 3,000 a second, 12 s left …"),
        (40.0, 0.1, "12,000 rows, 300 a second, 6 min left …"),
    ],
)
def test_a_long_import_says_how_fast_it_is_and_how_long_it_takes(
    seconds: float, share: float | None, said: str
) -> None:
    assert said == output.progress("12,000 rows", 12_000, seconds, share)


def test_of_a_file_is_known_how_much_was_read_and_of_a_pipe_not(tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("email\n" + "ana@harbor.example\n" * 10_000)
    with rows_of(str(file)) as rows:
        rows.readline()
        share = _share(rows)
        assert share is not None and 0 < share < 0.1
        rows.read()
        assert _share(rows) == 1
    reading, writing = os.pipe()
    os.close(writing)
    with open(reading) as pipe:
        assert _share(pipe) is None


def test_a_person_is_erased_once_somebody_has_seen_what_goes_and_confirms_it(
    released: Sequencer, tmp_path: Path
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email,first_name\nkim@harbor.example,Kim\nlee@harbor.example,Lee\n")
    released("leads", "import", str(people), "--enroll", "education")
    before = released.json("leads", "show", "kim@harbor.example")
    number = before["lead"]["id"]
    for given in ((), ("--confirm", str(number + 1))):
        told = released.run("leads", "erase", "Kim@Harbor.example", *given)
        assert told.exit_code == 1
        assert f"confirm it by `sequencer leads erase kim@harbor.example --confirm {number}`" in told.output
    assert released.json("leads", "show", "kim@harbor.example") == before
    done = released.json("leads", "erase", "kim@harbor.example", "--confirm", str(number))
    assert (done["erased"], done["counts"]["events"]) == (True, len(before["events"]))
    assert "there is no lead with the address kim@harbor.example" in released.refusal(
        "leads", "erase", "kim@harbor.example"
    )
    exported = released("leads", "export")
    assert "lee@harbor.example" in exported and "erased" not in exported
    assert "0 entered education" in released("leads", "import", str(people), "--enroll", "education")
