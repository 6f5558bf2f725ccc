"""What is measured, and what is tormented: `python -m benchmarks.NAME`."""
