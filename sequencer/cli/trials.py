"""Scenarios that were run, for people and for scripts: where the timeline differs, and what none of them came to."""

from collections.abc import Mapping, Sequence
from typing import Any

from sequencer.cli import output
from sequencer.cli.problems import shown
from sequencer.core.mark import Problem
from sequencer.core.scenario import Miss, Scenario, places, unreached
from sequencer.core.simulate import Simulation
from sequencer.core.workspace import Workspace

_TOLD = frozenset("entered refused sent tell handoff task review set then else arm start".split())
_TOLD_FIRST = ("did-", "skipped-", "ended-", "finished", "halted", "impossible")
"""Codes of entries that a failure shows; what was only waited for is left out."""


def mistakes(problems: Sequence[Problem], files: Mapping[str, str]) -> list[str]:
    return [*(shown(problem, files) for problem in problems), output.counted(len(problems), "mistake")]


def is_meant(scenario: Scenario, names: Sequence[str]) -> bool:
    return any(name == scenario.sequence or name.lower() in scenario.name.lower() for name in names)


def say(
    workspace: Workspace,
    scenarios: Sequence[Scenario],
    ran: Sequence[Simulation],
    missed: Sequence[Sequence[Miss]],
    covered: Mapping[str, Sequence[Simulation]],
    whole: bool,
) -> None:
    """Each failure as a diff of timelines; then what no scenario came to; last, one line that counts."""
    for scenario, came, failed in zip(scenarios, ran, missed, strict=True):
        if failed:
            output.line(f"{scenario.mark.file}:{scenario.mark.line}: {scenario.sequence}, {scenario.name}")
            output.table(_diff(came, failed), indent="  ")
            output.line()
    for name, simulations in sorted(covered.items()):
        sequence = workspace.sequences[name]
        left = unreached(sequence, simulations)
        total = sum(1 for _ in places(sequence))
        output.line(f"{name}: {total - len(left)} of {total} steps and arms")
        for one in left:
            arm = f", `{one.arm}`" if one.arm else ""
            output.line(f"  no scenario came to {one.step}{arm}  {one.mark.file}:{one.mark.line}")
    without = sorted(workspace.sequences.keys() - covered.keys()) if whole else []
    if without:
        output.line(f"without a scenario: {', '.join(without)}")
    if scenarios:
        output.line()
    failures = sum(map(bool, missed))
    fine = output.counted(len(scenarios) - failures, "scenario") + " fine"
    output.line(fine if not failures else f"{fine}, {failures} failed")


def _diff(came: Simulation, failed: Sequence[Miss]) -> list[tuple[str, str, str, str]]:
    """What came, and where it shows what was expected instead (`-`)."""
    entries = came.timeline.entries
    rows: list[tuple[str, str, str, str]] = []
    for number in range(len(entries) + 1):
        for miss in failed:
            if miss.before == number:
                where = f"{miss.expectation.mark.file}:{miss.expectation.mark.line}"
                rows.append(("-", "", f"expected {miss.expectation} – {miss.why}", where))
        if number < len(entries) and _is_told(entries[number].code):
            entry = entries[number]
            local = entry.at.astimezone(came.zone)
            where = f"{entry.mark.file}:{entry.mark.line}" if entry.mark is not None else ""
            rows.append(("", f"{local:%a %-d %b %Y %H:%M}", entry.says, where))
    return rows


def _is_told(code: str) -> bool:
    return code in _TOLD or code.startswith(_TOLD_FIRST)


def as_object(
    workspace: Workspace,
    scenarios: Sequence[Scenario],
    missed: Sequence[Sequence[Miss]],
    covered: Mapping[str, Sequence[Simulation]],
) -> dict[str, Any]:
    def coverage(name: str, simulations: Sequence[Simulation]) -> dict[str, Any]:
        sequence = workspace.sequences[name]
        left = [{"step": one.step, "arm": one.arm or None} for one in unreached(sequence, simulations)]
        total = sum(1 for _ in places(sequence))
        return {"sequence": name, "places": total, "reached": total - len(left), "unreached": left}

    return {
        "ok": not any(missed),
        "scenarios": [
            {
                "sequence": scenario.sequence,
                "name": scenario.name,
                "where": str(scenario.mark),
                "ok": not failed,
                "failures": [
                    {"expected": str(miss.expectation), "why": miss.why, "where": str(miss.expectation.mark)}
                    for miss in failed
                ],
            }
            for scenario, failed in zip(scenarios, missed, strict=True)
        ],
        "coverage": [coverage(name, simulations) for name, simulations in sorted(covered.items())],
        "without_a_scenario": sorted(workspace.sequences.keys() - covered.keys()),
    }
