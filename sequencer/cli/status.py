"""`sequencer status`."""

from collections.abc import Mapping
from typing import Any

import click

from sequencer.cli import output
from sequencer.cli.database import transaction
from sequencer.core.enrollment import Status
from sequencer.core.message import State
from sequencer.services.inspect import status
from sequencer.services.release import Releases
from sequencer.settings import Settings
from sequencer.store.connections import taken


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(as_json: bool) -> None:
    """Count enrollments by sequence and status and messages by state, and list what is held.

    A pause of all sending stands at the top. A message is held when nobody knows whether the provider took it: it is
    never sent again by itself, and the list says why. In sequences from the owner, people without one are held too,
    and counted.

    Example: sequencer status --json
    """
    settings = Settings.read()
    with transaction() as conn:
        release = Releases().deployed(conn)
        found = status(conn, release)
        found["connections"] = {"budget": settings.connection_budget, **taken(conn)}
        found["crms"] = list(settings.crms)
    if as_json:
        output.json(found)
    else:
        say(found)


def say(found: Mapping[str, Any]) -> None:
    """Compact tables; what there is nothing of is left out."""
    number = found["deployment"]
    for pause in found["paused"]:
        output.line(f"ALL SENDING IS PAUSED since {pause['since'][:16]} UTC: {pause['detail']}")
        output.line(f"  {pause['ends']}")
    for pause in found["sequences_paused"]:
        since = pause["since"][:16]
        output.line(f"{pause['sequence']} is paused since {since} UTC: {pause['detail']}")
        output.line(f"  `sequencer resume --sequence {pause['sequence']}` ends it")
    output.line(f"deployment {number}" if number is not None else "nothing is deployed yet: run `sequencer deploy`")
    if (over := found["taking_over"]) is not None:
        if over["left"]:
            output.line(f"  {over['left']:,} people are still to be taken over from the deployment before")
        if over["spread_until"]:
            output.line(f"  who fell due by it is looked at until {over['spread_until'][:16]} UTC")
    if (weighing := found["weighing"]) is not None:
        until = f", until {weighing['spread_until'][:16]} UTC" if weighing["spread_until"] else ""
        output.line(
            f"  signals.yaml: {output.counted(weighing['uncounted'], 'lead')} still to be counted,"
            f" {weighing['due']:,} to be looked at{until}"
        )
    if found["enrollments"]:
        states = [s.value for s in Status if any(s.value in counts for counts in found["enrollments"].values())]
        output.line()
        output.table(
            [
                ("enrollments", *states),
                *(
                    (name, *(counts.get(state, 0) for state in states))
                    for name, counts in sorted(found["enrollments"].items())
                ),
            ]
        )
    section(
        "keep the steps of an older deployment (`edits: pin`)",
        {
            f"{one['sequence']}, deployment {one['deployment']}"
            + ("" if one["can_run"] else ": HELD, this version cannot run it"): one["people"]
            for one in found["keep_older_steps"]
        },
    )
    section("messages", {s.value: found["messages"][s.value] for s in State if s.value in found["messages"]})
    section("alerts", found["alerts"])
    section("calls to make: `sequencer tasks list`", {what: count for what, count in found["tasks"].items() if count})
    section("handoffs", found["handoffs"])
    section("ready for sales, and not handed over for lack of", found["not_handed_over_for_lack_of"])
    if found["crms"]:
        output.line(f"credentials are set for {', '.join(found['crms'])}")
    section("calls to targets: see `sequencer targets list`", found["targets"])
    section("mails to review: `sequencer reviews list`", {"open": found["reviews"]} if found["reviews"] else {})
    waiting = {
        "pending": found["webhooks_pending"],
        "set aside: see `sequencer events list`": found["webhooks_set_aside"],
    }
    section("webhooks", {what: count for what, count in waiting.items() if count})
    section("without an owner: their mail waits until a rep owns them", found["without_owner"])
    if found["held"]:
        output.line()
        output.line("held: nobody knows whether these went; `sequencer messages resolve` decides")
        output.table(
            [(m["sent_at"][:16], m["sequence"], m["step"], m["to"], m["failure"] or "") for m in found["held"]],
            indent="  ",
        )
        if (more := found["messages"]["unknown"] - len(found["held"])) > 0:
            output.line(f"  and {more} more: `sequencer messages held`")
    budget, used = found["connections"]["budget"], found["connections"]["open"]
    output.line()
    output.line(
        f"connections to PostgreSQL: {' + '.join(f'{name} {most}' for name, most in budget.items())}"
        f" = {sum(budget.values())} at most, {used} open now, of {found['connections']['allowed']} that it allows"
    )


def section(title: str, counts: Mapping[str, int]) -> None:
    if counts:
        output.line()
        output.line(title)
        output.table(counts.items(), indent="  ")
