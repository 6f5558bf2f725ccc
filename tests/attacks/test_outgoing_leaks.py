"""A webhook's address is a secret, and what its server answers is nobody's: neither shows anywhere."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from sequencer.cli.problems import as_object, as_text
from sequencer.core.lead import Rep
from sequencer.core.mail import Outcome
from sequencer.core.target import parse
from sequencer.providers.outgoing import Outgoing
from sequencer.services import alerts as alert_service
from sequencer.services import inspect
from sequencer.services.compile import compile_workspace
from tests.providers.chat import NAME, SECRET, Chat, answer, chatting, to
from tests.services.conftest import World
from tests.services.test_sending_hard import TOLD
from tests.web.conftest import Site
from tests.workspaces import WORKSPACE, content, files

BODY = b'{"text":"hello"}'
CANARY = "4N5W3R"
HOOKED = WORKSPACE.replace("name: Ana Ruiz, ", f"name: Ana Ruiz, webhook: https://{NAME}/services/{SECRET}, ")


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Chat]:
    with chatting(tmp_path) as found:
        yield found


def test_no_way_of_failing_tells_the_address_or_the_answer(chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def unknown(host: str, port: int) -> list[str]:
        raise OSError(f"{CANARY} {host}")

    said: list[Outcome] = []
    for status in ("200 OK", f"302 {CANARY}", f"404 {CANARY}", f"429 {CANARY}", f"500 {CANARY}", CANARY):
        head = f"HTTP/1.1 {status}\r\nLocation: https://{CANARY}.example/\r\nServer: {CANARY}\r\n\r\n{CANARY}"
        chat.talk = answer(head.encode())
        said.append(chat.client().post(chat.url, BODY))
    said.append(chat.client(unknown).post(chat.url, BODY))
    said.append(chat.client(to("10.11.12.13")).post(chat.url, BODY))
    said.append(Outgoing(frozenset({("127.0.0.1", chat.port)}), resolve=to("127.0.0.1")).post(chat.url, BODY))
    for form in ("http://{}", "https://u:p@{}", "https://127.0.0.1/{}", "https://{}:22", "https://x/ {}", "{}"):
        said.append(Outgoing().post(form.format(f"{NAME}/{SECRET}"), BODY))
    told = repr(said) + caplog.text
    assert 15 == len(said)
    assert [] == [word for word in (SECRET, CANARY, "10.11.12.13") if word in told]


def test_what_is_printed_of_a_rep_or_a_target_lacks_the_secret() -> None:
    url = f"https://{NAME}/services/{SECRET}"
    assert SECRET not in repr(Rep("ana@acme.example", "Ana", webhook=url))
    assert SECRET not in repr(parse(url))


@pytest.mark.parametrize(
    "webhook",
    [
        f"webhook: http://{NAME}/services/{SECRET}",
        f"webhook: 'https://u:{SECRET}@{NAME}/services/x'",
        f"webhook: https://{NAME}/services/{SECRET}\n    webhook: https://{NAME}/services/{SECRET}",
        f"webhook: https://{NAME}/services/{SECRET}\n    phone: [1]",
        f"webhook: [https://{NAME}/services/{SECRET}]",
        f"webhook:\n      http://{NAME}/services/{SECRET}",
        f"webhok: https://{NAME}/services/{SECRET}",
    ],
)
def test_check_does_not_print_it_whatever_is_wrong(webhook: str) -> None:
    """Its output lands in the logs of CI and of release phases."""
    reps = f"reps:\n  ana@acme.example:\n    name: Ana\n    {webhook}\n"
    before = WORKSPACE.partition("reps:")[0]
    workspace = files() | {"sequences/workspace.yaml": before + reps + "quiet: {days: [sat, sun]}\n"}
    compiled = compile_workspace(workspace)
    assert compiled.problems
    printed = as_text(compiled, workspace) + as_object(compiled, workspace)
    assert SECRET not in printed


def test_no_template_can_mail_it() -> None:
    workspace = files() | {
        "sequences/workspace.yaml": HOOKED,
        "content/one.md": content("One", "{{ owner.webhook }}"),
    }
    [problem] = [problem for problem in compile_workspace(workspace).problems if problem.severity == "error"]
    assert ("content/one.md", "unknown-name") == (problem.mark.file, problem.code)


def test_neither_ledger_nor_status_nor_pages_hold_it(site: Site, chat: Chat, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world: World = site.world
    world.deploy(files(quick=TOLD) | {"sequences/workspace.yaml": HOOKED})
    kim = world.lead(owner_email="ana@acme.example")
    world.enter("quick", kim)
    world.work()
    chat.talk = answer(f"HTTP/1.1 404 {CANARY}\r\n\r\n{CANARY}".encode())
    client = chat.client()
    client._instead = chat.url  # the workspace's own address has port 443, which no test may listen on
    alert_service.deliver(replace(world.context, webhooks=client))
    assert 1 == len(chat.requests)
    with world.context.engine.connect() as conn:
        rows = conn.execute(text("SELECT channel, state, failure FROM alert ORDER BY channel")).all()
        release = world.context.releases.current(conn)
        shown = repr(inspect.status(conn, release)) + repr(world.view(kim))
    assert [("email", "sent", None), ("webhook", "refused", "404")] == [tuple(row) for row in rows]
    site.log_in()
    pages = "".join(site.http.get(path).text for path in ("/dashboard", f"/dashboard/leads/{kim.id}"))
    assert "webhook refused" in pages
    assert [] == [word for word in (SECRET, CANARY) if word in shown + pages + caplog.text]
