"""`sequencer plan`, what `deploy` wants confirmed, and `sequencer rollback`."""

import json
import re
import zlib
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from sequencer.cli.plan_github import as_github
from sequencer.cli.plan_text import as_text, fates
from sequencer.core.edit import Edit
from sequencer.core.plan import Inside, Looks, Plan, Shared
from sequencer.store import tables
from tests.workspaces import content, files

from .conftest import START, Sequencer

SERIES = """
title: Quick
state: live
topic: guides
enroll:
  when: manual
from: marketing
steps:
  - email: one
  - wait: 3 days
  - email: two
"""


@pytest.fixture
def folder(tmp_path: Path, sequencer: Sequencer) -> Path:
    """The small workspace, deployed, with two people inside, before its first mail."""
    sequencer.environ["WORKSPACE_DIR"] = str(tmp_path)
    write(tmp_path, files(quick=SERIES))
    sequencer("deploy")
    sequencer("leads", "import", "-", "--enroll", "quick", given="email\nana@harbor.example\nbo@harbor.example\n")
    return tmp_path


def write(folder: Path, workspace: dict[str, str]) -> None:
    for name, said in workspace.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(said, "utf-8")


def test_a_plan_says_what_changes_for_whom_and_what_the_words_were(folder: Path, sequencer: Sequencer) -> None:
    assert "nothing changes: deployment 1 already says this\n" == sequencer("plan")
    edited = SERIES.replace("3 days", "5 days").replace("state: live", "state: closed")
    write(folder, {"sequences/quick.yaml": edited, "content/two.md": content("Two @you", "Hello dear")})
    assert sequencer("plan") == PLANNED
    said = sequencer("plan", "--format", "github")
    assert said.startswith(
        "<!-- sequencer plan -->\n**changes to deployment 1: 1 sequence, 1 mail; 2 people inside**\n"
    )
    assert "| waits, says something else | two | wait: 3 days -\\> 5 days |" in said
    assert "<b>subject</b><br>Two <ins>@\u200byou</ins><br>" in said
    found = sequencer.json("plan")
    assert (True, 2, "", []) == (found["changes"], found["people"], found["code"], found["dangers"])
    assert ["state"] == [setting["name"] for setting in found["edit"]["sequences"][0]["settings"]]


PLANNED = """\
~ quick
    ~ state: live -> closed
    ~ two                       wait: 3 days -> 5 days
    2 people inside

" two  (quick: two)
    subject: Two {+@you+}
    text: Hello [-{{ lead.first_name or 'there' }}-] {+dear+}

    {{ brand.postal_address }} Unsubscribe ({{ unsubscribe_url }})

~ changed   " says something else
changes to deployment 1: 1 sequence, 1 mail; 2 people inside
"""


def test_what_cannot_be_taken_back_is_deployed_with_the_code_of_that_very_change(
    folder: Path, sequencer: Sequencer
) -> None:
    write(folder, {"sequences/quick.yaml": SERIES.replace("  - wait: 3 days\n  - email: two\n", "")})
    danger = "! quick: 2 people never get `two`, and nothing in its place\n"
    assert danger in sequencer("plan")
    code = sequencer.json("plan")["code"]
    for given, why in (((), ""), (("--confirm", "0badc0de"), "`0badc0de` confirms another change; ")):
        refused = sequencer.run("deploy", *given)
        assert (1, True) == (refused.exit_code, danger in refused.stdout)
        assert refused.stderr == (
            f"Error: nothing was deployed: {why}somebody has to confirm this by `sequencer deploy --confirm {code}`,"
            f" or by DEPLOY_CONFIRM={code} in the environment\n"
        )
    assert (1, code) == (sequencer.json("status")["deployment"], sequencer.json("deploy", code=1)["confirm"])
    write(folder, {"sequences/quick.yaml": SERIES.replace("  - email: one\n  - wait: 3 days\n", "")})
    assert 1 == sequencer.run("deploy", "--confirm", code).exit_code
    write(folder, {"sequences/quick.yaml": SERIES.replace("  - wait: 3 days\n  - email: two\n", "")})
    sequencer.environ["DEPLOY_CONFIRM"] = code
    assert "deployment 2: 1 sequence, 4 contents\n" == sequencer("deploy")
    assert "  2 people are still to be taken over from the deployment before\n" in sequencer("status")


def test_a_rollback_is_an_older_deployment_as_a_new_one(folder: Path, sequencer: Sequencer, engine: Engine) -> None:
    assert "there is no older deployment: there are 1 to 1" == sequencer.refusal("rollback")
    assert "there is no deployment 7: there are 1 to 1" == sequencer.refusal("rollback", "7")
    write(folder, {"sequences/quick.yaml": SERIES + "  - wait: 3 days\n  - email: three\n"})
    sequencer("deploy")
    refused = sequencer.run("rollback")
    assert (1, True) == (refused.exit_code, "never get `three`" in refused.stdout)
    code = refused.stdout.rpartition("sequencer rollback 1 --confirm ")[2].strip()
    assert "deployment 3: the workspace of deployment 1\n" == sequencer("rollback", "--confirm", code)
    assert "nothing changes: deployment 3 already runs the workspace of deployment 1\n" == sequencer("rollback", "1")
    with engine.begin() as conn:
        conn.execute(tables.release.insert().values(hash="old", bundle=OLD, created_at=START))
        conn.execute(text("UPDATE deployment SET release = 'old' WHERE number = 2"))
    assert "deployment 2 cannot be run by this version: " in sequencer.run("rollback", "2").stderr


OLD = zlib.compress(b'{"format": 0}')


def test_a_plan_needs_no_database_when_it_has_a_file_of_positions(folder: Path, sequencer: Sequencer) -> None:
    path = folder / "positions.json"
    assert f"who stands where in deployment 1: {path}\n" == sequencer("plan", "--export-positions", str(path))
    assert "@harbor" not in path.read_text()
    sequencer.environ["DATABASE_URL"] = ""
    write(folder, {"sequences/quick.yaml": SERIES.replace("  - wait: 3 days\n  - email: two\n", "")})
    said = sequencer("plan", "--positions", str(path))
    assert "     2  never get `two`: gone from the file\n" in said
    assert re.search(r"^as of .* UTC; who enters or becomes sales-ready at once only the database tells$", said, re.M)


def test_what_a_file_of_positions_cannot_tell_is_named() -> None:
    inside = Inside("quick", 2, 0, looks=Looks(2, 0, ('did("bought")',)))
    assert list(fates(inside, None))[1:] == [
        "         2  fall due at once, and are looked at one after another",
        '            whom `did("bought")` concerns is not counted: a file of positions does not tell',
    ]


def test_a_plan_says_who_enters_and_who_keeps_their_steps(folder: Path, sequencer: Sequencer) -> None:
    pinned = SERIES.replace("topic: guides", "topic: guides\nedits: pin").replace("3 days", "5 days")
    letter = SERIES.replace("when: manual", "at: 2099-12-10 10:00").replace("Quick", "Letter")
    write(folder, {"sequences/quick.yaml": pinned, "sequences/letter.yaml": letter})
    said = sequencer("plan")
    assert "    2 people inside\n             2  keep the steps of deployment 1\n" in said
    assert "    of 2 leads known now\n             2  enter when its moment comes, if they still fit\n" in said
    assert "2  enter when its moment comes" in sequencer("plan", "--format", "github")
    [one] = sequencer.json("plan")["newcomers"]
    assert {"sequence": "letter", "enter": 0, "later": 2, "outside": 0, "leads": 2, "looked_at": 2} == one


def test_who_becomes_sales_ready_is_named_to_who_asks_and_never_in_a_pull_request(
    folder: Path, sequencer: Sequencer
) -> None:
    sequencer("leads", "import", "-", given="email,country\nkim@harbor.example,DE\n")
    write(
        folder, {"sequences/signals.yaml": 'fit:\n  - {if: lead.country == "DE", points: 10}\nsales_ready: fit >= 5\n'}
    )
    assert "kim@harbor.example: score 0 -> 0, fit 10: " in sequencer("plan", "--names")
    assert ["kim@harbor.example"] == [one["email"] for one in sequencer.json("plan", "--names")["readying"]["named"]]
    assert "kim" not in sequencer("plan") + json.dumps(sequencer.json("plan"))
    for also in (("--format", "github"), ("--positions", str(folder / "sequences" / "signals.yaml"))):
        assert 2 == sequencer.run("plan", "--names", *also).exit_code


def test_a_user_who_may_only_read_can_plan(folder: Path, sequencer: Sequencer, engine: Engine) -> None:
    with engine.begin() as conn:
        name = conn.execute(text("SELECT current_database()")).scalar_one()
        conn.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
    write(folder, {"sequences/quick.yaml": SERIES.replace("3 days", "5 days")})
    assert "1 sequence" in sequencer("plan")


def test_a_plan_names_the_companies_that_are_none_and_counts_the_rest() -> None:
    shared = (Shared("agency.example", 1), *(Shared(f"guild{n}.example", 3) for n in range(11)))
    plan = Plan(1, Edit((), (), ("shared_domains",)), (), (), None, None, "", shared=shared)
    said = as_text(plan).splitlines()
    assert said[:3] == [
        "~ workspace.yaml",
        "    shared domains",
        "             1  person is in agency.example, which is no company then: see `sequencer companies detach`",
    ]
    assert "             6  in 2 further domains" in said and len(said) == 16
    assert "- 1  person is in agency.example, which" in as_github(plan)
