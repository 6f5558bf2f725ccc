"""Logging, set up in one place: one line an event on standard output, without personal data."""

import logging
import logging.config
import traceback

_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class OneLine(logging.Formatter):
    """Keeps an event on one line; of an exception it says what `describe` says."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        record = logging.makeLogRecord(record.__dict__ | {"exc_info": None, "exc_text": None, "stack_info": None})
        line = super().format(record)
        if error is not None:
            line += f": {describe(error)}"
        return line.replace("\r", " ").replace("\n", " ")


def configure(level: str = "INFO") -> None:
    """What every process calls once, before anything else logs."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": "sequencer.logs.OneLine", "format": _FORMAT}},
            "handlers": {
                "out": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "line"},
            },
            "root": {"level": "WARNING", "handlers": ["out"]},
            "loggers": {
                "sequencer": {"level": level},
                "workers": {"level": level},
                "uvicorn.error": {"level": level},
            },
        }
    )


def describe(error: BaseException) -> str:
    """The kind of an exception and where it was raised, in our code as far as possible.

    Never its text: a database quotes the row that it refuses, and rows hold people.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "site-packages" not in frame.filename]
    if not frames:
        return type(error).__name__
    place = (ours or frames)[-1]
    return f"{type(error).__name__} in {place.name} ({place.filename.rpartition('/')[2]}:{place.lineno})"
