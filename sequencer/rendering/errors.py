"""What goes wrong while a mail is made for one lead."""

from sequencer.errors import SequencerError


class RenderingFailed(SequencerError):
    """This lead's mail cannot be rendered; others are not concerned."""

    def __init__(self, content: str, what: str) -> None:
        super().__init__(f"{content}: {what}")
        self.content = content
        self.what = what


class Unfit(SequencerError):
    """What a person wrote cannot go as a mail; the message says why, to who wrote it."""
