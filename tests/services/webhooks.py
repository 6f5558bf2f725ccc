"""What providers post, as tests make it: events about mails that were sent, and answers to them."""

import json
import re
from typing import Any

import orjson
from sqlalchemy import text

from sequencer.core.lead import Lead
from sequencer.services import ingest
from sequencer.store import intake
from tests.services.conftest import World
from tests.workspaces import content

TWO_LINKS = content(
    "One", '{{ link("price", "https://www.acme.example/p", "p") }} {{ link("b", "https://www.acme.example/b", "b") }}'
)


def post(world: World, *events: dict[str, Any], urgent: bool = False) -> None:
    take(world, json.dumps(events).encode(), urgent)


def take(world: World, body: bytes, urgent: bool = False, door: str = "events", content_type: str = "") -> None:
    with world.context.engine.begin() as conn:
        intake.put(conn, door, body, content_type, urgent)
    if urgent:
        ingest.process(world.context, True)
    ingest.process(world.context, False)


def event(world: World, kind: str, number: int = -1, **more: Any) -> dict[str, Any]:
    """An event of SendGrid's about the mail in a batch, as custom arguments make it."""
    recipient = world.provider.batches[number].recipients[0]
    return {
        "event": kind,
        "timestamp": int(world.now().timestamp()),
        "email": recipient.to_email,
        "sg_event_id": f"{kind}-{number}-{more.get('url', '')}",
        **recipient.custom_args,
        "sq_request": world.provider.batches[number].request_id,
        **more,
    }


def bodies(world: World) -> list[tuple[str, str | None]]:
    with world.context.engine.connect() as conn:
        return [tuple(row) for row in conn.execute(text("SELECT state, problem FROM intake ORDER BY id"))]


def enrolled(world: World, sequence: str, **values: Any) -> Lead:
    kim = world.lead(**values)
    world.enter(sequence, kim)
    world.pass_(hours=2)
    return kim


def links(world: World) -> list[str]:
    return re.findall(r"https://www\.acme\.example[^\s)\"]+", world.provider.text())


def reply_form(world: World, text_: str, charset: str = "utf-8", **headers: str) -> tuple[bytes, str]:
    """What Inbound Parse posts for an answer to the last mail."""
    recipient = world.provider.batches[-1].recipients[0]
    reply_to = "".join(
        recipient.values[part] if isinstance(part, int) else part
        for part in world.provider.batches[-1].skeleton.reply_to
    )
    named = {"Message-ID": "<answer@harbor.example>", **{k.replace("_", "-"): v for k, v in headers.items()}}
    fields = {
        "headers": "".join(f"{k}: {v}\n" for k, v in named.items()),
        "from": f"Kim <{recipient.to_email}>",
        "to": reply_to,
        "subject": "Re: One",
        "text": text_,
        "envelope": orjson.dumps({"to": [reply_to], "from": recipient.to_email}).decode(),
        "charsets": orjson.dumps({"text": charset}).decode(),
    }
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    return ("".join(parts) + "--b--\r\n").encode(), "multipart/form-data; boundary=b"
