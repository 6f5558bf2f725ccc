"""Errors a person may read: each says what is wrong and what to do about it."""


class SequencerError(Exception):
    """Anything this package refuses. The text is meant for the person at the terminal."""


class InvalidWorkspace(SequencerError):
    """The workspace has problems; `check` prints them one by one."""


class InvalidInput(SequencerError):
    """Something from outside (a row, a request, an option) is not what it should be."""


class NotFound(SequencerError):
    """A lead, sequence or step that does not exist."""


class Misconfigured(SequencerError):
    """The environment lacks something or contradicts itself."""
