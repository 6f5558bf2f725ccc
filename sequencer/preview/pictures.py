"""Pictures of all mails, for reviews and slides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from sequencer.errors import InvalidInput
from sequencer.preview import chromium, dark
from sequencer.preview.desk import Desk
from sequencer.preview.readers import Reader

SHAPES: Final = (("desktop", 700, False), ("phone", 375, False), ("phone-dark", 375, True))
"""The name, the window's width in pixels, and whether it is a program in dark mode."""
READERS_PAGE: Final = "https://preview.invalid/"
"""Where a lead's own pages would be."""


class Taken(NamedTuple):
    """What became of one mail: its pictures, or why there are none."""

    item: str
    files: tuple[Path, ...] = ()
    problem: str = ""


def take(desk: Desk, reader: Reader, into: Path) -> Iterator[Taken]:
    """Writes `into/sales/pricing.desktop.png` and the like, each mail as it is done. Raises SequencerError."""
    sheet = desk.sheet
    with chromium.Chromium(chromium.find()) as browser:
        for item in sheet.items:
            try:
                html = sheet.mail(item, reader, READERS_PAGE).html
            except InvalidInput as error:
                yield Taken(item, problem=str(error))
                continue
            files = []
            for name, width, in_dark in SHAPES:
                file = into / f"{item}.{name}.png"
                picture = browser.picture(dark.shown(html, in_dark), width)
                try:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(picture)
                except OSError as error:
                    raise InvalidInput(f"{file} cannot be written: {error.strerror}") from error
                files.append(file)
            yield Taken(item, tuple(files))
