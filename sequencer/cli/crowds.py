"""What an audience came to, for people and for scripts."""

from collections.abc import Iterator, Mapping
from typing import Any

from sequencer.cli import output
from sequencer.core.crowd import Crowd
from sequencer.core.sequence import Fork

WIDTH = 40
"""Characters of the longest bar."""


def say(crowd: Crowd, seed: int) -> None:
    """Rates by step, outcomes, and a bar for each day with mail."""
    output.line(f"{crowd.sequence.id}, {output.counted(crowd.leads, 'lead')}, seed {seed}")
    output.line()
    output.table([("step", "came", "sent", "opened", "clicked", ""), *_steps(crowd)])
    output.line()
    output.table([("  " + how, count, _share(count, crowd.leads)) for how, count in crowd.ends.most_common()])
    output.line()
    most = max(crowd.days.values(), default=0)
    output.table(
        [
            (f"{day:%a %-d %b %Y}", count, "█" * max(1, round(WIDTH * count / most)))
            for day, count in sorted(crowd.days.items())
        ]
    )
    output.line()
    busiest = max(crowd.days, key=lambda day: (crowd.days[day], -day.toordinal()), default=None)
    peak = f"; most on {busiest:%a %-d %b %Y}: {most:,}" if busiest is not None else ""
    output.line(f"{output.counted(sum(crowd.days.values()), 'mail')} on {output.counted(len(crowd.days), 'day')}{peak}")


def _steps(crowd: Crowd) -> Iterator[tuple[object, ...]]:
    for name, step in crowd.sequence.steps.items():
        counts = crowd.steps[name]
        sent = counts["sent"]
        more = (
            [f"{arm.name} {_share(counts[arm.name], counts['reached'])}" for arm in step.arms]
            if isinstance(step, Fork)
            else []
        )
        more += [f"{counts['skipped']:,} skipped"] if counts["skipped"] else []
        rates = (sent, _share(counts["opened"], sent), _share(counts["clicked"], sent)) if sent else (None, None, None)
        yield crowd.sequence.shown(name), counts["reached"], *rates, ", ".join(more)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def as_object(crowd: Crowd, seed: int) -> Mapping[str, Any]:
    return {
        "sequence": crowd.sequence.id,
        "leads": crowd.leads,
        "seed": seed,
        "zone": crowd.zone.key,
        "steps": [
            {"step": crowd.sequence.shown(name), **{key: count for key, count in sorted(counts.items()) if key}}
            for name, counts in crowd.steps.items()
        ],
        "outcomes": dict(crowd.ends.most_common()),
        "mails": sum(crowd.days.values()),
        "mails_by_day": {day.isoformat(): count for day, count in sorted(crowd.days.items())},
    }
