"""How long `sequencer check` takes in a large workspace: cold, again, and after one file was edited.

    python -m benchmarks checking --sequences 1000

The shipped sequences and mails, copied under other names until there are so many of each. Every figure is of a process
of its own, as a person or a commit hook starts it.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.started import Spent, environment, shown, started
from sequencer.settings import variables

ROOT = Path(__file__).parents[1]
ROUNDS = 3
COPIED = ("education", "sales")
"""Folders of content, each a group of mails that a copied sequence goes through."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checking", description=__doc__)
    parser.add_argument("--sequences", type=int, default=1000, help="and as many content items")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    chosen = parser.parse_args(arguments)
    report = run(chosen.sequences)
    print(json.dumps(report, indent=2) if chosen.json else shown(report))
    return 0


def run(sequences: int) -> dict[str, Any]:
    """Cold once; what can be repeated, the median of some."""
    with tempfile.TemporaryDirectory(prefix="sequencer-check-") as temporary:
        folder = Path(temporary)
        files = workspace(sequences)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        cold = _check(folder)
        warm = sorted((_check(folder) for _ in range(ROUNDS)), key=lambda spent: spent.seconds)[ROUNDS // 2]
        edited = folder / next(name for name in files if name.startswith("content/education") and name.endswith(".md"))
        edited.write_text(edited.read_text(encoding="utf-8") + "\nOne line more.\n", encoding="utf-8")
        after_an_edit = _check(folder)
        layout = folder / "content/layouts/default.mjml"
        layout.write_text(layout.read_text(encoding="utf-8").replace("32px", "30px"), encoding="utf-8")
        return {
            "environment": environment(),
            "workspace": {
                "sequences": sum(name.startswith("sequences/") for name in files) - 1,
                "mails": sum(name.startswith("content/") and "/layouts/" not in name for name in files),
                "bytes": sum(map(len, files.values())),
            },
            "cold": cold.figures(),
            "warm": warm.figures(),
            "after an edit of one mail": after_an_edit.figures(),
            "after an edit of the layout": _check(folder).figures(),
        }


def workspace(sequences: int) -> Mapping[str, str]:
    """So many sequences, and about as many mails, in groups as large as the shipped one."""
    shipped = {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for folder, pattern in (("sequences", "*.yaml"), ("content", "**/*.m*"))
        for path in sorted((ROOT / folder).glob(pattern))
    }
    series = [name for name in shipped if name.startswith("sequences/") and name != "sequences/workspace.yaml"]
    mails = [name for name in shipped if name.split("/")[1] in COPIED]
    groups = max(1, round(sequences / len(mails)))
    first = series.index("sequences/sales-motivation.yaml")
    files = {name: text for name, text in shipped.items() if name not in series and name not in mails}
    for group in range(groups):
        for name in mails:
            kind, rest = name.removeprefix("content/").split("/", 1)
            files[f"content/{kind}-{group}/{rest}"] = shipped[name]
    for number in range(sequences):
        name = series[number % len(series)]
        text = shipped[name].replace("start: sales-motivation", f"start: sales-motivation-{first}")
        for kind in COPIED:
            text = text.replace(f"email: {kind}/", f"email: {kind}-{number % groups}/")
        files[f"{name.removesuffix('.yaml')}-{number}.yaml"] = text
    return files


def _check(folder: Path) -> Spent:
    environ = variables() | {"XDG_CACHE_HOME": str(folder / "cache")}
    return started([sys.executable, "-m", "sequencer", "check", str(folder)], environ)


if __name__ == "__main__":
    sys.exit(main())
