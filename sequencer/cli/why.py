"""`sequencer why`."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

import click

from sequencer.cli import output
from sequencer.cli.database import transaction
from sequencer.core import explain
from sequencer.core.release import Release
from sequencer.errors import NotFound
from sequencer.services.inspect import lead_by_email
from sequencer.services.release import Releases
from sequencer.services.standing import sentences, standing_view
from sequencer.services.why import Answer, Sentence, handed, suppressed, why
from sequencer.store import clock


@click.command()
@click.argument("email")
@click.argument("step", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(email: str, step: str | None, as_json: bool) -> None:
    """Explain why the lead with the address EMAIL did or did not get a mail, and when the next comes.

    Before that it says how the lead stands: the score, what it mostly comes from, and colleagues who are engaged.

    Every reason names the file and line that it follows from. With STEP, the id of a step as in the sequence's file,
    only what concerns that step is said. Times are those of the lead's own time zone, named in brackets.

    \b
    Examples:
      sequencer why jane@example.com
      sequencer why jane@example.com pricing
    """
    with transaction() as conn:
        lead = lead_by_email(conn, email)
        release = Releases().current(conn)
        if step is not None:
            known_step(release, step)
        barred = suppressed(conn, lead)
        told = handed(conn, release, lead)
        answers = why(conn, release, lead, step, clock.now(conn))
        view = standing_view(conn, release, lead, clock.now(conn)) if step is None else None
    zone = ZoneInfo(lead.zone or release.workspace.zone)
    stands = sentences(view, zone) if view is not None else []
    if as_json:
        output.json(as_object(lead.email, barred, told, stands, answers))
    else:
        say([*barred, *told, *stands], answers, zone)


def known_step(release: Release, step: str) -> None:
    """Raises NotFound, with the step that was probably meant."""
    series = [*release.workspace.sequences.values(), *(steps.sequence for steps in release.kept.values())]
    known = sorted({name for one in series for name in one.names})
    if step not in known:
        close = get_close_matches(step.rpartition("/")[2], known, 1)
        hint = f"; did you mean `{close[0]}`?" if close else f"; there are: {', '.join(known)}"
        raise NotFound(f"no sequence has a step `{step}`{hint}")


def as_object(
    email: str,
    barred: Sequence[Sentence],
    told: Sequence[Sentence],
    stands: Sequence[Sentence],
    answers: Sequence[Answer],
) -> Mapping[str, Any]:
    def plain(said: Sequence[Sentence]) -> list[Mapping[str, str | None]]:
        return [{"text": one.text, "where": one.where or None} for one in said]

    return {
        "email": email,
        "suppressed": plain(barred),
        "handoff": plain(told),
        "standing": plain(stands),
        "sequences": [
            {
                "sequence": answer.sequence,
                "past": plain(answer.past),
                "now": plain(answer.now),
                "next_at": answer.next_at.isoformat() if answer.next_at is not None else None,
            }
            for answer in answers
        ],
    }


def say(about: Sequence[Sentence], answers: Sequence[Answer], zone: ZoneInfo) -> None:
    """What bars all mail, how the handoff and the lead stand comes first, then by sequence: what was, is and comes."""
    for one in about:
        output.line(sentence(one))
    for number, answer in enumerate(answers):
        if number or about:
            output.line()
        output.line(answer.sequence)
        rows = [("", sentence(one)) for one in answer.past]
        rows += [("now", sentence(one)) for one in answer.now]
        if answer.next_at is not None:
            rows.append(("next", explain.moment(answer.next_at, zone)))
        output.table(rows, indent="  ")


def sentence(one: Sentence) -> str:
    return f"{one.text}  {one.where}" if one.where else one.text
