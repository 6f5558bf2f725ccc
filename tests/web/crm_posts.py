"""What CRMs post, proved as each of them proves it."""

import base64
import hmac
from typing import Final

from sequencer.core.crm import Signed
from sequencer.store import clock
from tests.services.conftest import World
from tests.web.conftest import ADDRESS
from tests.workspaces import WORKSPACE, files

SECRETS: Final = {
    "hubspot": "client-secret",
    "standard": f"whsec_{base64.b64encode(b'a key of its own').decode()}",
    "bearer": "a long secret",
    "basic": "sequencer:correct horse",
}
WEBHOOK = "{{signed: {0}, email: email, events: {{call_logged: {{did: call}}}}}}"
CRM = "crm:\n  webhooks:\n" + "".join(f"    {name}: {WEBHOOK.format(name)}\n" for name in SECRETS)
WITH_CRM = {**files(), "sequences/workspace.yaml": WORKSPACE + CRM}


def proved(world: World, name: Signed, body: bytes, secret: str | None = None, age: int = 0) -> dict[str, str]:
    """The headers of one post, made `age` seconds ago."""
    secret = SECRETS[name] if secret is None else secret
    with world.context.engine.connect() as conn:
        now = int(clock.operating(conn).timestamp()) - age
    if name == "hubspot":
        text = f"POST{ADDRESS}/webhooks/crm/hubspot".encode() + body + f"{now}000".encode()
        mac = base64.b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()
        return {"X-HubSpot-Signature-v3": mac, "X-HubSpot-Request-Timestamp": f"{now}000"}
    if name == "standard":
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mac = base64.b64encode(hmac.digest(key, f"msg_1.{now}.".encode() + body, "sha256")).decode()
        return {"webhook-id": "msg_1", "webhook-timestamp": str(now), "webhook-signature": f"v1,b0 v1,{mac}"}
    value = secret if name == "bearer" else base64.b64encode(secret.encode()).decode()
    return {"Authorization": f"{name.capitalize()} {value}"}
