"""A plan as people read it in a terminal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from sequencer.cli.output import counted, plain
from sequencer.core.edit import CopyChange, Detail, Edit, SequenceChange, StepChange, StepKind
from sequencer.core.plan import Inside, Named, Plan
from sequencer.core.wording import Piece

SYMBOLS: Final[Mapping[str, str]] = {
    "+": "added",
    "-": "removed",
    ">": "moved",
    "~": "changed",
    '"': "says something else",
    "!": "to be confirmed",
}
_OF: Final[Mapping[StepKind, str]] = {
    "added": "+",
    "removed": "-",
    "renamed": "~",
    "moved": ">",
    "waits": "~",
    "changed": "~",
    "copy": '"',
}
_WIDE: Final = 24
DEPLOY: Final = "sequencer deploy"
SIGNALS: Final = "signals"
SHOWN: Final = 10
"""Companies that a plan names, of those that are none."""
LOOKS: Final = "looks different: layout, pictures or where links go"


def as_text(plan: Plan, command: str = DEPLOY) -> str:
    """What changes, what becomes of whom, what to confirm; a legend of the symbols used, and one line that counts."""
    if not plan.edit:
        return f"{calm(plan)}\n"
    lines = [*_sequences(plan), *_copies(plan.edit), *_workspace(plan), *_signals(plan), *uncounted(plan)]
    lines += _dangers(plan)
    used = {line.lstrip()[:2] for line in lines}
    legend = [f"{symbol} {meaning}" for symbol, meaning in SYMBOLS.items() if f"{symbol} " in used]
    return "\n".join([*map(_shown, lines), "   ".join(legend), summary(plan, command), ""])


def calm(plan: Plan) -> str:
    return f"nothing changes: deployment {plan.deployment} already says this"


def summary(plan: Plan, command: str = DEPLOY) -> str:
    """The last line."""
    edit = plan.edit
    parts = [counted(len(edit.sequences), "sequence")] * bool(edit.sequences)
    if edit.copies:
        parts.append(counted(len({copy.content for copy in edit.copies}), "mail"))
    parts += changed_files(edit)
    inside = f"{plan.people:,} {'person' if plan.people == 1 else 'people'} inside" if plan.people else "nobody inside"
    said = f"changes to deployment {plan.deployment}: {', '.join(parts)}; {inside}"
    if not plan.dangers:
        return said
    return f"{said}; {counted(len(plan.dangers), 'thing')} to be confirmed: {command} --confirm {plan.code}"


def _shown(line: str) -> str:
    return plain(line).rstrip()


def _sequences(plan: Plan) -> Iterator[str]:
    inside = {one.sequence: one for one in plan.inside}
    for change in plan.edit.sequences:
        yield f"{ {'added': '+', 'removed': '-', 'changed': '~'}[change.kind] } {change.id}"
        yield from (f"    ~ {said(detail)}" for detail in change.settings)
        if change.kind != "removed":
            yield from _steps(change)
        if (people := inside.pop(change.id, None)) is not None:
            yield from (f"    {line}" for line in fates(people, plan.rate))
        yield from (f"    {line}" for line in entering(plan, change.id))
        yield ""
    for people in inside.values():
        yield f"~ {people.sequence}"
        yield from (f"    {line}" for line in fates(people, plan.rate))
        yield ""


def _steps(change: SequenceChange) -> Iterator[str]:
    for step in change.steps:
        if step.kinds == ("copy",):
            continue
        yield f"    {_OF[step.kinds[0]]} {step.step.ljust(_WIDE)}  {step_said(step)}".rstrip()
    if change.worded:
        yield f'    " {", ".join(change.worded)}'


def step_said(step: StepChange) -> str:
    """What is different, or of a step that is new or gone what it does."""
    details = "; ".join(map(said, step.details))
    if step.kinds[0] in ("added", "removed"):
        return "; ".join([step.says, *(f"{detail.name}: {detail.after}" for detail in step.details)])
    return details


def said(detail: Detail) -> str:
    """`state: live -> closed`"""
    return f"{detail.name}: {detail.before or 'none'} -> {detail.after or 'none'}"


def fates(inside: Inside, rate: int | None) -> Iterator[str]:
    """What becomes of those inside, one line each."""
    held = f", {inside.held_out:,} of them in the holdout" if inside.held_out else ""
    yield f"{_people(inside.people)} inside{held}"
    for kept in inside.kept:
        yield f"  {kept.people:>8,}  keep the steps of deployment {kept.deployment}"
    for move in inside.moves:
        yield f"  {move.people:>8,}  go on at `{move.after}`, having stood at `{move.before}`"
    for lost in inside.never:
        why = "gone from the file" if lost.why == "removed" else "behind them now, or in an arm they did not take"
        new = f"; {lost.replaced:,} of them get something new" if lost.replaced else ""
        yield f"  {lost.people:>8,}  never get `{lost.step}`: {why}{new}"
    for gained in inside.new:
        if gained.people:
            yield f"  {gained.people:>8,}  may get `{gained.step}`, which is new"
        if gained.missed:
            yield f"  {gained.missed:>8,}  are past `{gained.step}`, which is new"
    if inside.finish:
        yield f"  {inside.finish:>8,}  come to the end: nothing is left for them"
    if inside.looks is None:
        return
    if inside.looks.soon:
        spread = f", at {rate:,} an hour" if rate is not None else ""
        yield f"  {inside.looks.soon:>8,}  fall due at once, and are looked at one after another{spread}"
    if inside.looks.leaving:
        yield f"  {inside.looks.leaving:>8,}  of them leave at that: what ends it is true of them"
    for asked in inside.looks.untold:
        yield f"            whom `{asked}` concerns is not counted: a file of positions does not tell"


def entering(plan: Plan, sequence: str) -> Iterator[str]:
    """What an edit of `enroll` means for leads who are outside, one line each."""
    one = next((one for one in plan.newcomers or () if one.sequence == sequence), None)
    if one is None:
        return
    about = f", as far as {one.looked_at:,} of them tell" if one.looked_at < one.leads else ""
    yield f"of {_leads(one.leads)} known now{about}"
    if one.enter:
        spread = f", at {plan.rate:,} an hour" if plan.rate is not None else ""
        yield f"  {one.of_all(one.enter):>8,}  enter at once, as time lets them in{spread}"
    if one.later:
        yield f"  {one.of_all(one.later):>8,}  enter when its moment comes, if they still fit"
    if one.outside:
        yield f"  {one.of_all(one.outside):>8,}  fit already, and stay outside unless `sequencer enroll` lets them in"


def _leads(number: int) -> str:
    return f"{number:,} {'lead' if number == 1 else 'leads'}"


def _people(number: int) -> str:
    return f"{number:,} {'person' if number == 1 else 'people'}"


def _copies(edit: Edit) -> Iterator[str]:
    for alike in edit.alike():
        symbol = {"added": "+", "removed": "-", "changed": '"'}[alike[0].kind]
        yield from (f"{symbol} {copy_name(copy)}" for copy in alike)
        for part, pieces in alike[0].parts.items():
            yield from (f"    {line}" for line in f"{part}: {words(pieces)}".split("\n"))
        if alike[0].looks:
            yield f"    {LOOKS}"
        yield ""


def copy_name(copy: CopyChange) -> str:
    """`sales/pricing in de  (sales-motivation: pricing)`"""
    language = f" in {copy.language}" if copy.language else ""
    used = f"  ({', '.join(copy.used_by)})" if copy.used_by else "  (no step mails it)"
    return f"{copy.content}{language}{used}"


def words(pieces: Iterable[Piece]) -> str:
    """`would [-pay-] {+save+} …`, as git's word diff has it."""
    marks = {"gone": "[-{}-]", "new": "{{+{}+}}", "same": "{}", "left out": " …"}
    return "".join(spaced(marks[piece.kind], piece) for piece in pieces).strip()


def spaced(mark: str, piece: Piece) -> str:
    """The piece in its mark, with the space before it outside."""
    text = piece.text.lstrip()
    return piece.text[: len(piece.text) - len(text)] + mark.format(text)


def changed_files(edit: Edit) -> list[str]:
    """Of those that hold for every sequence."""
    return ["workspace.yaml"] * bool(declared(edit)) + ["signals.yaml"] * (SIGNALS in edit.workspace)


def declared(edit: Edit) -> str:
    """What of workspace.yaml says something else."""
    return ", ".join(name.replace("_", " ") for name in edit.workspace if name != SIGNALS)


def _workspace(plan: Plan) -> Iterator[str]:
    if said := declared(plan.edit):
        yield "~ workspace.yaml"
        yield f"    {said}"
        yield from (f"    {line}" for line in strangers(plan))
        yield ""


def strangers(plan: Plan) -> Iterator[str]:
    """Which companies are none by what `companies` says now, one line each."""
    for one in plan.shared[:SHOWN]:
        people = f"{'person is' if one.people == 1 else 'people are'} in {one.domain}"
        yield f"  {one.people:>8,}  {people}, which is no company then: see `sequencer companies detach`"
    if more := plan.shared[SHOWN:]:
        yield f"  {sum(one.people for one in more):>8,}  in {counted(len(more), 'further domain')}"


def uncounted(plan: Plan) -> Iterator[str]:
    """How far a file of positions tells."""
    if plan.as_of is not None:
        counted_at = f"{plan.as_of:%a %-d %b %Y %H:%M} UTC"
        yield f"as of {counted_at}; who enters or becomes sales-ready at once only the database tells"
        yield ""


def _signals(plan: Plan) -> Iterator[str]:
    if SIGNALS in plan.edit.workspace:
        yield "~ signals.yaml"
        yield from (f"    {line}" for line in readied(plan))
        yield ""


def readied(plan: Plan) -> Iterator[str]:
    """What becomes of leads by other signals, one line each."""
    found = plan.readying
    if found is None:
        return
    spread = f", at {plan.rate:,} an hour" if plan.rate is not None else ""
    yield f"counted anew: {counted(found.counted, 'lead')}"
    yield f"  {found.ready:>8,}  become sales-ready{spread}"
    if found.following:
        yield f"  {found.following:>8,}  follow in turn, who get an owner by a colleague's handoff"
    yield from (f"  {people:>8,}  of them by `{reason}`" for reason, people in sorted(found.reasons.items()))
    if found.told_again:
        yield f"  {found.told_again:>8,}  of them wait for a rep's answer: that rep is told again"
    if found.waiting:
        yield f"  {found.waiting:>8,}  would, but something that `needs` names is missing"
    if found.resting:
        yield f"  {found.resting:>8,}  would, but rest until the day that a rep named"
    if found.over:
        yield f"  {found.over:>8,}  were ready, and that is over"
    yield from (f"  {people:>8,}  move forward to `{stage}`" for stage, people in sorted(found.stages.items()))
    yield from (f"  {people:>8,}  are understood otherwise: `{name}`" for name, people in sorted(found.learned.items()))
    yield from (f"  {people:>8,}  enter `{sequence}`" for sequence, people in sorted(found.entering.items()))
    for one in found.named or found.examples:
        who = one.email if isinstance(one, Named) else "for example"
        yield f"            {who}: score {one.before} -> {one.after}, fit {one.fit}: {', '.join(one.reasons)}"
    if found.named and (more := found.ready + found.following - len(found.named)):
        yield f"            … and {more:,} more"


def _dangers(plan: Plan) -> Iterator[str]:
    yield from (f"! {danger}" for danger in plan.dangers)
    if plan.dangers:
        yield ""
