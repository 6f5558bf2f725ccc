"""sequences/NAME.yaml: one sequence a file, the file's stem its id."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from sequencer.core.condition import Names
from sequencer.core.condition_names import STANDING
from sequencer.core.content import Content
from sequencer.core.mark import Mark, Problem
from sequencer.core.quiet import NEVER_QUIET, Quiet
from sequencer.core.sequence import MIDDLE, Arm, Email, Fork, Lane, Rounds, Sequence, SequenceState, Trigger
from sequencer.core.shelf import BARE, Shelf
from sequencer.core.workspace import Workspace
from sequencer.workspace import values
from sequencer.workspace.load import content_files, sequence_files
from sequencer.workspace.mails import candidates_in
from sequencer.workspace.nodes import Map, Problems, Text, as_items, as_map, as_text, as_texts
from sequencer.workspace.parse import parse
from sequencer.workspace.paths import check_paths
from sequencer.workspace.settings import WORKSPACE_FILE, read_window
from sequencer.workspace.steps import read_arm
from sequencer.workspace.surroundings import CheckNote, Surroundings, named_steps, picked_of
from sequencer.workspace.triggers import read_enroll


def load_sequences(
    files: Mapping[str, str],
    workspace: Workspace,
    contents: Mapping[str, Content],
    check_note: CheckNote = lambda _text, _mark: (),
    shelf: Shelf = BARE,
) -> tuple[Mapping[str, Sequence], tuple[Problem, ...]]:
    """Every sequence that could be read, by id, and every problem of their files.

    `contents` are those that compiled; one that has a file and is not among them has problems of its own, and is not
    reported again where it is mailed. A sequence whose file and surroundings are the same comes from the shelf.
    """
    problems = Problems()
    refuse_other_files(files, problems)
    found = sequence_files(files)
    known = frozenset(contents) | frozenset(content_files(files))
    common = Surroundings(
        sequence="",
        workspace=workspace,
        sequences=frozenset(found),
        contents=known,
        candidates=candidates_in(contents),
        names=names_in(workspace, contents, known, {}),
        check_note=check_note,
        problems=Problems(),
    )
    shelf = shelf.about("sequence", common)
    sequences = {}
    for name, file in found.items():
        kept = shelf.get(file, files[file])
        if kept is None:
            kept = load_sequence(name, file, files[file], common)
            shelf.put(kept, file, files[file])
        sequence, own = kept
        problems.extend(own)
        if sequence is not None:
            sequences[name] = sequence
    return sequences, problems.sorted()


def load_sequence(
    name: str, file: str, source: str, common: Surroundings
) -> tuple[Sequence | None, tuple[Problem, ...]]:
    """One sequence, and the problems of its file: all that it depends on is the file and `common`."""
    problems = Problems()
    root = as_map(parse(file, source, problems), "keys, as `title:` and `steps:`")
    if not values.KEBAB.fullmatch(name):
        message = f"expected a file name in small letters, digits and single hyphens, as `price-faq.yaml`, got {file}"
        if meant := values.as_identifier(name):
            message += f": rename it to {meant}.yaml"
        problems.error(Mark(file, 1, 1), "bad-id", message)
    if root is None:
        return None, problems.sorted()
    steps = root.entries.get("steps")
    named = tuple(named_steps(steps.node if steps else None))
    names = replace(
        common.names,
        steps={step.name: step.content for step in named},
        was={step.name: step.was for step in named if step.was},
    )
    around = replace(common, sequence=name, names=names, problems=problems, ids={}, given_up={})
    return read_sequence(root, file, around), problems.sorted()


def parse_sequences(files: Mapping[str, str]) -> tuple[Problem, ...]:
    """The problems that the files have by themselves, whatever workspace.yaml declares."""
    problems = Problems()
    refuse_other_files(files, problems)
    for file in sequence_files(files).values():
        parse(file, files[file], problems)
    return problems.sorted()


def refuse_other_files(files: Mapping[str, str], problems: Problems) -> None:
    """Files that would silently be left out."""
    for name in files:
        path = PurePosixPath(name)
        if path.parent.as_posix() != "sequences":
            continue
        if path.suffix == ".yml":
            problems.error(Mark(name, 1, 1), "bad-id", f"expected the suffix .yaml: rename it to {path.stem}.yaml")


def names_in(
    workspace: Workspace, contents: Mapping[str, Content], known: frozenset[str], steps: Mapping[str, str | None]
) -> Names:
    """What the conditions of one sequence may name."""
    return Names(
        fields=workspace.fields,
        stages=workspace.stages or None,
        statuses=tuple(workspace.statuses) or None,
        steps=steps,
        links=links_in(contents),
        contents=known,
        kinds=frozenset(content.kind for content in contents.values()) if known == contents.keys() else None,
        tags=tags_in(contents) if known == contents.keys() else None,
        topics=frozenset(workspace.topics),
        inquiries=frozenset(workspace.signals.inquiries) if workspace.signals is not None else frozenset(),
        audiences=workspace.audiences,
        lists=workspace.lists,
        standing=standing_in(workspace),
        counted=frozenset(workspace.signals.by_kind) if workspace.signals is not None else frozenset(),
    )


def standing_in(workspace: Workspace) -> frozenset[str]:
    """What may be asked of how a lead stands; nothing where signals.yaml is still to be read, or there is none."""
    if workspace.signals is None:
        return frozenset()
    return STANDING if workspace.signals.sales_ready is not None else STANDING - {"sales_ready"}


def tags_in(contents: Mapping[str, Content]) -> Mapping[str, frozenset[str]]:
    """The contents that name a tag in their head, whatever the tag is of."""
    found: dict[str, set[str]] = {}
    for content in contents.values():
        further = {name: tags for name, tags in (content.tags or {}).items() if name != "published"}
        for tag in (*content.stages, *content.pains, *(one for tags in further.values() for one in tags)):
            found.setdefault(tag, set()).add(content.id)
    return {tag: frozenset(several) for tag, several in found.items()}


def links_in(contents: Mapping[str, Content]) -> Mapping[str, frozenset[str]]:
    """The named links of each content, and of each kind together for steps that pick."""
    found = {name: frozenset(link.name for link in content.links) for name, content in contents.items()}
    for content in contents.values():
        together = found.get(picked_of(content.kind), frozenset())
        found[picked_of(content.kind)] = together | found[content.id]
    return found


def read_sequence(root: Map, file: str, around: Surroundings) -> Sequence:
    """The sequence as far as it can be read; what is missing gets a harmless value and a problem."""
    root.expect("sequence")
    workspace = around.workspace
    title = root.need_text("title", "Sales motivational series")
    state = values.choice(root.need_text("state", "live"), tuple(SequenceState))
    topic = values.declared(root.need_text("topic", "sales"), workspace.topics, "topic", WORKSPACE_FILE)
    sender = values.declared(root.need_text("from", "owner"), ("owner", *workspace.senders), "sender", WORKSPACE_FILE)
    exempt = values.choice(root.text("pressure"), ("exempt",)) is not None
    enroll, again = read_enroll(root, around)
    goal = root.text("goal")
    exits = exit_texts(root)
    lane, pauses = read_lane(root, around)
    sequence = Sequence(
        id=around.sequence,
        mark=Mark(file, 1, 1),
        title=title.value if title else around.sequence,
        state=SequenceState(state or "draft"),
        topic=topic or "",
        sender=sender or "owner",
        body=read_body(root, around),
        enroll=(*enroll, *run_by(workspace, around.sequence)),
        again=again,
        goal=around.condition(goal),
        exit_on=tuple(c for c in map(around.condition, exits) if c is not None),
        never=workspace.never,
        hours=read_window(root, NEVER_QUIET if exempt else Quiet(workspace.quiet_days)),
        exempt=exempt,
        max_lateness=values.duration(root.text("max_lateness")),
        holdout=values.percent(root.text("holdout")) or 0,
        lane=lane,
        pins=values.choice(root.text("edits"), ("follow", "pin")) == "pin",
        pauses=pauses,
        was=around.names.was,
    )
    refuse_goal_in_exits(goal, exits)
    around.problems.extend(check_paths(sequence))
    return sequence


def run_by(workspace: Workspace, sequence: str) -> Iterator[Trigger]:
    """The statuses that have their leads enter this sequence: a door of its own each, beside those of the file."""
    for status in workspace.statuses.values():
        if (mark := status.runs.get(sequence)) is not None:
            yield Trigger("became", mark, "status", status.id)


def read_body(root: Map, around: Surroundings) -> Arm:
    before = len(around.problems)
    body = read_arm(root.need("steps", "[{email: sales/pricing}]"), "", around)
    if "steps" in root.entries and not mails(body) and len(around.problems) == before:
        message = "this sequence sends no email: expected at least one step as `- email: sales/pricing`"
        around.problems.error(root.entries["steps"].mark, "no-emails", message)
    return body


def mails(arm: Arm) -> bool:
    """Whether any way through it sends a mail."""
    return any(
        isinstance(step, Email | Rounds) or (isinstance(step, Fork) and any(map(mails, step.arms)))
        for step in arm.steps
    )


def read_lane(root: Map, around: Surroundings) -> tuple[Lane | None, Mapping[str, Mark]]:
    """The lane, and the sequences that this one pauses by name."""
    text = root.text("lane")
    name = values.identifier(text, "a lane") if text is not None else None
    priority = values.count(root.text("priority"))
    if priority is not None and "lane" not in root.entries:
        message = "`priority` says who goes first in a lane: expected `lane` with it"
        root.problems.error(root.entries["priority"].mark, "bad-value", message)
    pauses: dict[str, Mark] = {}
    for one in as_texts(root.take("pauses"), "a list of sequences"):
        if one.value == around.sequence:
            one.wrong("bad-value", "a sequence cannot pause itself: name others, or take this out")
        elif values.declared(one, around.sequences, "sequence", "the folder sequences/") is not None:
            pauses[one.value] = one.mark
    return (Lane(name, priority or MIDDLE, text.mark) if name and text is not None else None), pauses


def exit_texts(root: Map) -> tuple[Text, ...]:
    node = root.take("exit_on")
    texts = (as_text(item, "a condition as `replied()`") for item in as_items(node, "a list of conditions"))
    return tuple(text for text in texts if text is not None)


def refuse_goal_in_exits(goal: Text | None, exits: tuple[Text, ...]) -> None:
    for text in exits:
        if goal is not None and text.value.split() == goal.value.split():
            message = "this is the goal already, and the goal ends the sequence: remove it here"
            text.problems.warning(text.mark, "goal-in-exit", message)
