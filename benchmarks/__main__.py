"""What is measured.

    python -m benchmarks                the table of what must be shown, in short: some minutes
    python -m benchmarks --full         the same at full size, the median of five rounds: some half an hour
    python -m benchmarks NAME …         one benchmark

A benchmark is a module of this package with a `main`; its docstring explains it. Those of ORDER have `rows` too, which
stand in the table.
"""

import importlib
import pkgutil
import sys
import time
from contextlib import closing
from types import ModuleType

import benchmarks

ORDER = (
    *("sending", "steps", "snapshot", "journey", "ticks", "webhooks", "halting"),
    *("importing", "checking", "helping", "memory", "simulating"),
)
"""Of the table, as issue 4 has it."""


def known() -> dict[str, ModuleType]:
    """Every benchmark, by its name."""
    found = {
        module.name: importlib.import_module(f"benchmarks.{module.name}")
        for module in pkgutil.iter_modules(benchmarks.__path__)
        if not module.name.startswith("_")
    }
    return {name: module for name, module in found.items() if hasattr(module, "main")}


def main() -> int:
    name, *rest = sys.argv[1:] or [""]
    if name and not name.startswith("-"):
        if name not in (modules := known()):
            print(f"no benchmark {name}: expected one of {', '.join(modules)}", file=sys.stderr)
            return 2
        return int(modules[name].main(rest))
    return table(sys.argv[1:])


def table(arguments: list[str]) -> int:
    from benchmarks import apart, report
    from benchmarks.servers import servers

    modules = known()
    names = "\n".join(f"  {name:<12} {(m.__doc__ or '').strip().splitlines()[0]}" for name, m in modules.items())
    parser = report.parser("", f"{__doc__}\n{names}")
    parser.add_argument("--full", action="store_true", help="at full size, the median of five rounds")
    chosen = parser.parse_args(arguments)
    with servers() as made:
        about = report.environment(made.engine)
    found: list[report.Row] = []
    spent: dict[str, float] = {}
    failed: list[str] = []
    for name in ORDER:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        began = time.monotonic()
        try:
            with closing(apart.rows(f"benchmarks.{name}", chosen.full)) as rows:
                for row in rows:
                    # At once: who stops a long run has what was measured until then.
                    print(f"  {row.what}: {row.measured}, {row.target}", file=sys.stderr, flush=True)
                    found.append(row)
        except apart.Failed:
            failed.append(name)
        spent[name] = time.monotonic() - began
        print(f"  {spent[name]:.0f} s{', FAILED' * (name in failed)}", file=sys.stderr, flush=True)
    return report.rows(about, found, spent, failed, chosen.json)


if __name__ == "__main__":
    sys.exit(main())
