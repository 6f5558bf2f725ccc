"""A plan as a comment on a pull request: Markdown, with what is long folded away."""

import html
import re
from collections.abc import Iterable, Iterator
from typing import Final

from sequencer.cli.plan_text import (
    LOOKS,
    SIGNALS,
    calm,
    copy_name,
    declared,
    entering,
    fates,
    readied,
    said,
    spaced,
    step_said,
    strangers,
    summary,
    uncounted,
)
from sequencer.core.edit import SequenceChange
from sequencer.core.plan import Plan
from sequencer.core.wording import Piece

MARKER: Final = "<!-- sequencer plan -->"
"""By which CI finds its comment again."""
LONGEST: Final = 60_000
"""Characters; GitHub takes 65,536 in a comment."""


def as_github(plan: Plan) -> str:
    """Ends with the counting line, and what is to be confirmed stands above all."""
    if not plan.edit:
        return f"{MARKER}\n{_safe(calm(plan))}\n"
    head = [MARKER, f"**{_safe(summary(plan))}**", ""]
    if plan.dangers:
        head += ["> [!WARNING]", *(f"> - {_safe(str(danger))}" for danger in plan.dangers), ""]
    body = "\n".join([*_sequences(plan), *_copies(plan), *uncounted(plan)])
    if changed := declared(plan.edit):
        body += "\n".join(["", *_list([f"workspace.yaml: {changed}", *strangers(plan)])])
    if SIGNALS in plan.edit.workspace:
        body += "\n".join(["", "### signals.yaml", "", *_list(readied(plan))])
    text = "\n".join([*head, body])
    if len(text) > LONGEST:
        short = "\n".join([*head, *_sequences(plan)])[:LONGEST]
        text = f"{short}\n\n(too long to be shown whole: run `sequencer plan`)\n"
    return text


def _sequences(plan: Plan) -> Iterator[str]:
    inside = {one.sequence: one for one in plan.inside}
    for change in plan.edit.sequences:
        yield f"### {_safe(change.id)}{'' if change.kind == 'changed' else f' ({change.kind})'}"
        yield ""
        rows = list(_rows(change))
        if rows:
            yield from ("| | step | |", "|---|---|---|", *rows, "")
        people = inside.pop(change.id, None)
        yield from _list(fates(people, plan.rate) if people is not None else ())
        yield from _list(entering(plan, change.id))
    for people in inside.values():
        yield f"### {_safe(people.sequence)}"
        yield ""
        yield from _list(fates(people, plan.rate))


def _rows(change: SequenceChange) -> Iterator[str]:
    for detail in change.settings:
        yield f"| changed | | {_cell(said(detail))} |"
    for step in change.steps:
        if step.kinds == ("copy",):
            continue
        kinds = ", ".join("says something else" if kind == "copy" else kind for kind in step.kinds)
        yield f"| {kinds} | {_cell(step.step)} | {_cell(step_said(step))} |"
    if change.worded:
        yield f"| says something else | {_cell(', '.join(change.worded))} | |"


def _list(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{'' if number == 0 else '- '}{_safe(line.strip())}"
        if number == 0:
            yield ""
    yield ""


def _copies(plan: Plan) -> Iterator[str]:
    for alike in plan.edit.alike():
        names = "; ".join(map(copy_name, alike))
        yield f"<details><summary>{alike[0].kind}: {html.escape(names)}</summary>"
        yield ""
        for part, pieces in alike[0].parts.items():
            yield f"<b>{part}</b><br>{_words(pieces)}<br>"
        if alike[0].looks:
            yield LOOKS
        yield ""
        yield "</details>"
        yield ""


def _words(pieces: Iterable[Piece]) -> str:
    marks = {"gone": "<del>{}</del>", "new": "<ins>{}</ins>", "same": "{}", "left out": " …"}
    # One line of HTML: nothing in it is read as Markdown, and no blank line ends it.
    whole = "".join(spaced(marks[p.kind], p._replace(text=_markup(p.text))) for p in pieces)
    return re.sub(r"\n+", "<br>", whole.strip())


def _markup(text: str) -> str:
    return _inert(html.escape(text, quote=False))


def _cell(text: str) -> str:
    return _safe(text).replace("|", "\\|")


def _safe(text: str) -> str:
    """What a marketer wrote, with nothing in it that GitHub would follow; `code` stays what it is."""
    flat = "".join(c if c.isprintable() else " " for c in text)
    return "".join(
        part if number % 2 else _inert(re.sub(r"([\\*_~\[\]<>#])", r"\\\1", part))
        for number, part in enumerate(re.split(r"(`[^`]*`)", flat))
    )


def _inert(text: str) -> str:
    """Mentions nobody and refers to no issue."""
    return text.replace("@", "@\u200b").replace("#", "#\u200b")
