"""Short forms of `python -m benchmarks.fuzz`, and what it has found."""
