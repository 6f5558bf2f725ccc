"""Checks of who makes way for whom: circles, equals, lanes with a single sequence."""

from collections.abc import Iterator, Mapping

from sequencer.core.lanes import held_up, lanes
from sequencer.core.mark import Problem
from sequencer.core.sequence import Sequence, SequenceState
from sequencer.workspace.nodes import did_you_mean, listed


def check_ahead(sequences: Mapping[str, Sequence]) -> Iterator[Problem]:
    """An error for each circle, in which nobody could go first; warnings about the rest."""
    ordered = dict(sorted(sequences.items()))
    known = lanes(ordered)
    yield from _circles(ordered)
    for name, mates in known.items():
        yield from _alone(name, mates, known)
        yield from _equals([one for one in mates if one.state is not SequenceState.STOPPED])


def _circles(sequences: Mapping[str, Sequence]) -> Iterator[Problem]:
    """A lane is never one by itself: of equals the first to come goes first. So each goes through some `pauses`."""
    behind = held_up(sequences)
    seen: set[frozenset[str]] = set()
    for name, sequence in sequences.items():
        for paused, mark in sequence.pauses.items():
            way = _way(behind, paused, name)
            if way is None or frozenset(way) in seen:
                continue
            seen.add(frozenset(way))
            circle = " → ".join(f"`{step}`" for step in (name, *way))
            message = f"each goes before the next, so whoever is in all waits for ever: {circle}: take this name out"
            yield Problem(mark, "pauses-circle", message)


def _way(behind: Mapping[str, frozenset[str]], start: str, end: str) -> tuple[str, ...] | None:
    """The shortest way from one to the other along who can hold up whom."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    for way in ways:
        if way[-1] == end:
            return way
        further = behind.get(way[-1], frozenset()) - seen
        seen |= further
        ways.extend((*way, name) for name in sorted(further))
    return None


def _alone(name: str, mates: list[Sequence], known: Mapping[str, list[Sequence]]) -> Iterator[Problem]:
    if len(mates) > 1:
        return
    lane = mates[0].lane
    assert lane is not None
    hint = did_you_mean(name, known.keys() - {name}) or ": name it in another sequence too, or take it out"
    message = f"no other sequence is in the lane `{name}`, so nobody makes way{hint}"
    yield Problem(lane.mark, "lane-alone", message, "warning")


def _equals(mates: list[Sequence]) -> Iterator[Problem]:
    by_priority: dict[int, list[Sequence]] = {}
    for one in mates:
        assert one.lane is not None
        by_priority.setdefault(one.lane.priority, []).append(one)
    for priority, several in by_priority.items():
        first, *rest = several
        for one in rest:
            if one.id in first.pauses or first.id in one.pauses:
                continue
            assert one.lane is not None
            message = (
                f"{listed([first.id])} has the priority {priority} too: whichever a lead enters first goes on, and the "
                "other waits until it is over; give one a higher `priority` unless you mean that"
            )
            yield Problem(one.lane.mark, "same-priority", message, "warning")
