"""Words of people where a line of them is shown."""


def one_line(words: str, most: int) -> str:
    """The words in one line; behind so many characters `…` stands for the rest."""
    line = " ".join(words.split())
    return line if len(line) <= most else f"{line[:most]}…"
