"""Commands as a person starts them: what each takes, in a process of its own."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_KILOBYTES = 1024


@dataclass(frozen=True, slots=True)
class Spent:
    """Of one process and those it waited for."""

    seconds: float
    processor: float
    """Seconds, in user and system mode."""
    memory: int
    """Megabytes that were resident at most."""
    output: str

    def figures(self) -> dict[str, Any]:
        return {"seconds": round(self.seconds, 2), "processor": round(self.processor, 2), "MB": self.memory}


def started(command: Sequence[str], environ: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)) -> Spent:
    """Runs it to its end. Raises RuntimeError with what it said when its exit code is none of these."""
    began = time.monotonic()
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    with process.stdout as pipe:
        output = pipe.read().decode(errors="replace")
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise RuntimeError(f"{list(command)}: exit {process.returncode}\n{output}")
    return Spent(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss // _KILOBYTES, output)


def environment() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": len(os.sched_getaffinity(0)),
        "load": [round(load, 2) for load in os.getloadavg()],
        "memory, MB": _memory(),
    }


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _KILOBYTES**2


def shown(report: Mapping[str, Any]) -> str:
    """The same for people."""
    lines = []
    for name, value in report.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {inner}" for key, inner in value.items())
        lines.append(f"{name}: {value}")
    return "\n".join(lines)
