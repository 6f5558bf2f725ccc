"""`colleagues` of workspace.yaml: what one person of a company does to the sequences of the others."""

from sequencer.core.colleagues import Colleagues
from sequencer.core.duration import Duration
from sequencer.workspace import values
from sequencer.workspace.nodes import Map


def read_colleagues(block: Map | None) -> Colleagues:
    policy = Colleagues()
    if block is None:
        return policy
    return Colleagues(_pause(block, "handoff", policy.handoff), _pause(block, "reply", policy.reply))


def _pause(block: Map, key: str, default: Duration | None) -> Duration | None:
    text = block.text(key)
    if text is None:
        return default
    return None if text.value == "none" else values.parsed(text, pause, "bad-duration")


def pause(written: str) -> Duration:
    """`pause 14 days`. Raises ValueError with what was expected."""
    word, _, span = written.strip().partition(" ")
    if word != "pause":
        raise ValueError(f"expected `pause 14 days` or `none`, got `{written[:60]}`")
    return Duration.parse(span)
