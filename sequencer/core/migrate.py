"""Moves people from one version of a sequence to the next (DESIGN §3, Editing under people)."""

from sequencer.core.enrollment import END, Enrollment, end_of
from sequencer.core.sequence import Arm, Fork, Place, Sequence, Step


def migrate(old: Sequence | None, new: Sequence, enrollment: Enrollment, deployment: int) -> Enrollment:
    """The enrollment at its place in the new version. It never enters an arm that was not chosen."""
    position = enrollment.position
    if position not in new.places:
        position = _successor(old, new, enrollment) if old is not None else END
    place = new.places[position]
    position = _back_over_new(old, new, _outermost_undecided(new, enrollment, place), enrollment)
    return enrollment._replace(position=position, deployment=deployment)


def _successor(old: Sequence, new: Sequence, enrollment: Enrollment) -> str:
    """What is nearest to a place that is gone: its surviving inner steps, the following siblings, then outward."""
    place = old.places.get(enrollment.position)
    if place is None:
        return END
    if place.step is not None:
        for step in _inner(place.step):
            if step.id in new.steps:
                return step.id
    while True:
        for step in place.arm.steps[place.index + 1 :]:
            for survivor in (step, *_inner(step)):
                if survivor.id in new.steps:
                    return survivor.id
        if place.fork is None:
            return END
        end = end_of(place.fork.id, place.arm.name)
        if end in new.places:
            return end
        place = old.places[place.fork.id]


def _inner(step: Step) -> list[Step]:
    if not isinstance(step, Fork):
        return []
    return [found for arm in step.arms for child in arm.steps for found in (child, *_inner(child))]


def _outermost_undecided(new: Sequence, enrollment: Enrollment, place: Place) -> Place:
    """Before the outermost fork on the way that was never decided; after one that was decided otherwise."""
    for fork, arm in reversed(list(_ancestors(new, place))):
        taken = enrollment.passed(fork.id)
        if taken is None:
            return new.places[fork.id]
        if taken.outcome != arm.name:
            return new.places[new.places[fork.id].following]
    return place


def _ancestors(new: Sequence, place: Place) -> list[tuple[Fork, Arm]]:
    found = []
    while place.fork is not None:
        found.append((place.fork, place.arm))
        place = new.places[place.fork.id]
    return found


def _back_over_new(old: Sequence | None, new: Sequence, place: Place, enrollment: Enrollment) -> str:
    """Steps directly before the target that are new belong to whoever stands there: a mail replaced in place."""
    index = place.index
    while (
        old is not None
        and place.position != enrollment.position
        and index > 0
        and place.arm.steps[index - 1].id not in old.steps
    ):
        index -= 1
    return place.arm.steps[index].id if index < len(place.arm.steps) else place.position
