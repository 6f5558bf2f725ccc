"""The schemas that editors use: current, explained, and of one mind with the loader."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator

from sequencer.cli import main
from sequencer.workspace.format import FORMAT, ROOTS
from sequencer.workspace.load import read_files, read_scenarios
from sequencer.workspace.nodes import Problems
from sequencer.workspace.parse import parse
from sequencer.workspace.schema import as_json, example, schema_files
from sequencer.workspace.schema import schema as schema_of

from .conftest import GOOD, load
from .mistakes import broken
from .test_fuzz import mutated

ROOT = Path(__file__).parents[2]
KEYS = [(place, key) for place, keys in FORMAT.items() for key in keys]


schema = cache(schema_of)
"""Made of all that FORMAT says: the tests of single keys look at it some thousand times."""


@cache
def validator(root: str) -> Draft202012Validator:
    return Draft202012Validator(schema(root))


def root_of(file: str) -> str:
    if file.startswith("sequences/scenarios/"):
        return "scenarios"
    name = file.removeprefix("sequences/").removesuffix(".yaml")
    return name if name in ROOTS else "sequence"


def complaints(file: str, text: str) -> list[str]:
    """What an editor would underline."""
    node = parse(file, text, Problems())
    assert node is not None
    found = validator(root_of(file)).iter_errors(as_json(node))
    return sorted(f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in found)


def test_the_committed_schemas_are_current() -> None:
    committed = {path.name: path.read_text("utf-8") for path in (ROOT / "schemas").iterdir()}
    assert committed == schema_files(), "run `sequencer schema`"


@pytest.mark.parametrize("root", ROOTS)
def test_each_is_a_schema_of_the_2020_12_dialect(root: str) -> None:
    assert schema(root)["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema(root))


@pytest.mark.parametrize(("place", "key"), KEYS, ids=[f"{place}-{key.name}" for place, key in KEYS])
def test_every_key_has_a_sentence_and_an_example_that_fits(place: str, key) -> None:  # type: ignore[no-untyped-def]
    assert key.says.endswith(".")
    found = next(
        defs["properties"][key.name]
        for root in ROOTS
        for defs in ([schema(root)] if place == root else [schema(root)["$defs"].get(name_of(place), {})])
        if key.name in defs.get("properties", {})
    )
    shown = as_json(example(key))
    assert (found["description"], found["examples"]) == (key.says, [shown])
    whole = next({**found, "$defs": schema(root)["$defs"]} for root in ROOTS if refers(found, schema(root)))
    assert [error.message for error in Draft202012Validator(whole).iter_errors(shown)] == []


def name_of(place: str) -> str:
    return place.replace(": ", "-").replace(".", "-")


def refers(found: Mapping[str, object], whole: Mapping[str, dict[str, object]]) -> bool:
    """Whether the whole schema holds what this property refers to."""
    text = str(found)
    return all(f"#/$defs/{name}'" not in text or name in whole["$defs"] for name in name_of_every_place())


def name_of_every_place() -> list[str]:
    return [name_of(place) for place in (*FORMAT, "step")]


@pytest.mark.parametrize("folder", [ROOT, GOOD], ids=["shipped", "good"])
def test_the_schemas_accept_what_is_fine(folder: Path) -> None:
    files = {name: text for name, text in read_files(folder).items() if name.endswith(".yaml")}
    assert [complaint for name, text in files.items() for complaint in complaints(name, text)] == []


def test_the_schema_accepts_the_shipped_scenarios() -> None:
    files = read_scenarios(ROOT)
    assert len(files) > 4
    assert [complaint for name, text in files.items() for complaint in complaints(name, text)] == []


def test_every_shipped_file_names_its_schema() -> None:
    for path in (ROOT / "sequences").rglob("*.yaml"):
        first = path.read_text("utf-8").splitlines()[0]
        file = path.relative_to(ROOT).as_posix()
        name = f"{'../' * file.count('/')}schemas/{root_of(file)}.json"
        assert first == f"# yaml-language-server: $schema={name}"
        assert (path.parent / name).is_file()


BROKEN = [
    ("guide", "state: draft", "sate: draft", ": 'state' is a required property"),
    ("guide", "state: draft", "state: drafted", "state: 'drafted' is not one of "),
    ("guide", "enroll: {when: manual}", "enroll: {again: never}", "enroll: {'again': 'never'} is not valid under any"),
    ("guide", "pressure: exempt", "pressure: none", "pressure: 'none' is not one of ['exempt']"),
    ("guide", "- email: guides/handbook", "- mail: guides/handbook", "steps/0: {'mail': 'guides/handbook'} is not "),
    ("motivation", 'goal: did("meeting_booked")', "goal: [replied()]", "goal: ['replied()'] is not of type "),
    ("motivation", "after 180 days", "180 days", "enroll/again: '180 days' does not match "),
    ("motivation", "days: mon-fri", "days: monday", "hours/days: 'monday' is not valid under any"),
    ("motivation", "max_lateness: 2 days", "max_lateness: 2", "max_lateness: 2 is not of type 'string'"),
    ("motivation", "- wait: 1 day", "- wait: 1 dayz", "steps/1: "),
    ("workspace", "email: mara@mail", "email: mail", "senders/marketing/email: 'mail.kestrel.example' does not match"),
    (
        "workspace",
        "  industry: {one_of: [retail, logistics]}",
        "  industry: retail",
        "fields/industry: 'retail' is not",
    ),
    ("workspace", "employees: {number: true}", "employees: {number: yes}", "fields/employees/number: 'yes' is not one"),
    ("workspace", "day: 1", "day: 0", "pressure/day: 0 is not valid under any of the given schemas"),
    ("workspace", "default: off", "default: never", "topics/news: "),
    ("workspace", "name: Ben Okafor", "nam: Ben Okafor", "reps/ben@kestrel.example: 'name' is a required property"),
]


@pytest.mark.parametrize(("file", "old", "new", "expected"), BROKEN)
def test_the_schemas_refuse_mistakes(good: Mapping[str, str], file: str, old: str, new: str, expected: str) -> None:
    name = f"sequences/{file}.yaml"
    text = broken(good, file, old, new)[name]
    assert any(expected in complaint for complaint in complaints(name, text)), complaints(name, text)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_what_the_loader_accepts_the_schemas_accept(files: Mapping[str, str]) -> None:
    if any(problem.severity == "error" for problem in load(files)):
        return
    yaml = {name: text for name, text in files.items() if name.endswith(".yaml")}
    assert [complaint for name, text in yaml.items() for complaint in complaints(name, text)] == []


def test_the_command_writes_them_and_says_when_they_are_stale(tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, ["schema", str(tmp_path / "out"), *arguments])
        return result.exit_code, result.output.replace(f"{tmp_path}/", "")

    stale = "is out of date: run `sequencer schema`"
    names = [f"{root}.json" for root in ROOTS]
    assert run("--check") == (1, "".join(f"out/{name} {stale}\n" for name in names))
    assert run() == (0, "".join(f"out/{name} written\n" for name in names))
    assert run("--check") == (0, f"out is current: {', '.join(names)}\n")
    (tmp_path / "out" / "sequence.json").write_text("{}", "utf-8")
    assert run("--check") == (1, f"out/sequence.json {stale}\n")
