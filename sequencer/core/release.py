"""What workers run: the numbered deployment of a compiled workspace."""

from collections.abc import Mapping
from dataclasses import dataclass

from sequencer.core.content import Content
from sequencer.core.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Release:
    """`number` counts deployments; a rollback is a new one with an older `hash`."""

    number: int
    hash: str
    workspace: Workspace
    contents: Mapping[str, Content]
    files: Mapping[str, str]
    """The workspace's own files, as they were deployed."""
