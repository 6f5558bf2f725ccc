"""`sequencer enroll`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import click
from sqlalchemy import Connection

from sequencer.cli import output, problems
from sequencer.cli.database import opened
from sequencer.core.condition import Condition, ConditionProblems, compile_condition
from sequencer.core.facts import LeadFacts
from sequencer.core.lead import Lead
from sequencer.core.mark import Mark
from sequencer.core.release import Release
from sequencer.services import snapshots
from sequencer.services.context import Context
from sequencer.services.enroll import Entered, named
from sequencer.services.leads import enter
from sequencer.store import clock, leads
from sequencer.workspace.sequences import names_in

BATCH = 1000
"""Leads, and a transaction."""


@dataclass(slots=True)
class Walk:
    """What became of the leads so far."""

    leads: int = 0
    fitting: int = 0
    result: Entered = field(default_factory=Entered)


@click.command()
@click.argument("sequence")
@click.option("--where", metavar="EXPRESSION", help="Only leads of whom this condition is true; without it, all.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(sequence: str, where: str | None, as_json: bool) -> None:
    """Enrol leads into SEQUENCE, a sequence of the current deployment.

    EXPRESSION is a condition as in sequence files; opens, clicks and events count from any time. The sequence's own
    `if` and its `again` still hold, and whoever must not be mailed does not enter: the others are counted with the
    reason. Running it twice enrols nobody twice.

    \b
    Examples:
      sequencer enroll education
      sequencer enroll education --where 'lead.stage == "lead" and has(lead.pains, "workload")'
    """
    walk = Walk()
    with opened() as context, output.Progress("lead") as progress:
        with context.engine.begin() as conn:
            release = context.releases.current(conn)
        named(release, sequence)
        condition = compiled(where, release) if where is not None else None
        for batch in batches(context, sequence, condition, walk):
            progress(batch)
    if as_json:
        output.json(as_object(sequence, walk))
    else:
        say(sequence, walk, where)


def compiled(where: str, release: Release) -> Condition:
    """The expression; its problems are wrong use of the option."""
    names = names_in(release.workspace, release.contents, frozenset(release.contents), {})
    try:
        return compile_condition(where, Mark("--where", 1, 1), replace(names, scope="ever"))
    except ConditionProblems as wrong:
        shown = "\n".join(problems.shown(problem, {"--where": where}) for problem in wrong.problems)
        raise click.UsageError(f"the condition of --where cannot be used\n{shown.rstrip()}") from wrong


def batches(context: Context, sequence: str, condition: Condition | None, walk: Walk) -> Iterator[int]:
    """Walks through all leads; after each committed batch, how many it had."""
    after = 0
    while True:
        with context.engine.begin() as conn:
            page = leads.page(conn, after, BATCH)
            if not page:
                return
            release = context.releases.current(conn)
            series = named(release, sequence)
            wanted = fitting(conn, release, page, condition)
            entered = enter(conn, release, series, wanted, "manual", clock.now(conn))
        if entered.leads:
            context.hint("drain", series.id, series.start)
        walk.leads += len(page)
        walk.fitting += len(wanted)
        walk.result += entered
        after = page[-1].id
        yield len(page)


def fitting(conn: Connection, release: Release, page: list[Lead], condition: Condition | None) -> list[int]:
    """Ids of those of whom the condition is true."""
    if condition is None:
        return [lead.id for lead in page]
    now = clock.now(conn)
    known = snapshots.load(conn, release.workspace, condition.asks, [(None, lead) for lead in page], now)
    return [s.lead.id for s in known if condition.test(LeadFacts(release.workspace, s, now))]


def as_object(sequence: str, walk: Walk) -> Mapping[str, Any]:
    return {
        "sequence": sequence,
        "leads": walk.leads,
        "fitting": walk.fitting,
        "entered": len(walk.result.leads),
        "refused": dict(walk.result.refused.most_common()),
    }


def say(sequence: str, walk: Walk, where: str | None) -> None:
    """Who did not enter and why; last, one line that counts."""
    output.table([(count, reason) for reason, count in walk.result.refused.most_common()], indent="  ")
    of = f" of {output.counted(walk.fitting, 'lead')}{' that fit' if where is not None else ''}"
    output.line(f"{len(walk.result.leads):,}{of} entered {sequence}")
