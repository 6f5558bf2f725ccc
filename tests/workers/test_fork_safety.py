"""Nothing is opened at import, nor by a parent before its children are started."""

import json
import subprocess
import sys

from sequencer.settings import variables

IMPORT_EVERYTHING = """
import importlib, json, pkgutil, threading
import psutil
import sequencer, workers
names = [m.name for p in (sequencer, workers) for m in pkgutil.walk_packages(p.__path__, p.__name__ + ".")]
for name in names:
    if not name.endswith("__main__") and ".migrations" not in name:
        importlib.import_module(name)
process = psutil.Process()
print(json.dumps({
    "modules": len(names),
    "threads": [t.name for t in threading.enumerate()],
    "connections": len(process.net_connections("all")),
    "children": len(process.children()),
}))
"""


def test_importing_everything_opens_no_connection_and_starts_no_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING], env=variables(), capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found.pop("modules") > 150
    assert {"threads": ["MainThread"], "connections": 0, "children": 0} == found


def test_building_a_context_opens_nothing() -> None:
    code = """
import psutil, threading
from sequencer.settings import Settings
from sequencer.wiring import build
context = build(Settings.read())
print(len(psutil.Process().net_connections("all")), threading.active_count())
"""
    given = {"DATABASE_URL": "postgresql://u@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables() | given, capture_output=True, text=True, check=True
    )
    assert "0 1" == done.stdout.strip()
