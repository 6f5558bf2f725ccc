"""What is measured.

    python -m benchmarks                the table of what must be shown, in short: some minutes
    python -m benchmarks --full         the same at full size: about an hour
    python -m benchmarks NAME …         one benchmark

A benchmark is a module of this package with a `main`; its docstring explains it. If it has `rows` too, they stand in
the table.
"""

import importlib
import pkgutil
import sys
from types import ModuleType

import benchmarks


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
    from benchmarks import report
    from benchmarks.servers import servers

    modules = known()
    names = "\n".join(f"  {name:<12} {(m.__doc__ or '').strip().splitlines()[0]}" for name, m in modules.items())
    parser = report.parser("", f"{__doc__}\n{names}")
    parser.add_argument("--full", action="store_true", help="at full size, the median of five rounds")
    chosen = parser.parse_args(arguments)
    with servers() as made:
        about = report.environment(made.engine)
    found: list[report.Row] = []
    for name, module in modules.items():
        if hasattr(module, "rows"):
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            found += module.rows(chosen.full)
    return report.rows(about, found, chosen.json)


if __name__ == "__main__":
    sys.exit(main())
