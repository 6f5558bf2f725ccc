"""The web application on a real database, and a caller who can sign, log in and bear the token."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sequencer.core.api_key import ID_BYTES, PER_MINUTE, SECRET_BYTES
from sequencer.core.api_key import mint as mint_key
from sequencer.core.token import mint
from sequencer.sandbox import signing
from sequencer.store import api_keys, clock
from sequencer.store.tables import intake
from sequencer.web.app import build
from sequencer.web.options import WebSettings
from tests.services.conftest import World
from tests.services.conftest import world as world
from tests.workspaces import files

KEY: Final = ec.generate_private_key(ec.SECP256R1())
TOKEN: Final = "api-token"
PASSWORD: Final = "correct horse"
BEARER: Final = {"Authorization": f"Bearer {TOKEN}"}
ADDRESS: Final = "https://mail.acme.example"

WELCOME = """
title: Welcome
state: live
topic: guides
pressure: exempt
enroll:
  any:
    - when: did("demo_requested")
    - when: submitted("handbook")
    - when: became("stage", "mql")
    - when: manual
from: marketing
goal: did("meeting_booked")
exit_on:
  - replied()
steps:
  - email: one
  - wait: 2 days
  - id: looked
    if: clicked("one", "price")
    within: 3 days
    then:
      - id: tell-rep
        tell: owner
        note: Looked at prices
    else:
      - email: two
  - wait: 1 day
  - email: three
"""
CUSTOMERS = """
title: Customers only
state: live
topic: guides
enroll:
  when: manual
  if: lead.stage == "customer"
from: marketing
steps:
  - email: four
"""


@dataclass
class Site:
    """A browser and a caller in one."""

    world: World
    app: Starlette
    http: TestClient

    def log_in(self, password: str = PASSWORD, address: str = "/login") -> Any:
        return self.http.post(address, data={"csrf": csrf(self.http.get(address).text), "password": password})

    def sign(self, body: bytes, age: int = 0, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, str]:
        """Headers as SendGrid sends them, `age` seconds ago."""
        with self.world.context.engine.connect() as conn:
            now = int(clock.operating(conn).timestamp())
        return {"Content-Type": "application/json", **signing.signed(key, now - age, body)}

    def stored(self) -> list[tuple[str, bytes, bool]]:
        """(door, body, urgent) of what came in."""
        with self.world.context.engine.connect() as conn:
            rows = conn.execute(intake.select().order_by(intake.c.id))
            return [(row.door, row.body, row.urgent) for row in rows]

    def token(self, step: str = "one", number: int = -1) -> str:
        """What stands in the unsubscribe address of a mail that was sent."""
        [recipient] = self.world.provider.batches[number].recipients
        return recipient.headers["List-Unsubscribe"].rpartition("/")[2].rstrip(">")


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def key_of(site: Site, *scopes: str, per_minute: int = PER_MINUTE) -> str:
    """A new key that may do this."""
    minted = mint_key(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES))
    with site.world.context.engine.begin() as conn:
        api_keys.put(conn, minted, "tests", scopes, per_minute)
    return minted.token


def forged() -> str:
    """A token as good as any, by another secret."""
    return mint(b"another secret", 1, "one").unsubscribe


@pytest.fixture
def web_settings() -> WebSettings:
    return WebSettings((KEY.public_key(),), TOKEN, PASSWORD)


@pytest.fixture
def site(world: World, web_settings: WebSettings) -> Iterator[Site]:
    world.deploy(files(welcome=WELCOME, customers=CUSTOMERS))
    app = build(world.context, web_settings)
    with TestClient(app, base_url=ADDRESS, follow_redirects=False) as http:
        yield Site(world, app, http)
