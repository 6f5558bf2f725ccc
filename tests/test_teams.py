"""The workflow and the hooks that other repositories use: what they call exists, and they run when they should."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from sequencer.cli import main, plan_github
from sequencer.workspace.load import read_files

ROOT = Path(__file__).parents[1]


def read(name: str) -> Any:
    return yaml.load((ROOT / name).read_text("utf-8"), yaml.BaseLoader)


WORKFLOW = read(".github/workflows/sequences.yml")
HOOKS = {hook["id"]: hook for hook in read(".pre-commit-hooks.yaml")}
SCRIPTS = [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
*COMMANDS, WITH_A_DATABASE = [
    found[1] for script in SCRIPTS for found in re.finditer(r"^(sequencer .*?)(?: >|$)", script, re.MULTILINE)
]
PLAN = 'sequencer plan --positions "$POSITIONS" --format github'


def test_there_is_something_to_run() -> None:
    checks = ["sequencer check --format github", "sequencer test", "sequencer graph"]
    assert [*checks, PLAN] == COMMANDS
    assert "sequencer plan --format github" == WITH_A_DATABASE
    expected = {"sequencer-check": "check", "sequencer-test": "test", "sequencer-fmt": "fmt"}
    assert {name: f"sequencer {entry}" for name, entry in expected.items()} == {
        name: hook["entry"] for name, hook in HOOKS.items()
    }


@pytest.mark.parametrize(
    "command", sorted({*COMMANDS, HOOKS["sequencer-check"]["entry"], f"{HOOKS['sequencer-fmt']['entry']} --check"})
)
def test_what_they_run_passes_for_the_shipped_workspace(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORKSPACE_DIR", str(ROOT))
    positions = tmp_path / "positions.json"
    files = dict(read_files(ROOT))
    written = {"format": 3, "deployment": 1, "at": "2026-11-24T08:00:00+00:00", "files": files, "older": {}}
    nobody = dict.fromkeys(("dates", "fields", "standing", "dated", "told"), ())
    positions.write_text(json.dumps({**written, **nobody}), "utf-8")
    done = CliRunner().invoke(main, command.replace('"$POSITIONS"', str(positions)).split()[1:])
    assert 0 == done.exit_code, done.output


def test_the_workflow_writes_nothing_but_a_comment_and_cannot_be_made_to_run_what_an_input_says() -> None:
    assert {"contents": "read"} == WORKFLOW["permissions"]
    assert {"plan": {"contents": "read", "pull-requests": "write"}} == {
        name: job["permissions"] for name, job in WORKFLOW["jobs"].items() if "permissions" in job
    }
    assert [] == [script for script in SCRIPTS if "${{" in script]


@pytest.mark.parametrize(
    ("there", "done"),
    [
        ("17\n18\n", "api --silent --method PATCH repos/you/it/issues/comments/17 --field body=@{}/plan.md"),
        ("", "pr comment 4 --body-file {}/plan.md"),
    ],
)
def test_a_plan_replaces_its_own_comment_and_no_other(there: str, done: str, tmp_path: Path) -> None:
    program, log = tmp_path / "gh", tmp_path / "log"
    program.write_text(f'#!/bin/sh\necho "$@" >> {log}\ncase "$*" in *--paginate*) printf "$THERE";; esac\n', "utf-8")
    program.chmod(0o755)
    (script,) = (script for script in SCRIPTS if "gh pr comment" in script)
    given = {"GH_REPO": "you/it", "NUMBER": "4", "RUNNER_TEMP": str(tmp_path), "THERE": there}
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", **given}
    subprocess.run(["bash", "-e", "-c", script], env=environ, check=True)
    asked, acted = log.read_text("utf-8").splitlines()
    assert f'startswith("{plan_github.MARKER}")' in asked and "repos/you/it/issues/4/comments" in asked
    assert done.format(tmp_path) == acted


def test_it_runs_for_every_file_of_the_workspace_and_for_others_only_itself() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split(
        "\n"
    )
    patterns = [path.removesuffix("**") for path in WORKFLOW["on"]["pull_request"]["paths"]]
    assert {"sequences/", "content/", ".github/workflows/sequences.yml"} == set(patterns)
    workspace = {name for name in listed if name.startswith(("sequences/", "content/"))}
    assert len(workspace) > 20
    hit = {name: {path for path in listed if re.search(hook["files"], path)} for name, hook in HOOKS.items()}
    assert workspace <= hit["sequencer-check"] == hit["sequencer-test"]
    assert {name for name in workspace if name.endswith(".yaml")} <= hit["sequencer-fmt"]
    assert not {path for path in hit["sequencer-check"] if path.startswith(("sequencer/", "docs/", "workers/"))}


def test_the_examples_in_the_documentation_name_what_there_is() -> None:
    page = (ROOT / "docs/teams.md").read_text("utf-8")
    examples = [yaml.load(block, yaml.BaseLoader) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    caller = examples[0]["jobs"]["check"]
    assert caller["uses"].partition("@")[0].endswith("/.github/workflows/sequences.yml")
    assert set(caller["with"]) <= set(WORKFLOW["on"]["workflow_call"]["inputs"])
    assert set(HOOKS) == {hook["id"] for hook in examples[2]["repos"][0]["hooks"]}
