"""docs/guarantees.md: no claim without a test's name, no name without a test."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
CITED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), CITED)
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promise_in_the_tables_names_a_test() -> None:
    rows = re.findall(r"^\| (?!promise)([^|]+) \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    assert len(rows) > 30
    assert [promise for promise, tests in rows if "`tests/" not in tests] == []


@pytest.mark.parametrize("module", re.findall(r"`python -m ([\w.]+)", PAGE))
def test_every_command_is_there(module: str) -> None:
    path = ROOT / module.replace(".", "/")
    assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
