"""What workers run: the numbered deployment of a compiled workspace."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sequencer.core.content import Content
from sequencer.core.enrollment import Enrollment
from sequencer.core.sequence import Arm, Sequence
from sequencer.core.workspace import Workspace


class Steps(NamedTuple):
    """What somebody inside a sequence goes by."""

    release: "Release"
    """The one that runs; for those who keep older steps, with older copy where today's does not fit them."""
    sequence: Sequence
    lost: bool = False
    """The steps that they keep cannot be had: nothing happens to them, but for what ends any passage."""


@dataclass(frozen=True, slots=True)
class Release:
    """`number` counts deployments; a rollback is a new one with an older `hash`."""

    number: int
    hash: str
    workspace: Workspace
    contents: Mapping[str, Content]
    files: Mapping[str, str]
    """The workspace's own files, as they were deployed."""
    kept: Mapping[tuple[str, int], Steps] = field(default_factory=dict, compare=False, repr=False)
    """By sequence and older deployment: what those go by who may keep its steps. Of the one that runs only."""
    older: "Mapping[str, Release]" = field(default_factory=dict, compare=False, repr=False)
    """The releases of contents that are not this one's own."""

    def copy_of(self, content: str) -> "Release":
        """The release whose copy of a content this is."""
        return self.older.get(content, self)

    def steps_of(self, enrollment: Enrollment) -> Steps:
        """What a running enrollment goes by, in a sequence that this release has; also one not taken over yet."""
        today = self.workspace.sequences[enrollment.sequence]
        number = enrollment.pinned
        if number is None and enrollment.deployment < self.number:
            number = enrollment.deployment
        if not today.pins or number is None:
            return Steps(self, today)
        return self.kept.get((today.id, number)) or lost(self, today)


def lost(release: Release, today: Sequence) -> Steps:
    """For those whose steps cannot be had. What ended their passage is not known, and what does today is not theirs."""
    return Steps(release, replace(today, body=Arm("", ()), goal=None, exit_on=(), was={}), lost=True)
