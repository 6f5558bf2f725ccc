"""What the doors need of the environment, beside the Context."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from sequencer.errors import Misconfigured
from sequencer.providers.sendgrid_events import public_key
from sequencer.settings import Settings


@dataclass(frozen=True, slots=True)
class WebSettings:
    """A door whose secret is None stays shut and says which variable opens it."""

    webhook_keys: tuple[EllipticCurvePublicKey, ...] = ()
    """Any of them may have signed an event webhook."""
    api_token: str | None = field(default=None, repr=False)
    dashboard_password: str | None = field(default=None, repr=False)
    folder: Path = Path()
    """The workspace's: files that forms give access to lie below it."""
    crm_secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """By webhook of workspace.yaml what proves that the CRM posts."""
    country_header: str | None = None
    """In which the front door says from which country a request comes."""

    @classmethod
    def of(cls, settings: Settings) -> "WebSettings":
        """Raises Misconfigured for a verification key that is none."""
        try:
            keys = tuple(public_key(text) for text in settings.webhook_public_keys)
        except ValueError as error:
            raise Misconfigured(f"SENDGRID_WEBHOOK_PUBLIC_KEY: {error}") from error
        return cls(
            keys,
            settings.api_token,
            settings.dashboard_password,
            settings.workspace_dir,
            settings.crm_secrets,
            settings.country_header,
        )
