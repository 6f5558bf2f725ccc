"""What the buttons do: files are written with care, mails go only to who asks, proposals leave git as it was."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from starlette.testclient import TestClient

from sequencer.preview.courier import batch_of
from sequencer.sandbox.validation import check
from sequencer.settings import Mailing, variables
from tests.providers.servers import build
from tests.providers.test_smtp import Mailbox, free_port

from .conftest import TWO, Open
from .test_pages import courier_of, desk_of


def seen(person: TestClient, item: str = "two") -> str:
    found = person.get(f"/mails/{item}").text.partition('data-seen="')[2].partition('"')[0]
    assert found
    return found


def save(person: TestClient, item: str = "two", **given: Any) -> tuple[int, dict[str, Any]]:
    answer = person.post(f"/save/{item}", json=given)
    return answer.status_code, answer.json() if answer.status_code != 404 else {}


PARTS = {
    "subject": "Two for {{ lead.first_name or 'you' }}",
    "preheader": "Beside it",
    "body": TWO.rpartition("---\n")[2],
}


def test_saving_writes_the_file_with_its_comments_and_shows_it_at_once(person: TestClient, folder: Path) -> None:
    (folder / "content/two.md").chmod(0o640)
    status, said = save(person, **PARTS | {"preheader": "Right beside it"}, seen=seen(person))
    assert (200, "content/two.md is saved") == (status, said["said"])
    assert TWO.replace("Beside it", "Right beside it") == (folder / "content/two.md").read_text("utf-8")
    assert "Right beside it" in person.get("/").text
    assert (0o640, said["seen"]) == ((folder / "content/two.md").stat().st_mode & 0o777, seen(person))
    assert [] == list(folder.rglob(".preview-*"))


def test_a_file_that_somebody_else_changed_meanwhile_is_not_overwritten(person: TestClient, folder: Path) -> None:
    mine = seen(person)
    (folder / "content/two.md").write_text(TWO + "Theirs\n", "utf-8")
    status, said = save(person, **PARTS, seen=mine)
    assert (409, True) == (status, "changed by somebody else" in said["problem"])
    assert TWO + "Theirs\n" == (folder / "content/two.md").read_text("utf-8")
    desk_of(person).look()
    assert 200 == save(person, **PARTS, seen=seen(person))[0]


@pytest.mark.parametrize(
    ("item", "given"),
    [
        ("../sequences/workspace", {}),
        ("layouts/default", {}),
        ("%2e%2e/%2e%2e/etc/passwd", {}),
        ("two", {"subject": ""}),
        ("two", {"subject": 7}),
        ("two", {"body": "x" * 600_000}),
    ],
)
def test_only_mails_of_the_workspace_can_be_written_and_only_with_what_they_may_hold(
    person: TestClient, folder: Path, item: str, given: dict[str, Any]
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert save(person, item, **PARTS | {"seen": seen(person)} | given)[0] in (400, 404)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_link_is_never_written_through_nor_replaced(person: TestClient, folder: Path, tmp_path: Path) -> None:
    inside, outside = folder / "content/_kept.md", tmp_path / "outside"
    stamp = seen(person)
    for target in (inside, outside / "two.md"):
        target.parent.mkdir(exist_ok=True)
        target.write_text(TWO, "utf-8")
        (folder / "content/two.md").unlink()
        (folder / "content/two.md").symlink_to(target)
        assert (400, True) == (
            (found := save(person, **PARTS | {"body": "Mine"}, seen=stamp))[0],
            "is a link" in found[1]["problem"],
        )
        assert (TWO, True) == (target.read_text("utf-8"), (folder / "content/two.md").is_symlink())
    (folder / "content/two.md").unlink()
    (folder / "content").rename(outside / "content")
    (folder / "content").symlink_to(outside / "content")
    (outside / "content/two.md").write_text(TWO, "utf-8")
    assert 400 == save(person, **PARTS | {"body": "Mine"}, seen=stamp)[0]
    assert TWO == (outside / "content/two.md").read_text("utf-8")


def test_what_is_no_object_of_reasonable_size_is_refused(person: TestClient) -> None:
    for body in (b"", b"[]", b"nonsense", b'"' + b"x" * 3_000_000 + b'"', b'{"text": "\\ud800"}'):
        answer = person.post("/paste", content=body)
        assert (400, True) == (answer.status_code, "problem" in answer.json())


def test_a_pasted_lead_is_read_as_until_the_next_one(person: TestClient) -> None:
    assert {"as": "pasted"} == person.post("/paste", json={"text": "email: kim@harbor.example\nfirst_name: Kim"}).json()
    assert "Hello Kim" in person.get("/frame/two?as=pasted").text and "Hello Ana" in person.get("/frame/two").text
    assert "email: is missing" in person.post("/paste", json={"text": "first_name: Kim"}).json()["problem"]


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, Mailing]]:
    box, port = Mailbox(), free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, Mailing(smtp_url=f"smtp://127.0.0.1:{port}")
    server.stop()


def test_without_a_provider_nothing_is_sent_and_it_says_what_to_do(person: TestClient) -> None:
    for path in ("/send/two", "/series/welcome"):
        answer = person.post(path, json={"to": "me@acme.example"})
        assert (400, True) == (answer.status_code, "set SMTP_URL" in answer.json()["problem"])


def test_one_mail_goes_to_whoever_asked_and_to_no_lead(preview: Open, mailbox: tuple[Mailbox, Mailing]) -> None:
    box, mailing = mailbox
    answer = preview(mailing).post("/send/two", json={"to": "Me@Acme.example", "as": "bo@dock.example"})
    assert "sent to me@acme.example" == answer.json()["said"]
    (mail,) = box.messages
    assert ("me@acme.example", "Two for Bo") == (mail["To"], mail["Subject"])
    assert "List-Unsubscribe" not in mail and "dock.example" not in str(mail["To"])
    assert not [name for name in mail.keys() if name.startswith("X-SQ-Enr")]
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "Hello Bo" in text and "https://www.acme.example#preview" in text.replace("/#", "#")


def test_sendgrid_takes_what_is_sent(preview: Open) -> None:
    desk = desk_of(preview())
    batch = batch_of(desk.sheet.mail("two", desk.reader(""), "https://www.acme.example#preview"), "me@acme.example")
    body = build(batch, batch.recipients)
    assert [] == check(body, datetime(2026, 11, 25, tzinfo=UTC))
    assert ("Two for Ana", ["preview"]) == (body["subject"], body["categories"])
    assert not {"sq_enrollment", "sq_lead"} & set(json.dumps(body).split('"'))


def test_what_the_provider_or_the_page_refuses_is_said(
    preview: Open, mailbox: tuple[Mailbox, Mailing], folder: Path
) -> None:
    box, mailing = mailbox
    person = preview(mailing)
    box.refuse["me@acme.example"] = "550 no such person"
    assert "550 no such person" in person.post("/send/two", json={"to": "me@acme.example"}).json()["problem"]
    assert "expected an address" in person.post("/send/two", json={"to": "me"}).json()["problem"]
    assert "no such sequence" in person.post("/series/nonsense", json={"to": "a@acme.example"}).json()["problem"]
    (folder / "content/two.md").write_text("---\nsubject: Hi\n---\n{{ lead.nonsense }}\n", "utf-8")
    desk_of(person).look()
    for path in ("/send/two", "/series/welcome"):
        assert "two has mistakes" in person.post(path, json={"to": "a@acme.example"}).json()["problem"]
    assert [] == box.messages


def test_a_whole_series_goes_in_its_order_until_it_is_stopped(preview: Open, mailbox: tuple[Mailbox, Mailing]) -> None:
    box, mailing = mailbox
    slow = preview(mailing, between=3600.0)
    assert (
        "2 mails go to me@acme.example" in slow.post("/series/welcome", json={"to": "me@acme.example"}).json()["said"]
    )
    assert "another series" in slow.post("/series/welcome", json={"to": "me@acme.example"}).json()["problem"]
    assert "stopped" == slow.post("/stop", json={}).json()["said"]
    quick, done = preview(mailing), threading.Event()
    desk, courier = desk_of(quick), courier_of(quick)
    desk.listen(lambda: done.set() if courier.tour and not courier.tour.running else None)
    quick.post("/series/welcome", json={"to": "you@acme.example"})
    assert done.wait(30)
    assert "2 of 2 mails handed over for you@acme.example" in quick.get("/").text
    assert ["One", "Two for Ana"] == [mail["Subject"] for mail in box.messages if mail["To"] == "you@acme.example"]
    assert "Two for Ana" not in [mail["Subject"] for mail in box.messages if mail["To"] == "me@acme.example"]


def git(folder: Path, *arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "Kim", "GIT_AUTHOR_EMAIL": "kim@acme.example", "GIT_CONFIG_GLOBAL": os.devnull}
    environ = {**variables(), **who, "GIT_COMMITTER_NAME": "Kim", "GIT_COMMITTER_EMAIL": "kim@acme.example"}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=environ, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def repository(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace as a folder of a larger repository, with something staged and something changed beside it."""
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "Kim")
        monkeypatch.setenv(f"{name}_EMAIL", "kim@acme.example")
    git(folder.parent, "init", "-q", "-b", "main")
    (folder.parent / "code.py").write_text("one\n")
    git(folder.parent, "add", "-A")
    git(folder.parent, "commit", "-qm", "First")
    (folder.parent / "code.py").write_text("staged\n")
    git(folder.parent, "add", "-A")
    (folder / "content/one.md").write_text(
        (folder / "content/one.md").read_text("utf-8") + "\nAnother change.\n", "utf-8"
    )
    return folder


def test_a_proposal_is_a_branch_with_one_commit_of_the_chosen_files_and_leaves_all_else_alone(
    person: TestClient, repository: Path
) -> None:
    save(person, **PARTS | {"subject": "Shorter"}, seen=seen(person))
    (repository / "content/new.md").write_text("---\nsubject: New\n---\nNew\n", "utf-8")
    before = [
        git(repository, *asked.split()) for asked in ("status --porcelain", "diff --cached", "diff", "rev-parse HEAD")
    ]
    page = person.get("/propose").text
    assert (
        'value="content/two.md" checked' in page and 'value="content/new.md" checked' in page and "code.py" not in page
    )
    answer = person.post(
        "/propose", json={"paths": ["content/two.md", "content/new.md"], "title": "Shorter: *subject*"}
    ).json()
    assert "propose/shorter-subject" == answer["branch"]
    assert before == [
        git(repository, *asked.split()) for asked in ("status --porcelain", "diff --cached", "diff", "rev-parse HEAD")
    ]
    assert "main" == git(repository, "branch", "--show-current").strip()
    shown = git(repository, "show", "--name-status", "--format=%an %s", answer["branch"]).split()
    assert ["Kim", "Shorter:", "*subject*", "A", "workspace/content/new.md", "M", "workspace/content/two.md"] == shown
    assert git(repository, "rev-parse", "HEAD") == git(repository, "rev-parse", f"{answer['branch']}^")
    again = person.post("/propose", json={"paths": ["content/two.md"], "title": "Shorter subject"}).json()
    assert "propose/shorter-subject-2" == again["branch"]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"paths": ["content/one.md"], "title": "  "}, "say in a few words"),
        ({"paths": [], "title": "x"}, "choose files"),
        ({"paths": "content/one.md", "title": "x"}, "choose at least one file"),
        ({"paths": ["content/two.md"], "title": "x"}, "choose files that differ"),
        ({"paths": ["../code.py"], "title": "x"}, "choose files that differ"),
        ({"paths": ["--all"], "title": "x"}, "choose files that differ"),
        ({"paths": ["content/*.md"], "title": "x"}, "choose files that differ"),
        ({"paths": ["content/three.md"], "title": "x"}, "mend the mistakes first"),
    ],
)
def test_only_what_differs_and_has_no_mistake_can_be_proposed(
    person: TestClient, repository: Path, given: dict[str, Any], problem: str
) -> None:
    (repository / "content/three.md").write_text("---\nsubject: Hi\n---\n{{ lead.nonsense }}\n", "utf-8")
    desk_of(person).look()
    assert problem in person.post("/propose", json=given).json()["problem"]
    assert "" == git(repository, "branch", "--list", "propose/*")


def test_where_git_has_nothing_to_compare_with_it_says_what_to_do(person: TestClient, folder: Path) -> None:
    assert "is in no git repository" in person.get("/propose").text
    git(folder, "init", "-q")
    assert "there is no commit yet" in person.get("/propose").text
    assert (
        "no commit yet" in person.post("/propose", json={"paths": ["content/one.md"], "title": "x"}).json()["problem"]
    )


def test_git_that_does_not_know_the_person_is_explained(
    person: TestClient, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git(repository, "config", "user.useConfigOnly", "true")
    said = person.post("/propose", json={"paths": ["content/one.md"], "title": "x"}).json()["problem"]
    assert "git does not know who you are" in said
