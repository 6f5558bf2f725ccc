"""Canaries: secrets and personal data go through a small run, errors and all, and are looked for where they may not be.

In what every process writes, in Redis, and in `/metrics`.
"""

import logging
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import redis
from starlette.testclient import TestClient

from sequencer.logs import OneLine, describe
from sequencer.services import ingest
from sequencer.web.app import build
from sequencer.web.options import WebSettings
from sequencer.web.webhooks import inbound_url
from tests.attacks.conftest import PATIENCE
from tests.e2e.conftest import HTTP, Stack
from tests.e2e.conftest import stack as stack
from tests.services.webhooks import event, reply_form
from tests.web.conftest import ADDRESS, KEY, Site
from tests.workspaces import files

EMAIL, NAME, WORDS = "canary-address@canary-company.example", "Canarybird", "canary words of an answer"
OPERATOR = ("canary-api-token", "canary-password")
PERSONAL = ("canary-address", "canary-company", NAME, "canary words", "canary-note")

PLAIN = """
title: Plain
state: live
topic: guides
pressure: exempt
enroll:
  when: manual
from: marketing
exit_on:
  - replied()
steps:
  - email: one
  - wait: 3 days
  - email: two
"""


class Written(logging.Handler):
    """Every record of every logger, as our processes would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s %(message)s"))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def written() -> Iterator[Written]:
    handler, names = Written(), ("sequencer", "workers", "uvicorn.error")
    levels = {name: logging.getLogger(name).level for name in names}
    logging.getLogger().addHandler(handler)
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield handler
    logging.getLogger().removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def run(site: Site) -> list[str]:
    """A small life, with everything that goes wrong in it; the canaries that must be nowhere."""
    world = site.world
    site = Site(
        world,
        app := build(world.context, WebSettings((KEY.public_key(),), *OPERATOR)),
        TestClient(app, base_url=ADDRESS, follow_redirects=False, raise_server_exceptions=False),
    )
    bearer = {"Authorization": f"Bearer {OPERATOR[0]}"}
    lead = {"email": EMAIL, "first_name": NAME, "title": "canary-note", "enroll": "welcome"}
    assert site.http.post("/api/leads", json=lead, headers=bearer).status_code == 201
    world.work()
    token = site.token()
    message_id = world.provider.batches[-1].recipients[0].headers["Message-ID"]
    canaries = [*PERSONAL, *OPERATOR, token, message_id.partition(".")[0].strip("<"), "canary-wrong"]
    canaries.append(inbound_url(world.context).rpartition("/")[2])
    site.log_in("canary-wrong")
    site.log_in(OPERATOR[1])
    address = inbound_url(world.context).removeprefix(ADDRESS)
    answer, content_type = reply_form(world, WORDS)
    tries: list[tuple[str, dict[str, Any]]] = [
        ("/api/leads", {"content": b'{"email": "canary-address', "headers": bearer}),
        ("/api/leads", {"json": {**lead, "stage": "canary-note"}, "headers": bearer}),
        ("/api/events", {"json": {"email": EMAIL, "event": "Canary-note"}, "headers": bearer}),
        ("/api/events", {"json": {"email": EMAIL, "event": "said", "data": {"x": WORDS}}, "headers": bearer}),
        ("/api/leads", {"json": lead, "headers": {"Authorization": "Bearer canary-wrong"}}),
        (address, {"content": answer, "headers": {"Content-Type": content_type}}),
        (address, {"content": b"canary words, and no form", "headers": {"Content-Type": content_type}}),
        (f"{address}canary-wrong", {"content": answer}),
        (f"/u/{token}", {}),
        (f"/u/{token}canary-wrong", {}),
        (f"/preferences/{token}", {"data": {"topic": "canary-note"}}),
    ]
    honest = event(world, "open", sg_event_id="canary-note", useragent=NAME, url=EMAIL)
    for said in ([honest], [{**honest, "timestamp": EMAIL}], [{**honest, "sq_lead": WORDS}], EMAIL):
        body = orjson.dumps(said)
        tries.append(("/webhooks/sendgrid/events", {"content": body, "headers": site.sign(body)}))
    tries.append(("/webhooks/sendgrid/events", {"content": EMAIL.encode(), "headers": {"X-Canary": NAME}}))
    for path, how in tries:
        site.http.post(path, **how)
    site.http.get(f"/api/leads/{EMAIL}", headers=bearer)
    site.http.get("/dashboard/leads", params={"q": NAME})
    with world.context.engine.begin() as conn:
        # What no check foresees: the database refuses rows, and quotes them.
        conn.exec_driver_sql("ALTER TABLE event ADD CHECK (key <> 'canary-note')")
        conn.exec_driver_sql("ALTER TABLE lead ADD CHECK (title <> 'canary-note') NOT VALID")
    process(site)
    with world.context.engine.begin() as conn:
        conn.exec_driver_sql("ALTER TABLE intake ADD CHECK (door <> 'inbound') NOT VALID")
    for path, how in tries:
        site.http.post(path, **how)
    metrics = site.http.get("/metrics", headers=bearer)
    assert metrics.status_code == 200
    assert [one for one in canaries if one in metrics.text] == []
    for table in ("event", "lead", "suppression"):
        with world.context.engine.begin() as conn:
            conn.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {table}_away")
        for path, how in tries:
            site.http.post(path, **how)
        site.http.get(f"/api/leads/{EMAIL}", headers=bearer)
        site.http.get(f"/preferences/{token}")
        process(site)
    return canaries


def process(site: Site) -> None:
    """As the workers' actor does it: what fails is told and left."""
    for urgent in (True, False):
        try:
            while ingest.process(site.world.context, urgent):
                pass
        except Exception as error:
            logging.getLogger("workers.actors").error("intake failed: %s", describe(error))


def leaks(canaries: list[str], text: str) -> list[str]:
    return [one for one in canaries if one.lower() in text.lower()]


def test_no_log_holds_a_secret_or_anything_about_a_person(site: Site, written: Written) -> None:
    canaries = run(site)
    text = "\n".join(written.lines)
    # There was something to tell: refusals, and errors of the database.
    assert len(written.lines) > 20
    assert leaks(canaries, text) == []


def test_what_exceptions_say_would_leak(site: Site, written: Written) -> None:
    """The same run, with the formatter that everybody uses."""
    written.setFormatter(logging.Formatter("%(message)s"))
    assert leaks(run(site), "\n".join(written.lines)) != []


def test_no_process_writes_and_redis_keeps_no_secret_and_nothing_about_a_person(stack: Stack) -> None:
    stack.deploy(files(plain=PLAIN))
    stack.api("/api/leads", {"email": EMAIL, "first_name": NAME, "title": "canary-note", "enroll": "plain"})
    broker = redis.Redis.from_url(stack.broker.url)
    kept: list[bytes] = keys_and_values(broker)
    [mail] = stack.until("the mail", lambda: stack.messages(EMAIL))
    kept += keys_and_values(broker)
    stack.click(mail)
    stack.press(mail, "reply", text=WORDS)
    stack.until("the reply's effect", lambda: stack.lead(EMAIL)["enrollments"][0]["status"] == "left", PATIENCE)
    kept += keys_and_values(broker)
    token = mail["headers"]["List-Unsubscribe"].rpartition("/")[2].rstrip(">")
    for path, body in (
        ("/webhooks/sendgrid/events", b"canary words"),
        ("/webhooks/sendgrid/inbound/canary-wrong", b"canary words"),
        (f"/u/{token}", b"List-Unsubscribe=One-Click"),
        (f"/u/{token}canary-wrong", b""),
        ("/api/leads", b'{"email": "canary-address'),
    ):
        HTTP.request("POST", f"{stack.web}{path}?email={EMAIL}", body=body, headers={"X-Forwarded-For": "192.0.2.77"})
    HTTP.request("POST", f"{stack.web}/login", fields={"password": "canary-wrong"}, encode_multipart=False)
    kept += keys_and_values(broker)
    broker.close()
    environ = stack.environ
    metrics = HTTP.request("GET", f"{stack.web}/metrics", headers={"Authorization": f"Bearer {environ['API_TOKEN']}"})
    assert (metrics.status, b"sequencer_messages_held" in metrics.data) == (200, True)
    secrets = [environ[name] for name in ("SECRET_KEY", "SENDGRID_API_KEY", "DATABASE_URL")]
    canaries = [*PERSONAL, *secrets, token, "canary-wrong", "192.0.2.77"]
    sandbox = "sandbox: "
    log = "\n".join(line for line in stack.log if not line.startswith(sandbox))
    assert leaks(canaries, log) == []
    assert leaks(canaries, metrics.data.decode()) == []
    assert kept
    assert leaks(canaries, b"\n".join(kept).decode("utf-8", "replace")) == []


def keys_and_values(broker: "redis.Redis") -> list[bytes]:
    """All that Redis holds now, serialised as it keeps it."""
    found: list[bytes] = []
    for key in broker.scan_iter(count=1000):
        found += [key, broker.dump(key) or b""]
    return found
