"""The keys of `crm` in sequences/workspace.yaml."""

from collections.abc import Mapping
from typing import Final

from sequencer.workspace.shapes import Choice, Key, Named
from sequencer.workspace.words import ANY, ID, NAME

CRM: Final[Mapping[str, tuple[Key, ...]]] = {
    "crm": (
        Key(
            "truth",
            Named(NAME, Choice(("crm", "ours"))),
            "Who is right about a field where both know a value: `crm` or `ours`. Unless you say otherwise, the CRM "
            "about `stage`, `status` and `owner`, we about everything else.",
            "{stage: crm, status: crm, owner: crm, pains: ours}",
        ),
        Key(
            "stages",
            Named(ANY, ID),
            "What the CRM calls our stages; a name that stands neither here nor in `stages` says nothing.",
            '{Lead: lead, "Closed Won": customer}',
        ),
    ),
}
