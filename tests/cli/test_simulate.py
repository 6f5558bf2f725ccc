"""`sequencer simulate`, on the workspace that is shipped; it asks no database."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sequencer.cli import main
from sequencer.core.crowd import Crowd
from sequencer.services.compile import compile_workspace
from sequencer.services.simulate import made_up, run_crowd
from sequencer.workspace.load import read_files

from .conftest import ROOT

BEGIN = ("--start", "mon 2026-11-23 09:00")
KHALID = ("--lead", str(ROOT / "examples" / "leads.csv"), "--email", "khalid.haddad@alnoor-building.example")


def simulate(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["simulate", *arguments], env={"WORKSPACE_DIR": str(ROOT)})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_it_tells_what_a_lead_of_a_csv_file_would_get_by_its_own_clock_and_why() -> None:
    click = "1h after pricing: clicked pricing calculator"
    happens = ("--event", click, "--event", "2d after roi: replied")
    said = simulate("sales-motivation", *KHALID, *BEGIN, *happens, "--for", "10d").stdout
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0] == "sales-motivation, khalid.haddad@alnoor-building.example, from Mon 23 Nov 2026 09:00 (Dubai)"
    assert "Mon 23 Nov 2026 10:00 clicked calculator in pricing" in lines
    assert any(
        line.startswith("Tue 24 Nov 2026 09:00 sends roi: from priya@counterweigh.example – The sum behind")
        for line in lines
    )
    assert lines[-1] == "2 mails in 3 days"


def test_json_has_the_same_for_scripts() -> None:
    found = json.loads(simulate("education", *BEGIN, "--set", "stage=lead", "--for", "40d", "--json").stdout)
    assert ("education", "somebody@company.example", "Europe/Amsterdam") == (
        found["sequence"],
        found["email"],
        found["zone"],
    )
    sent = [(one["step"], one["at"], one["subject"]) for one in found["timeline"] if one["code"] == "sent"]
    assert sent[0][:2] == ("where-invoices-go-wrong", "2026-12-01T09:00:00+00:00")
    assert all(subject for *_, subject in sent)
    assert found["mails"] == len(sent) == len(found["enrollments"][0]["mails"])
    assert found["enrollments"][0]["status"] == "active"


def test_what_happens_lets_a_lead_in() -> None:
    said = simulate("education", *BEGIN, "--not-enrolled", "--event", "0m submitted handbook", "--for", "10d").stdout
    assert "sends handbook-delivery" in said
    assert "after 10 days still in education" in said
    assert "does not enter" not in said


def test_without_anything_that_lets_it_in_nothing_happens() -> None:
    assert "\n0 mails in " in simulate("education", *BEGIN, "--not-enrolled").stdout


REFUSED = [
    (
        ("nonsense",),
        1,
        "there is no sequence `nonsense`; there are: demo-recording-delivery, education, ",
    ),
    (("sales-motivatio",), 1, "did you mean `sales-motivation`?"),
    (("education", "--event", "soon replied"), 2, "Invalid value for --event: expected when and what"),
    (("education", "--for", "ever"), 2, "Invalid value for --for: expected a duration"),
    (("education", "--start", "tue 2026-11-23 09:00"), 2, "2026-11-23 is a mon"),
    (("education", "--set", "stage"), 2, "expected a field and its value as `stage=mql`, got `stage`"),
    (("education", "--set", "stage=mqll"), 1, "stage: expected one of subscriber, lead, mql"),
    (("education", "--event", "1d clicked bench calculator"), 1, "there is no mail `bench`; did you mean `benchmark`?"),
    (("education", "--event", "1d after pricing: replied"), 1, "there is no step `pricing`"),
    (("education", "--event", "1d clicked benchmark price"), 1, "there is no link `price`"),
    (("education", "--event", "1d clicked sales/prices"), 1, "there is no mail `sales/prices`; did you mean"),
    (("education", "--event", "1d unsubscribed gides"), 1, "there is no topic `gides`; did you mean `guides`?"),
    (("education", "--event", "1d changed stgae mql"), 1, "there is no field `stgae`; did you mean `stage`?"),
    (("education", "--event", "1d changed stage mqll"), 1, "stage: expected one of"),
    (
        ("education", "--event", "1d demo_requestd"),
        1,
        "no sequence asks for `demo_requestd`; did",
    ),
    (("education", *KHALID[:2], "--email", "no@body.example"), 1, "no row has the address no@body.example"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), REFUSED, ids=[" ".join(case[0])[-40:] for case in REFUSED])
def test_what_is_wrong_is_said(arguments: tuple[str, ...], code: int, says: str) -> None:
    result = simulate(*arguments)
    assert (code, "") == (result.exit_code, result.stdout)
    assert says in result.stderr


def test_a_workspace_with_errors_is_not_simulated(tmp_path: Path) -> None:
    (tmp_path / "sequences").mkdir()
    (tmp_path / "sequences" / "welcome.yaml").write_text("title: Welcome\n")
    result = CliRunner().invoke(main, ["simulate", "welcome"], env={"WORKSPACE_DIR": str(tmp_path)})
    assert (1, "") == (result.exit_code, result.stdout)
    assert "missing-file" in result.stderr


SAVED = {
    "reacts": ("sales-motivation", "--event", "1h after pricing: clicked pricing calculator", "--event", "2d replied"),
    "is called by: a Form's name": ("education", "--not-enrolled", "--event", "0m submitted handbook", "--for", "30d"),
    "says what hurts": ("education", "--event", "20d changed pains risk, workload", "--set", "title=Head of #1: 'IT'"),
    "never entered": ("handbook-delivery", "--not-enrolled", "--for", "5d"),
}


def test_what_was_simulated_is_saved_as_a_scenario_that_holds(tmp_path: Path) -> None:
    for folder in ("sequences", "content"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("scenarios"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, env={"WORKSPACE_DIR": str(tmp_path)})

    for name, arguments in SAVED.items():
        saved = run("simulate", *arguments, *KHALID, *BEGIN, "--save-as-scenario", name)
        assert saved.exit_code == 0, saved.output
        assert saved.stderr.endswith(".yaml written\n")
    tested = run("test")
    assert (tested.exit_code, tested.stdout.splitlines()[-1]) == (0, f"{len(SAVED)} scenarios fine"), tested.output
    again = run("simulate", "education", *BEGIN, "--save-as-scenario", "reacts")
    assert (again.exit_code, "reacts.yaml is there already" in again.stderr) == (1, True)
    assert run("fmt", "--check", str(tmp_path / "sequences" / "scenarios")).exit_code == 0


def test_an_audience_goes_through_and_every_mail_is_counted_once() -> None:
    people = ("--audience", "40", "--set", "stage=mql", "--set", "owner_email=daan@counterweigh.example")
    first = simulate("sales-motivation", *people, *BEGIN, "--for", "30d", "--seed", "3", "--json")
    found = json.loads(first.stdout)
    assert (found["leads"], sum(found["outcomes"].values())) == (40, 40)
    assert found["mails"] == sum(found["mails_by_day"].values()) == sum(one.get("sent", 0) for one in found["steps"])
    steps = {one["step"]: one for one in found["steps"]}
    assert (steps["pricing"]["sent"], found["mails_by_day"]["2026-11-23"]) == (40, 40)
    fork = steps["looked-at-price"]
    assert fork["reached"] == fork.get("then", 0) + fork.get("else", 0) <= 40
    assert (
        0 < sum(one.get("clicked", 0) for one in found["steps"]) <= sum(one.get("opened", 0) for one in found["steps"])
    )
    again = ("sales-motivation", *people, *BEGIN, "--for", "30d", "--json")
    assert first.stdout == simulate(*again, "--seed", "3").stdout != simulate(*again, "--seed", "4").stdout


def test_an_audience_may_come_from_a_file_and_is_shown_by_day() -> None:
    said = simulate("handbook-delivery", *KHALID[:2], *BEGIN, "--audience", "5", "--for", "5d").stdout.splitlines()
    assert said[0] == "handbook-delivery, 5 leads, seed 1"
    assert said[3].split()[:3] == ["handbook-delivery", "5", "5"]
    assert said[-1].startswith("5 mails on ")
    assert any("█" * 40 in line for line in said)


def test_an_audience_has_no_events_of_its_own() -> None:
    result = simulate("education", "--audience", "5", "--event", "1d replied")
    assert (result.exit_code, "--audience goes with" in result.stderr) == (2, True)


def test_an_audience_comes_to_the_same_by_however_many_processes_it_is_walked() -> None:
    compiled = compile_workspace(read_files(ROOT))
    workspace = compiled.workspace
    assert workspace is not None

    def crowd(processes: int) -> Crowd:
        begin, people = datetime(2026, 11, 23, 9, tzinfo=UTC), islice(made_up(), 600)
        return run_crowd(
            *(workspace, compiled.contents, workspace.sequences["handbook-delivery"], people, None),
            *(begin, timedelta(days=3), 1, lambda _: None, processes),
        )

    one, two = crowd(1), crowd(2)
    assert (two.leads, two.counts(), list(two.ends)) == (600, one.counts(), list(one.ends))
