"""CRM webhooks: proved, stored raw, answered at once; and worked off like the mail provider's."""

from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import pytest
from starlette.testclient import TestClient

from sequencer.core.crm import Signed
from sequencer.services import ingest
from sequencer.web.app import build
from sequencer.web.crm_proof import Posted, proof
from sequencer.web.options import WebSettings
from tests.services.conftest import World
from tests.web.conftest import ADDRESS, Site
from tests.web.crm_posts import SECRETS, WITH_CRM, proved

BODY = b'{"email": "kim@harbor.example", "did": "call"}'


@pytest.fixture
def crm(world: World) -> Iterator[Site]:
    # The older secret goes on while the new one is being set in the CRM.
    secrets = {name: ("a new one", secret) for name, secret in SECRETS.items()}
    world.context = replace(world.context, public_url=ADDRESS)
    world.deploy(WITH_CRM)
    app = build(world.context, WebSettings(crm_secrets=secrets))
    with TestClient(app, base_url=ADDRESS) as http:
        yield Site(world, app, http)


@pytest.mark.parametrize("secret", ["", "whsec_", "no base64", "ключ"])
def test_a_secret_that_is_none_proves_nothing(crm: Site, secret: str) -> None:
    headers = proved(crm.world, "standard", BODY, "whsec_")
    assert not proof("standard", secret, Posted("", headers, BODY)).holds


@pytest.mark.parametrize("name", get_args(Signed))
def test_what_is_proved_is_stored_raw_and_its_event_counts(crm: Site, name: Signed) -> None:
    kim = crm.world.lead()
    headers = proved(crm.world, name, BODY)
    assert crm.http.post(f"/webhooks/crm/{name}", content=BODY, headers=headers).status_code == 204
    assert crm.stored() == [(f"crm:{name}", BODY, True)]
    assert crm.world.hints[-1] == ("intake", True)
    ingest.process(crm.world.context, True)
    assert [e["event"] for e in crm.world.view(kim)["events"]] == ["call_logged"]


def test_an_address_that_nobody_declared_is_not_there_and_one_without_a_secret_is_shut(crm: Site) -> None:
    assert crm.http.post("/webhooks/crm/other", content=BODY).status_code == 404
    app = build(crm.world.context, WebSettings(crm_secrets={"hubspot": ("x",)}))
    with TestClient(app, base_url=ADDRESS) as http:
        answer = http.post("/webhooks/crm/bearer", content=BODY, headers=proved(crm.world, "bearer", BODY))
    assert (answer.status_code, crm.stored()) == (503, [])
