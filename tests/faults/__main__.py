"""`python -m tests.faults`: makes every operation of a small run go wrong once, and says which promises broke."""

import argparse
import logging
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from sequencer.local import postgres, valkey
from tests.faults import nth
from tests.faults.nth import Case, Servers
from tests.faults.provider import Provider

EVERY = 60.0
"""Seconds between two words on how far it is."""


def slice_of(words: str) -> slice:
    """Of `2/8`: the second of eight parts. Raises ValueError."""
    which, _, of = words.partition("/")
    if not 1 <= int(which) <= int(of):
        raise ValueError
    return slice(int(which) - 1, None, int(of))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--seconds",
        type=float,
        default=float("inf"),
        help="an even sample of so many seconds, after the run without faults",
    )
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--benches", type=int, default=2, help="cases at a time")
    parser.add_argument(
        "--slice", type=slice_of, default=slice(None), metavar="K/N", help="every Nth case from the Kth on: 1/8"
    )
    parser.add_argument("--case", nargs=3, metavar=("STAGE", "NUMBER", "WAY"), help="this one only: 2 17 'die after'")
    asked = parser.parse_args()
    began = time.monotonic()
    logging.disable(logging.CRITICAL)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sequencer-nth-")))
        # First, while nothing is open that a child should not share.
        provider = Provider.start()
        stack.callback(provider.stop)
        url = stack.enter_context(postgres(folder / "postgres", throwaway=True))
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        servers = Servers(url, stack.enter_context(valkey(folder / "valkey")), provider, folder)
        return report(servers, asked, began)


def report(servers: Servers, asked: argparse.Namespace, began: float) -> int:
    nth.warm(servers)
    found = nth.faultless(servers)
    if found.problems:
        print("without any fault:", *found.problems, sep="\n  ")
        return 1
    labels = [label for stage in found.operations for label in stage]
    kinds = Counter(label.partition(" ")[0] for label in labels)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    print(f"{len(labels)} operations in {len(found.operations)} stages: {counted}", flush=True)
    every = found.cases(asked.seed)
    repeated = sum(map(found.repeats, every))
    print(f"{len(every)} cases; of {repeated} that die before one, others die after the one before it", flush=True)
    if asked.case is not None:
        wanted = [Case(int(asked.case[0]), int(asked.case[1]), asked.case[2])]
    else:
        wanted = [case for case in every[asked.slice] if not found.repeats(case)]
    ran, bad, others, ways = 0, 0, 0, Counter[str]()
    told = time.monotonic()
    # Not counting what came before: on a busy machine that alone may take as long, and nothing would be tried.
    for verdict in nth.judged(servers, wanted, found, asked.seconds, asked.benches):
        ran += 1
        ways[verdict.case.way] += 1
        others += not verdict.as_planned
        if verdict.problems:
            bad += 1
            print(verdict, flush=True)
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            print(f"… {ran} of {len(wanted)}, {told - began:.0f} seconds", flush=True)
    print(f"{ran} of {len(every) - repeated} cases: {', '.join(f'{ways[way]} {way}' for way in sorted(ways))}")
    if others:
        print(f"{others} of them struck another operation than the one of that number in the run without faults")
    print(f"{bad} broke a promise; {time.monotonic() - began:.0f} seconds")
    return 1 if bad or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
