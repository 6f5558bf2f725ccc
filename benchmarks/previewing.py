"""How soon the preview shows what was saved: from the write of a file to the words in the mail on the page.

    python -m benchmarks previewing --rounds 20

The shipped workspace in a folder of its own, `sequencer preview` as a process, and a real Chromium with a mail open.
`editor`: a file is written beside the preview, as an editor does, at any moment between two of its looks. `pane`:
Ctrl-S in the edit pane. `layout`: a layout is written, with which many mails are compiled anew. The browser itself
looks for the words at each of its frames and notes when they are there: a figure is up to 17 ms too long.
"""

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.started import environment, shown
from sequencer.preview.chromium import find

ROOT = Path(__file__).parents[1]
MAIL = "content/sales/pricing.md"
LAYOUT = "content/layouts/personal.mjml"
SHOWN = (
    "text => document.querySelector('iframe:not(.next)')?.contentDocument?.body?.innerText.includes(text) && Date.now()"
)
"""The moment, in milliseconds of the machine's clock; false as long as the words are not there."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.previewing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="edits of each kind")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    chosen = parser.parse_args(arguments)
    report = run(chosen.rounds)
    print(json.dumps(report, indent=2) if chosen.json else shown(report))
    return 0


def run(rounds: int) -> dict[str, Any]:
    """Milliseconds: median and worst of each kind."""
    with tempfile.TemporaryDirectory(prefix="sequencer-preview-") as temporary:
        folder = Path(temporary)
        for name in ("sequences", "content", "examples"):
            shutil.copytree(ROOT / name, folder / name)
        mail, layout = (folder / MAIL).read_text("utf-8"), (folder / LAYOUT).read_text("utf-8")

        def in_editor(page: Page, words: str) -> None:
            (folder / MAIL).write_text(f"{mail}\n{words}\n", "utf-8")

        def in_pane(page: Page, words: str) -> None:
            page.get_by_label("Body").press("Control+s")

        def in_layout(page: Page, words: str) -> None:
            (folder / LAYOUT).write_text(layout.replace("{{ brand.name }}", f"{words} {{{{ brand.name }}}}"), "utf-8")

        kinds = {"editor": in_editor, "pane": in_pane, "layout": in_layout}
        with opened(folder) as page:
            found = {name: list(_rounds(page, name, act, rounds)) for name, act in kinds.items()}
        figures = {
            name: {"median ms": round(statistics.median(spent)), "worst ms": round(max(spent))}
            for name, spent in found.items()
        }
        return {"environment": environment(), "rounds": rounds, **figures}


@contextmanager
def opened(folder: Path) -> Iterator[Page]:
    """The page of one mail in a preview of the folder."""
    command = [sys.executable, "-m", "sequencer", "preview", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": 1200, "height": 900})
            page.goto(address)
            page.goto(f"{address.partition('/enter')[0]}/{MAIL.replace('content', 'mails').removesuffix('.md')}")
            page.wait_for_function(SHOWN, arg="Sooner or later")
            yield page
            browser.close()
    finally:
        process.terminate()
        process.wait()


def _rounds(page: Page, name: str, act: Callable[[Page, str], None], rounds: int) -> Iterator[float]:
    moments = random.Random(1)
    for number in range(rounds):
        words = f"{name} edit {number}"
        if name == "pane":
            page.get_by_label("Body").fill(words)
        # When all of the last one is done, anywhere between two looks of the preview.
        time.sleep(1 + moments.random() / 10)
        began = 1000 * time.time()  # noqa: TID251 - the one clock that the browser shares with us
        act(page, words)
        there: float = page.wait_for_function(SHOWN, arg=words).json_value()
        yield there - began


if __name__ == "__main__":
    sys.exit(main())
