"""schemathesis asks the API for everything that its description allows, and for much that it does not.

In a process of its own: nothing of it is loaded for the other tests (pyproject.toml keeps its plugin out).
"""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sequencer.core.lead import Lead
from sequencer.web import api_description, api_input, programs
from tests.attacks.conftest import everything_stored, serving
from tests.web.conftest import BEARER, TOKEN, WELCOME, Site
from tests.workspaces import files

EXAMPLES = 10
"""Requests that are drawn at random for each operation, beside some 200 that follow from the description."""

SETTINGS = """
# What only a workspace makes wrong (it has no such sequence, no such stage) no description can say: a 422 does. Nor can
# it say which cursors are ours: a 400 does.
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "404", "422"]
"""


class Counted:
    """An application, and how often it answered what."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.answers: Counter[tuple[str, int]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["path"] in ("/api/leads", "/api/events") else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answers[path, message["status"]] += 1
            await send(message)

        await self.app(scope, receive, counted)


def ask_everything(site: Site, folder: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], Counted]:
    """All of its checks, the same requests every time; and the answers that were given."""
    forms = {"sequences/forms.yaml": "handbook: {title: The Handbook, always: [first_name]}\n"}
    site.world.deploy(files(education=WELCOME) | forms)
    site.world.lead("jane@acme.example")
    (folder / "settings.toml").write_text(SETTINGS)
    app = Counted(site.app)
    with pytest.MonkeyPatch.context() as patch, serving(app) as server:
        # As many requests as it likes: here it is not the rate limit that is looked at.
        patch.setattr(programs, "PER_MINUTE", 1_000_000)
        here = f"http://127.0.0.1:{server.port}"
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "settings.toml", "--no-color"]
        command += ["run", f"{here}/api/openapi.json", "--url", here, "--header", f"Authorization: Bearer {TOKEN}"]
        command += ["--seed", "1", "--generation-deterministic", *options]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=800)
    return done, app


def test_the_api_keeps_to_its_description_whatever_it_is_asked(
    site: Site, kim: Lead, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    done, app = ask_everything(site, tmp_path, "--max-examples", str(EXAMPLES))
    with capsys.disabled():
        print(f"\nschemathesis: {app.answers.total()} answers in {time.monotonic() - began:.1f} s")
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr
    assert [status for _, status in app.answers if status >= 500] == []
    # It is no door that keeps everybody out.
    assert app.answers["/api/leads", 200] + app.answers["/api/leads", 201] > 20
    assert app.answers["/api/events", 200] > 10
    assert {status for path, status in app.answers if path == "/api/events"} == {200, 400, 401, 404, 405, 422}


@pytest.mark.long
def test_it_also_does_in_a_run_as_long_as_schemathesis_makes_it_by_default(
    site: Site, kim: Lead, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    done, app = ask_everything(site, tmp_path)
    with capsys.disabled():
        print(f"\nschemathesis: {app.answers.total()} answers in {time.monotonic() - began:.1f} s")
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr
    assert [status for _, status in app.answers if status >= 500] == []


def test_an_api_that_breaks_its_description_is_noticed(
    site: Site, kim: Lead, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = api_input.read
    monkeypatch.setattr(api_input, "read", lambda raw, workspace: real({"email": raw["email"]}, workspace))
    monkeypatch.setattr(api_input, "_moment", None)
    monkeypatch.delitem(api_description._GET_LEAD["responses"], "422")
    done, app = ask_everything(site, tmp_path, "--phases", "coverage")
    assert done.returncode == 1, done.stdout
    told = ("Schema-violating request accepted", "Undocumented status code", "Server error")
    assert [one for one in told if one not in done.stdout] == [], done.stdout[-10_000:]
    assert ("/api/events", 500) in app.answers


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/api/leads", {"company": {"name": "Harbor"}}, "company: expected text, got a mapping"),
        ("/api/leads", {"first_name": []}, "first_name: expected text, got a list"),
        ("/api/leads", {"owner_email": {}}, "owner_email: expected an address, got `{}`"),
        ("/api/leads", {"owner_email": 0}, "owner_email: expected an address, got `0`"),
        ("/api/leads", {"enroll": {}}, "enroll: expected the name of a sequence, or a list of them"),
        ("/api/leads", {"enroll": 0}, "enroll: expected the name of a sequence, or a list of them"),
        ("/api/leads", {" ": ""}, "expected a name for every field, got an empty one"),
        ("/api/leads", {"Hobby": "chess", "hobby ": "go"}, "hobby: expected once, got it twice"),
        ("/api/events", {"event": "said", "data": ""}, "data: expected an object"),
        ("/api/events", {"event": "said", "data": 0}, "data: expected an object"),
    ],
)
def test_what_is_not_described_is_refused_and_not_taken_for_nothing(
    site: Site, kim: Lead, path: str, body: dict[str, Any], said: str
) -> None:
    before = everything_stored(site.world)
    answer = site.http.post(path, json={"email": kim.email, **body}, headers=BEARER)
    assert (answer.status_code, answer.json()) == (422, {"problems": [said]})
    assert everything_stored(site.world) == before


def test_what_is_null_or_empty_stays_as_it_was(site: Site, kim: Lead) -> None:
    nothing = {"First_Name": None, "last_name": "", "owner_email": "", "enroll": None, "pains": [], "hobby": None}
    answer = site.http.post("/api/leads", json={"email": kim.email, **nothing}, headers=BEARER)
    assert (answer.status_code, answer.json()["new"]) == (200, False)
    assert site.world.lead(kim.email) == kim
    nothing = {"at": None, "key": None, "data": None}
    answer = site.http.post("/api/events", json={"email": kim.email, "event": "said", **nothing}, headers=BEARER)
    assert (answer.status_code, answer.json()["recorded"]) == (200, True)
