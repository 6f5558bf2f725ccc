"""What services are given: values and open things, never the environment."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine

from sequencer.providers import Provider
from sequencer.services.probe import Probe
from sequencer.services.release import Releases


@dataclass(frozen=True, slots=True)
class Context:
    """Built once a process by `sequencer.wiring`."""

    engine: Engine
    provider: Provider
    releases: Releases
    secret: bytes
    """Signs the tokens in links, unsubscribe addresses and Reply-To."""
    public_url: str
    """Where the web process is reached, without a slash at the end."""
    hint: Callable[..., None]
    """`hint("drain", sequence, position)`: wakes the workers. Losing one loses nothing."""
    batch: int = 500
    """Enrollments a claim takes at most."""
    probe: Probe = field(default_factory=Probe)
    lease: float = 60.0
    """Seconds of operating time that an attempt to send may take; at least twice the provider's total timeout."""
