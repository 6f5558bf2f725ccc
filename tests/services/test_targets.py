"""Other systems are told of handoffs: a chat, and whoever takes signed webhooks, over real TLS."""

import base64
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sequencer.core import target_call
from sequencer.core.rep_answer import Said
from sequencer.sandbox.__main__ import declared
from sequencer.services import accept, due, inspect, targets, tidy
from sequencer.store import calls_out, clock
from tests.providers.chat import NAME, Chat, answer, chatting
from tests.services.conftest import World
from tests.services.test_handoffs import SIGNALS, asks, workspace

TARGETS = f"""
  targets:
    team: {{slack: https://{NAME}/services/chat}}
    crm: {{webhook: https://{NAME}/hooks/crm}}
"""
FAILS = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def chat(world: World, tmp_path: Path) -> Iterator[Chat]:
    with chatting(tmp_path) as found:
        client = found.client()
        post = client.post
        # The workspace names a public host on its usual port; here it listens on another.
        client.post = lambda url, *more: post(url.replace(NAME, f"{NAME}:{found.port}"), *more)  # type: ignore[method-assign]
        world.context = replace(world.context, webhooks=client)
        world.deploy(workspace(SIGNALS.rstrip() + TARGETS))
        yield found


def delivered(world: World, chat: Chat) -> list[tuple[str, dict[str, str], Any]]:
    """Path, headers and JSON of what came by one round of calls, sorted by path."""
    chat.requests.clear()
    targets.deliver(world.context)
    found = []
    for request in chat.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) if ":" in line else (line, "") for line in lines)
        raw = dict(line.split(": ", 1) for line in lines)
        headers["webhook-signature"] = raw.get("webhook-signature", "")
        headers["body"] = body.decode()
        found.append((first.split()[1], headers, json.loads(body)))
    return sorted(found, key=lambda one: one[0])


def test_the_sandbox_knows_the_keys_of_the_targets_that_are_deployed(world: World, chat: Chat) -> None:
    with world.context.engine.connect() as conn:
        assert declared(b"secret")(conn) == {"crm": target_call.key_of(b"secret", "crm")}


def open_calls(world: World) -> list[tuple[str, str, str, int]]:
    with world.context.engine.connect() as conn:
        return [(row.target, row.kind, row.state, row.attempts) for row in calls_out.listed(conn, 100)]


def hurry(world: World) -> None:
    """Operating time passes until the next attempt."""
    with world.context.engine.begin() as conn:
        conn.exec_driver_sql("UPDATE call_out SET next_at = NULL")


def test_both_kinds_are_told_and_the_webhook_is_signed_as_the_standard_says(world: World, chat: Chat) -> None:
    kim = world.lead(first_name="Kim", company="Harbor", owner="ana@acme.example", campaign="webinar")
    asks(world, kim)
    [(hook, headers, said), (service, _, words)] = delivered(world, chat)
    assert (hook, service) == ("/hooks/crm", "/services/chat")
    assert words["text"].splitlines()[:3] == ["Kim was handed to ana@acme.example", "Kim, Harbor", "Why: asked"]
    assert said["type"] == "handoff.created" and said["data"]["reasons"] == ["asked"]
    told = said["data"]["lead"]
    assert (told["email"], told["stage"], told["owner"]) == ("kim@harbor.example", "sql", "ana@acme.example")
    shown = target_call.shown(target_call.key_of(world.context.secret, "crm"))
    key = base64.b64decode(shown.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{headers['body']}".encode()
    expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert open_calls(world) == []
    with world.context.engine.begin() as conn:
        accept.answer(world.context, conn, (kim.id, 1), "ana@acme.example", Said(False, "no-budget"))
    assert [one[2].get("type") or one[2]["text"].splitlines()[0] for one in delivered(world, chat)] == [
        "handoff.declined",
        "ana@acme.example declined Kim: No budget",
    ]


def test_a_colleagues_owner_is_the_companys(world: World, chat: Chat) -> None:
    asks(world, world.lead(company="Harbor", owner="ana@acme.example"))
    delivered(world, chat)
    asks(world, world.lead("lee@harbor.example", company="Harbor"))
    told = delivered(world, chat)[0][2]["data"]["lead"]
    assert (told["email"], told["owner"]) == ("lee@harbor.example", "ana@acme.example")


def test_what_fails_is_tried_again_under_the_same_id_then_dead_and_replayed(world: World, chat: Chat) -> None:
    asks(world, world.lead(owner="ana@acme.example"))
    chat.talk = answer(FAILS)
    seen = []
    for number in range(len(target_call.AGAIN) + 1):
        found = delivered(world, chat)
        seen += [headers["webhook-id"] for path, headers, _ in found if path == "/hooks/crm"]
        chats = [path for path, _, _ in found if path == "/services/chat"]
        assert len(chats) == (number == 0), "a chat that may have shown it is not told twice"
        assert delivered(world, chat) == [], "not before its time"
        hurry(world)
    assert len(seen) == 7 and len(set(seen)) == 1
    assert open_calls(world) == [("team", "handoff.created", "dead", 1), ("crm", "handoff.created", "dead", 7)]
    chat.talk = answer(b"HTTP/1.1 204 Nothing\r\n\r\n")
    with world.context.engine.begin() as conn:
        assert calls_out.replay(conn, None) == 2
    assert {path for path, _, _ in delivered(world, chat)} == {"/hooks/crm", "/services/chat"}
    assert open_calls(world) == []


def test_a_target_that_is_gone_is_not_called(world: World, chat: Chat) -> None:
    asks(world, world.lead(owner="ana@acme.example"))
    world.deploy(workspace())
    assert delivered(world, chat) == []
    assert {state for _, _, state, _ in open_calls(world)} == {"dead"}


def test_calls_that_were_taken_go_after_thirty_days_a_piece_at_a_time_and_dead_ones_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.deploy(workspace())
    monkeypatch.setattr(tidy, "AT_ONCE", 2)
    kim = world.lead()

    def called(*states: str) -> None:
        with world.context.engine.begin() as conn:
            calls_out.insert(
                conn, [calls_out.NewCall("team", state, kim.id, 1, {}) for state in states], clock.now(conn)
            )
            conn.exec_driver_sql("UPDATE call_out SET state = kind")

    def kept() -> list[str]:
        with world.context.engine.connect() as conn:
            return list(conn.exec_driver_sql("SELECT state FROM call_out ORDER BY id").scalars())

    def tidies() -> bool:
        """Whether the clock finds something to tidy, the next time that it looks for it."""
        world.context = replace(world.context, forgetting=type(world.context.forgetting)(1000.0))
        return ("tidy", ()) in due.work(world.context)

    called("sent", "dead", "sent", "sent")
    world.pass_(days=29)
    called("sent")
    assert not tidies()
    world.pass_(days=2)
    assert tidies()
    assert [tidy.tidy(world.context) for _ in range(2)] == [True, False] and kept() == ["dead", "sent"]
    assert not tidies()
    with world.context.engine.connect() as conn:
        assert inspect.status(conn, world.context.releases.current(conn))["targets"] == {"dead": 1}
