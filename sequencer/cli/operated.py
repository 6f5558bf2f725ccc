"""What is said when an operator has acted on one lead: what was done, and what comes now."""

from collections.abc import Sequence
from dataclasses import asdict
from zoneinfo import ZoneInfo

from sequencer.cli import output
from sequencer.cli.why import sentence
from sequencer.core import explain
from sequencer.services.context import Context
from sequencer.services.inspect import lead_by_email
from sequencer.services.operate import Operated
from sequencer.services.why import why
from sequencer.store import clock


def say(context: Context, email: str, done: Sequence[Operated], what: str, as_json: bool) -> None:
    """`what`: said of each sequence."""
    with context.engine.begin() as conn:
        release = context.releases.current(conn)
        lead = lead_by_email(conn, email)
        answers = {answer.sequence: answer for answer in why(conn, release, lead, None, clock.now(conn))}
    zone = ZoneInfo(lead.zone or release.workspace.zone)
    if as_json:
        rows = []
        for one in done:
            next_at = answers[one.sequence].next_at
            rows.append(asdict(one) | {"next_at": next_at.isoformat() if next_at is not None else None})
        output.json({"email": email, "sequences": rows})
        return
    for one in done:
        answer = answers[one.sequence]
        output.line(f"{email} in {one.sequence}: {what}")
        rows_now = [("now", sentence(said)) for said in answer.now]
        if answer.next_at is not None:
            rows_now.append(("next", explain.moment(answer.next_at, zone)))
        output.table(rows_now, indent="  ")
