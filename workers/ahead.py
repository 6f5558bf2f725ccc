"""What is read from disk when a first lead needs it: names of countries, holidays, time zones.

It takes each process 0.1 s, in which its first claim would hold its leads, and 13 MB. So the process that forks the
others reads it for all of them.
"""

from sequencer.core.country import read_names
from sequencer.core.quiet import read_holidays
from sequencer.core.zones import zones


def read_ahead() -> None:
    read_names()
    read_holidays()
    zones()
