"""`python -m benchmarks NAME …`: a benchmark is a module of this package with a `main`; its docstring explains it."""

import importlib
import pkgutil
import sys

import benchmarks


def names() -> list[str]:
    """Of every benchmark."""
    found = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if not module.name.startswith("_")]
    return [name for name in found if hasattr(importlib.import_module(f"benchmarks.{name}"), "main")]


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in names():
        print("python -m benchmarks NAME, where NAME is one of\n")
        for name in names():
            summary = (importlib.import_module(f"benchmarks.{name}").__doc__ or "").strip().splitlines()[0]
            print(f"  {name:<12} {summary}")
        return 0 if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help") else 2
    return int(importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
