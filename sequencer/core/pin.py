"""`edits: pin`: people inside keep the steps of the deployment at which they entered (DESIGN §3, Editing under people).

What one sequence does with one lead is as it was: steps, waits, conditions, shares, goal, exits, hours. What concerns
many is as it is now: who writes, topic, state, lanes, caps, suppression.
"""

from collections.abc import Mapping
from dataclasses import replace

from sequencer.core.content import Content
from sequencer.core.edit import mailed_by, plain
from sequencer.core.release import Release, Steps
from sequencer.core.sequence import Sequence


def kept(today: Release, then: Release, name: str) -> Steps:
    """What those go by who keep the steps of `then`, where today's file says `edits: pin`. Both have the sequence."""
    sequence = merged(today.workspace.sequences[name], then.workspace.sequences[name])
    own = {content: then.contents[content] for content in _outdated(sequence, today.contents, then.contents)}
    if not own:
        return Steps(today, sequence)
    release = replace(today, contents={**today.contents, **own}, older={**today.older, **dict.fromkeys(own, then)})
    return Steps(release, sequence)


def merged(today: Sequence, then: Sequence) -> Sequence:
    """The sequence for those who keep the steps of `then`."""
    return replace(
        today,
        body=then.body,
        goal=then.goal,
        exit_on=then.exit_on,
        hours=then.hours,
        max_lateness=then.max_lateness,
        was=then.was,
    )


def same_steps(one: Sequence, other: Sequence) -> bool:
    """Whether nothing that people keep differs between two versions."""
    return _own(one) == _own(other)


def _own(sequence: Sequence) -> object:
    it = sequence
    return plain((it.body, it.goal, it.exit_on, it.hours, it.max_lateness, it.was))


def _outdated(sequence: Sequence, today: Mapping[str, Content], then: Mapping[str, Content]) -> list[str]:
    """The contents of its mails whose copy of today does not fit: they are gone, or a link that is asked for is."""
    asked = sequence.asks.links
    used = {content for step in sequence.steps.values() for content in mailed_by(step)}
    return sorted(
        content
        for content in used & then.keys()
        if content not in today or (asked & _links(then[content])) - _links(today[content])
    )


def _links(content: Content) -> frozenset[str]:
    return frozenset(link.name for link in content.links)
