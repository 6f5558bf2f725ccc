"""What a worker imports is what each start of a dyno costs; what is only for compiling and for people is not in it."""

import subprocess
import sys

from sequencer.rendering.names import TemplateNames
from sequencer.services.contents import compile_contents
from sequencer.services.release import pack
from tests.workspaces import files

NOT_NEEDED = (
    "markdown_it",
    "lxml",
    "inscriptis",
    "mjml",
    "multiprocessing",
    "alembic",
    "starlette",
    "uvicorn",
    "click",
    "sequencer.services.contents",
    "sequencer.rendering.compile",
    "sequencer.rendering.edit",
    "sequencer.workspace.across",
    "sequencer.workspace.schema",
    "sequencer.core.simulate",
    "sequencer.sandbox",
    "sequencer.web",
    "sequencer.cli",
)

WELCOME = """
title: Welcome
state: live
topic: guides
enroll:
  when: manual
from: marketing
steps:
  - email: one
"""

STARTED = f"""
import sys
import workers.runner, workers.supervisor
from sequencer.services.release import unpack

release = unpack(1, "digest", sys.stdin.buffer.read())
print(*release.contents, "|", *(name for name in {NOT_NEEDED} if name in sys.modules))
"""


def test_a_worker_imports_nothing_of_what_only_compiling_needs_also_when_it_loads_a_release() -> None:
    written = files(welcome=WELCOME)
    contents, problems = compile_contents(written, TemplateNames(frozenset()))
    assert () == problems
    packed, _ = pack(written, contents)
    done = subprocess.run([sys.executable, "-c", STARTED], input=packed, capture_output=True, check=True)
    loaded, imported = done.stdout.decode().split("|")
    assert (sorted(contents), []) == (sorted(loaded.split()), imported.split())


FORKED = """
import sys
from datetime import date
import sequencer.core.zones
import workers.supervisor
from workers.ahead import read_ahead

read_ahead()
before, sequencer.core.zones.available_timezones = set(sys.modules), None
from sequencer.core.lead_input import is_zone
from sequencer.core.quiet import quiet

print(date(2026, 12, 26) in quiet(frozenset(), "Germany", None), is_zone("Europe/Berlin"), *set(sys.modules) - before)
"""


def test_what_the_first_lead_needs_is_read_before_any_fork() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["True", "True"]
