"""docs/sequences.md explains every key, with examples that load."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from sequencer.workspace.keys import KEYS
from sequencer.workspace.nodes import Problems
from sequencer.workspace.parse import parse
from sequencer.workspace.sequences import load_sequences
from sequencer.workspace.settings import load_settings

from .conftest import content

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "sequences.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("key", sorted({key for keys in KEYS.values() for key in keys}))
def test_every_key_is_explained_and_shown(key: str) -> None:
    assert re.search(rf"`{key}[`:]|[{{]{key}:", PAGE), f"no word on `{key}`"
    assert re.search(rf"(^|[`{{\s-]){key}: ?", PAGE, re.MULTILINE), f"no example of {key}"


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_example_is_yaml(number: int) -> None:
    problems = Problems()
    assert parse("docs/sequences.md", EXAMPLES[number], problems) is not None
    assert problems.sorted() == ()


def test_the_example_of_a_whole_sequence_loads(good: Mapping[str, str]) -> None:
    workspace, _ = load_settings(good)
    assert workspace is not None
    whole = next(example for example in EXAMPLES if example.startswith("title:"))
    items = [
        content("sales/pricing", "calculator"),
        content("sales/roi"),
        content("sales/faq"),
        content("sales/case-study"),
    ]
    _, problems = load_sequences({"sequences/whole.yaml": whole}, workspace, {item.id: item for item in items})
    assert problems == ()


def test_the_examples_of_the_workspace_make_a_whole_one() -> None:
    found = {}
    for example in EXAMPLES:
        key = example.partition(":")[0]
        if key in KEYS["workspace"]:
            found[key] = example
    found["stages"] = "stages: [lead, sql, customer]\n"
    # Only its name is asked for.
    named = {"sequences/education.yaml": ""}
    _, problems = load_settings({"sequences/workspace.yaml": "".join(found.values()), **named})
    assert problems == ()
