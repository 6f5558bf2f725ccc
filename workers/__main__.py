"""`python -m workers`."""

import gc
import sys

from workers.signals import stop_on_signal


def main() -> int:
    stopping = stop_on_signal()
    # What is imported stays: looking for circles in it over and over takes a sixth of a start. Enabled again below.
    gc.disable()
    # Only now: a dyno may be told to go while it starts, and what the workers need takes a second to import.
    from sequencer.errors import SequencerError
    from sequencer.logs import configure
    from sequencer.settings import Settings
    from workers.ahead import read_ahead
    from workers.role import Role

    role = Role.read(sys.argv[1:])
    try:
        settings = Settings.read()
        configure(settings.log_level)
        settings.need("REDIS_URL", "SECRET_KEY", "PUBLIC_URL")
        read_ahead()  # before any fork
        if role.led:
            from workers.runner import work

            return 0 if stopping.is_set() else work(settings, role, stopping)
        from workers.supervisor import supervise

        return supervise(settings, role, stopping)
    except SequencerError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
