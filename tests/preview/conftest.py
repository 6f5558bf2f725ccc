"""A small workspace in a folder, the preview of it, and the person who is let in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from starlette.testclient import TestClient

from sequencer.preview.app import Start, build
from sequencer.settings import Mailing
from tests.workspaces import content, files

KEY: Final = "key-of-this-start"
PORT: Final = 8002
URL: Final = f"http://127.0.0.1:{PORT}"

SERIES: Final = """
title: Welcome
state: live
topic: guides
enroll: {when: manual}
from: owner
steps:
  - email: one
  - wait: 2 days
  - email: two
"""
TWO: Final = """---
subject: "Two for {{ lead.first_name or 'you' }}"   # a remark
preheader: Beside it
kind: guide
---
Hello {{ lead.first_name or 'there' }}

{% if lead.stage == "mql" %}
Ready to buy.
{% else %}
Still reading.
{% endif %}
"""
LEADS: Final = """email,first_name,company,stage,owner_email
ana@harbor.example,Ana,Harbor,mql,ana@acme.example
bo@dock.example,Bo,Dock,lead,
broken,No,Address,,
"""


def workspace() -> dict[str, str]:
    given = files(welcome=SERIES)
    given["content/two.md"] = TWO
    given["content/three.md"] = content("Three", "No sequence mails this.")
    given["examples/leads.csv"] = LEADS
    return given


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "workspace")


def written(folder: Path) -> Path:
    for name, text in workspace().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


Open = Callable[..., TestClient]


@pytest.fixture
def preview(folder: Path) -> Iterator[Open]:
    """Opens a preview, by default with no provider, for somebody who has the key."""
    opened: list[TestClient] = []

    def start(mailing: Mailing | None = None, between: float = 0.0) -> TestClient:
        app = build(Start(folder, PORT, KEY, mailing or Mailing(), between=between))
        client = TestClient(app, base_url=URL, headers={"Origin": URL}, follow_redirects=False)
        client.__enter__()
        opened.append(client)
        assert client.get(f"/enter/{KEY}").status_code == 303
        return client

    yield start
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def person(preview: Open) -> TestClient:
    return preview()
