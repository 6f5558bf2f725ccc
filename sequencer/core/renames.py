"""`was`: a step that gets a new name stays the same step, from one deployment to the next."""

from collections.abc import Iterator
from difflib import get_close_matches

from sequencer.core.mark import Problem
from sequencer.core.sequence import Sequence, Step


def lost_names(old: Sequence, new: Sequence) -> Iterator[Problem]:
    """Steps that people inside would be taken to have never passed, or others to have passed, if this were deployed.

    The names alone say who is who; so a step keeps its `was` as long as it stands.
    """
    for name, step in new.names.items():
        if name in old.names:
            first = old.key(name)
            if first != step.id:
                yield _problem(step, _known(name, first, new.was.get(name, ())))
            continue
        before = new.was.get(name, ())
        last = next((one for one in reversed(before) if one in old.names or one in old.steps), None)
        if last is not None and (first := old.key(last)) != step.id:
            yield _problem(step, f"`{last}` was called `{first}` before that: expected `was: [{first}, {last}]`")
        elif last is None and before:
            gone = [one for one in old.names if one not in new.names]
            close = get_close_matches(before[-1], gone, 1)
            if close:
                message = f"no step `{before[-1]}` is deployed, did you mean `{close[0]}`?"
                yield _problem(step, message)


def _known(name: str, first: str, was: tuple[str, ...]) -> str:
    if first == name:
        return f"`{name}` is deployed already, under this name: take `was: {was[0]}` out, or give the step a new name"
    names = [first, *(one for one in was if one != first)]
    expected = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
    return (
        f"`{name}` was called `{first}`, and people inside have it by that name: expected `was: {expected}`, "
        "for as long as the step stands"
    )


def _problem(step: Step, message: str) -> Problem:
    return Problem(step.mark, "bad-was", message)
