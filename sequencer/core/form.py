"""Forms as forms.yaml declares them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sequencer.core.country import code_of
from sequencer.core.mark import Mark

UNCONFIRMED: Final = "unconfirmed"
"""An event: a form was sent of which only its sender knows whether the address is theirs. Also why an address that came
that way is mailed nothing else."""
TRANSACTIONAL: Final = "transactional"
"""The topic of what somebody asks for by a form: nobody unsubscribes from it, save from everything."""


@dataclass(frozen=True, slots=True)
class DoubleOptIn:
    """Whose address has to be confirmed first. Whose country nobody knows has to, wherever anybody has."""

    countries: frozenset[str] | None = None
    """None: everybody's."""

    def asks(self, country: str | None) -> bool:
        code = code_of(country) if country else None
        return self.countries is None or code is None or code in self.countries


@dataclass(frozen=True, slots=True)
class Form:
    id: str
    mark: Mark
    title: str
    always: tuple[str, ...] = ("email",)
    """Fields that everybody has to give; the first is the address."""
    ask: tuple[str, ...] = ()
    """Fields that everybody has to give, also who gave them before."""
    ask_up_to: int = 0
    """So many further questions at most, of those that are still to be answered."""
    order: tuple[str, ...] | None = None
    """Of the further questions; None: by what the answers are worth."""
    message: str = ""
    """The question that is answered in one's own words; empty: there is none."""
    work_mail: bool = False
    topic: str | None = None
    sender: str = ""
    magnet: str | None = None
    """What it gives access to: the path of a file, or an address."""
    deliver: str | None = None
    """The content that is mailed to who sent it."""
    confirm: str | None = None
    """The content by which an address is confirmed."""
    double_opt_in: DoubleOptIn | None = None
    event: str | None = None
    """What happens besides: `demo_requested`."""
    enroll: str | None = None
    """A sequence that whoever sent it enters."""
    tells: bool = False
    """Whether the lead's owner is told of what is sent by it."""
    worth: Mapping[str, int] = field(default_factory=dict)
    """What an answer is worth, by field."""

    @property
    def delivery(self) -> str:
        """The sequence that mails what was asked for."""
        return f"{self.id}-delivery"

    @property
    def confirmation(self) -> str:
        """The sequence that mails what an address is confirmed by; forms that use the same mail share it."""
        return f"{(self.confirm or '').replace('/', '-')}-address"

    @property
    def needed(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.always, *self.ask)))

    def ranked(self) -> tuple[str, ...]:
        """The further questions, best first."""
        if not self.ask_up_to:
            return ()
        return self.order or tuple(sorted(self.worth, key=lambda name: (-self.worth[name], name)))
