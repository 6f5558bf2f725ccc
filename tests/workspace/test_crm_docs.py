"""docs/crm.md: its examples load, and do what the page says."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sequencer.core.crm import WRITTEN
from sequencer.core.crm_ready import READY
from sequencer.core.crm_said import read_body, typed
from sequencer.core.target_call import HandoffTarget
from sequencer.workspace.settings import load_settings
from sequencer.workspace.signals import SIGNALS_FILE, load_signals
from tests.workspaces import WORKSPACE

from .test_docs import EXAMPLES

PAGE = (Path(__file__).parents[2] / "docs" / "crm.md").read_text("utf-8")
YAML = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
JSON = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
AROUND = {example.partition(":")[0]: example for example in EXAMPLES if re.match("(brand|fields):", example)}
BASE = "".join(AROUND.values()) + "stages: [subscriber, lead, mql, sql, customer]\n"
REPS = "reps:\n  ana@kestrel.example: {name: Ana Ruiz}\n"


def test_every_ready_mapping_stands_in_the_table_and_in_the_example() -> None:
    workspace, problems = load_settings({"sequences/workspace.yaml": BASE + YAML[0]})
    assert problems == () and workspace is not None and workspace.crm is not None
    table = PAGE.partition("### Another CRM")[0]
    named = set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)) - {"like"}
    assert set(workspace.crm.webhooks) == set(READY) == named


def test_the_mapping_of_ones_own_reads_the_body_that_the_page_shows() -> None:
    workspace, problems = load_settings({"sequences/workspace.yaml": BASE + REPS + YAML[1]})
    assert problems == () and workspace is not None and workspace.crm is not None
    [told] = read_body(workspace.crm.webhooks["our-crm"], JSON[0].encode(), datetime(2026, 11, 24, tzinfo=UTC))
    assert (told.email, told.contact, told.kinds) == ("kim@harbor.example", "5", ("call_logged",))
    assert (told.rep, told.note) == ("ana@kestrel.example", "Wants an offer")
    assert typed(workspace, workspace.crm, "kim@harbor.example", told.values) == ({"stage": "sql"}, {})


def test_what_is_written_back_is_declared_as_the_page_shows() -> None:
    [example] = [one for one in YAML if "write_back" in one]
    workspace, problems = load_settings({"sequences/workspace.yaml": BASE + example})
    assert problems == () and workspace is not None and workspace.crm is not None
    declared = workspace.crm.write_back
    assert declared is not None and (declared.to, declared.every) == ("hubspot", timedelta(minutes=30))
    assert set(declared.fields) == set(WRITTEN)


def test_the_target_is_declared_as_the_page_shows() -> None:
    workspace, _ = load_settings({"sequences/workspace.yaml": WORKSPACE})
    assert workspace is not None
    [example] = [one for one in YAML if one.startswith("handoff")]
    ready = 'sales_ready: did("demo_requested")\n'
    found, problems = load_signals({SIGNALS_FILE: ready + example}, workspace, {})
    assert problems == () and found.signals is not None and found.signals.handoff is not None
    assert found.signals.handoff.targets == {"sales": HandoffTarget("sales", "crm", "", "hubspot")}
