"""The composition root: from Settings to the Context that services are given. One per process, built after any fork."""

import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from sequencer.core.mail import Answer, Batch, Outcome, Receipt
from sequencer.hints import Hints
from sequencer.providers import Provider
from sequencer.providers.crm import Crm
from sequencer.providers.hubspot import HubSpot
from sequencer.providers.outgoing import Outgoing
from sequencer.providers.pipedrive import Pipedrive
from sequencer.providers.salesforce import Salesforce
from sequencer.providers.sendgrid import SendGrid
from sequencer.providers.smtp import Smtp
from sequencer.services.context import Context
from sequencer.services.release import Releases
from sequencer.services.witness import Nobody
from sequencer.settings import Mailing, Settings
from sequencer.store.engine import connect
from sequencer.witness import RedisWitness

_log = logging.getLogger(__name__)


def build(settings: Settings, connections: int | None = None, hints: Hints | None = None, role: str = "web") -> Context:
    """Opens nothing yet: connections are made when first used.

    `connections`: to PostgreSQL at most; by default as many as a web process takes.
    `hints`: when the caller has some already, as workers do.
    `role`: by what name PostgreSQL lists the connections.
    Whoever sends or signs asks for SECRET_KEY and PUBLIC_URL first, with `settings.need`.
    """
    if hints is None and settings.redis_url:
        hints = Hints(settings.redis_url)
    pool_size = settings.web_connections if connections is None else connections
    engine = connect(settings.database_url, pool_size, role, by_index=role == "worker")
    return Context(
        engine=engine,
        provider=provider_of(settings),
        webhooks=outgoing_of(settings),
        crms=crms_of(settings),
        releases=Releases(),
        secret=(settings.secret_key or "").encode(),
        public_url=settings.public_url or "",
        hint=hints.hint if hints else _no_hint,
        witness=RedisWitness(settings.redis_url) if settings.redis_url else Nobody(),
    )


def provider_of(settings: Settings | Mailing) -> Provider:
    """SMTP when SMTP_URL is set, else SendGrid; without either, one that refuses loudly."""
    if settings.smtp_url:
        return Smtp(settings.smtp_url)
    if settings.sendgrid_api_key:
        return SendGrid(settings.sendgrid_api_key, settings.sendgrid_host)
    return Nowhere()


def outgoing_of(settings: Settings) -> Outgoing:
    """To public addresses only; in development to the one on this machine that WEBHOOKS_TO names, and nowhere else."""
    if settings.webhooks_to is None:
        return Outgoing()
    parts = urlsplit(settings.webhooks_to)
    return Outgoing(frozenset({(parts.hostname or "", parts.port or 0)}), instead=settings.webhooks_to)


def crms_of(settings: Settings) -> dict[str, Crm]:
    """By name those whose credentials are known. In development none: it is the real one that would be written to."""
    if settings.webhooks_to is not None:
        return {}
    outgoing = Outgoing()
    make: dict[str, Callable[[], Crm]] = {
        "hubspot": lambda: HubSpot(outgoing, settings.hubspot_token or ""),
        "salesforce": lambda: Salesforce(
            outgoing,
            settings.salesforce_url or "",
            settings.salesforce_client_id or "",
            settings.salesforce_client_secret or "",
        ),
        "pipedrive": lambda: Pipedrive(outgoing, settings.pipedrive_url or "", settings.pipedrive_token or ""),
    }
    return {name: make[name]() for name in settings.crms}


class Nowhere:
    """What processes that never send (a web process, an `enroll`) may be given: sending pauses, nothing is lost."""

    hanging = 0

    def send(self, batch: Batch) -> Receipt:
        detail = "no provider: neither SENDGRID_API_KEY nor SMTP_URL is set"
        return Receipt(Outcome(Answer.REFUSED, detail=detail, scope="credentials"))

    def close(self) -> None:
        """Holds nothing."""


def _no_hint(name: str, *args: Any) -> None:
    _log.debug("REDIS_URL is not set: hint %s is left to the clock", name)
