"""`python -m sequencer`: the same as the `sequencer` command, for where the scripts of a venv are not on the path."""

from sequencer.cli import main

main(prog_name="sequencer")
