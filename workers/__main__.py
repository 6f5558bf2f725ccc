"""`python -m workers`."""

import sys

from sequencer.errors import SequencerError
from sequencer.logs import configure
from sequencer.settings import Settings
from workers.runner import LED, ONLY_ONE, run


def main() -> int:
    try:
        settings = Settings.read()
        configure(settings.log_level)
        return run(settings, one=ONLY_ONE in sys.argv[1:], led=LED in sys.argv[1:])
    except SequencerError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
