"""How long `sequencer check` takes in a large workspace: cold, again, and after one file was edited.

    python -m benchmarks checking --sequences 1000

The shipped workspace with copies of its sequences and mails under other names, until there are so many of each. Every
figure is of a process of its own, as a person or a commit hook starts it.
"""

import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import report
from benchmarks.started import Spent, started
from sequencer.services.compile import compile_workspace
from sequencer.settings import variables
from sequencer.workspace.load import read_files

ROOT = Path(__file__).parents[1]
COLD, WARM = 15, 3
"""Seconds, at most: what issue 4 asks."""


@dataclass(frozen=True, slots=True)
class Checked:
    cold: Spent
    warm: Spent
    """The median of some."""
    edited: Spent
    """After an edit of one mail."""
    layout: Spent
    """After an edit of the layout that most mails have."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = report.parser("checking", __doc__)
    parser.add_argument("--sequences", type=int, default=1000, help="and as many mails")
    parser.add_argument("--rounds", type=int, default=3, help="of what can be repeated")
    chosen = parser.parse_args(arguments)
    about = report.environment()
    found = run(chosen.sequences, chosen.rounds)
    runs = {
        "cold": found.cold,
        "warm": found.warm,
        "after an edit of one mail": found.edited,
        "after an edit of the layout": found.layout,
    }
    rows = [
        (f"{chosen.sequences:,} sequences and mails", "seconds", "CPU seconds", "MB"),
        *((name, f"{one.seconds:.2f}", f"{one.processor:.2f}", f"{one.memory}") for name, one in runs.items()),
    ]
    return report.show(about, {name: one.figures() for name, one in runs.items()}, rows, chosen.json)


def rows(full: bool) -> Iterator[report.Row]:
    sequences = 1000 if full else 100
    found = run(sequences, rounds=5 if full else 3)
    yield report.at_most(f"`check` of {sequences:,} sequences and as many mails, cold", found.cold.seconds, COLD, "s")
    yield report.at_most("… warm", found.warm.seconds, WARM, "s")


def run(sequences: int, rounds: int) -> Checked:
    with tempfile.TemporaryDirectory(prefix="sequencer-check-") as temporary:
        folder = Path(temporary)
        write(folder, sequences)
        cold = _check(folder)
        warm = sorted((_check(folder) for _ in range(rounds)), key=lambda spent: spent.seconds)[rounds // 2]
        edited = folder / "content/education/keep-going.md"
        edited.write_text(edited.read_text(encoding="utf-8") + "\nOne line more.\n", encoding="utf-8")
        after_an_edit = _check(folder)
        layout = folder / "content/layouts/default.mjml"
        layout.write_text(layout.read_text(encoding="utf-8").replace("32px", "30px"), encoding="utf-8")
        return Checked(cold, warm, after_an_edit, _check(folder))


def write(folder: Path, many: int) -> None:
    """The shipped workspace as it is, and copies of its sequences and mails until there are so many of each.

    The copies of one number are a workspace of their own among the others: what they mail, start and ask about is
    among them.
    """
    files = dict(read_files(ROOT))
    compiled = compile_workspace(files)
    if compiled.workspace is None:
        raise RuntimeError(f"the shipped workspace has errors: {compiled.problems}")
    # Forms make sequences of their own, without a file.
    series = [name for name in sorted(compiled.workspace.sequences) if f"sequences/{name}.yaml" in files]
    mails = sorted(compiled.contents)
    paths = {path.partition("/")[2].rpartition(".")[0]: path for path in files if path.startswith("content/")}
    sets = max(1, many // len(mails))
    named = re.compile(rf"\b({'|'.join(mails)})(?![\w-])")
    starting = re.compile(rf"\bstart: ({'|'.join(series)})$", re.MULTILINE)
    copied = {
        paths[mail].replace(mail, _copy(mail, number)): files[paths[mail]]
        for number in range(1, sets)
        for mail in mails
    }
    for number in range(1, round(many / len(series))):
        for name in series:
            text = named.sub(lambda found: _copy(found[1], number % sets), files[f"sequences/{name}.yaml"])  # noqa: B023
            copied[f"sequences/{name}-{number}.yaml"] = starting.sub(rf"start: \1-{number}", text)
    for path, text in {**files, **copied}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _copy(mail: str, number: int) -> str:
    """What the mail is called in the copy of this number; 0 are those that are shipped."""
    kind, _, rest = mail.partition("/")
    return f"{kind}-{number}/{rest}" if number else mail


def _check(folder: Path) -> Spent:
    environ = variables() | {"XDG_CACHE_HOME": str(folder / "cache")}
    return started([sys.executable, "-m", "sequencer", "check", str(folder)], environ)


if __name__ == "__main__":
    sys.exit(main())
