"""What people most likely meant where YAML gave up: the place, the reason, and the corrected line."""

import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from sequencer.core.codes import Code
from sequencer.workspace.keys import EVERY_KEY


@dataclass(frozen=True, slots=True)
class Mistake:
    """Line and column count from 1."""

    line: int
    column: int
    code: Code
    message: str


ENTRY: Final = re.compile(r"(?P<lead>\s*(?:- )*(?:[\w-]+: )?)(?P<value>\S.*)")
"""A line of block style: what leads up to a value, and the value."""

KEY: Final = re.compile(r"\s*(?P<key>[\w-]+):(?:\s|$)")

PAIRS: Final = {"{": "}", "[": "]", "(": ")"}


def explain(text: str, error: yaml.YAMLError) -> Mistake:
    """What to say of an error of the YAML parser."""
    mark: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return Mistake(1, 1, "syntax", f"this is not YAML: {error}")
    lines = text.split("\n")
    problem = getattr(error, "problem", None) or "not YAML"
    context = getattr(error, "context", None) or ""
    context_mark: Any = getattr(error, "context_mark", None) or mark
    here: tuple[int, int] = (
        (mark.line + 1, mark.column + 1) if mark.line < len(lines) else (len(lines), len(lines[-1]) + 1)
    )
    began = (context_mark.line + 1, context_mark.column + 1)
    line = lines[mark.line] if mark.line < len(lines) else ""

    indent = line[: len(line) - len(line.lstrip())]
    if "\t" in indent:
        return Mistake(here[0], indent.index("\t") + 1, "tab", "a tab indents this line: replace it by two spaces")
    if "flow" in context and (bracket := _open_bracket(lines, mark.line, mark.column)) is not None:
        return Mistake(*bracket, "flow-style", in_block_style(text, *bracket))
    if "quoted scalar" in context and "end of stream" in problem:
        return Mistake(*began, "quotes", "this quote is never closed: write the same quote at the end of the text")
    if (opened := _open_quote(lines, mark.line)) is not None:
        return Mistake(
            *opened, "quotes", "this quote is not closed on its line: write the same quote at the end of the text"
        )
    if corrected := in_quotes(line, mark.column):
        return Mistake(*here, "quotes", f"this text must stand in quotes, write:\n{corrected}")
    if (fused := _fused_key(lines, mark.line)) is not None:
        return fused
    if "simple key" in context:
        return Mistake(*began, "syntax", "expected `key: value`, got a line without a colon and a space")
    if "block" in context or "mapping values" in problem or "violates" in problem:
        return Mistake(
            here[0],
            len(indent) + 1,
            "syntax",
            "this line begins in a column of its own: expected it below the first letter of the lines it belongs to",
        )
    return Mistake(*here, "syntax", f"this is not YAML: {problem}")


FUSED: Final = re.compile(r"(?P<lead>\s*(?:- )*)(?P<key>[a-z_]+):(?P<value>[^\s:/].*)")
"""`key:value`, which YAML takes for one word."""


def _fused_key(lines: list[str], last: int) -> Mistake | None:
    """A colon without a space, on this line or the one before it."""
    for number in range(min(last, len(lines) - 1), max(last - 2, -1), -1):
        if (match := FUSED.fullmatch(lines[number])) and match["key"] in EVERY_KEY:
            message = f"a colon needs a space after it, write:\n{match['lead']}{match['key']}: {match['value']}"
            return Mistake(number + 1, match.end("key") + 1, "syntax", message)
    return None


def _open_bracket(lines: list[str], line: int, column: int) -> tuple[int, int] | None:
    """The last `{` or `[` before this place (from 0) that nothing closes before it."""
    closed = 0
    for number in range(min(line, len(lines) - 1), -1, -1):
        for index in range((column if number == line else len(lines[number])) - 1, -1, -1):
            if lines[number][index] in "]}":
                closed += 1
            elif lines[number][index] in "[{":
                if not closed:
                    return number + 1, index + 1
                closed -= 1
    return None


def _open_quote(lines: list[str], last: int) -> tuple[int, int] | None:
    """Where a text begins with a quote that only a later quote, up to the line `last`, closes by chance."""
    for number in range(max(0, last - 20), last):
        match = ENTRY.fullmatch(lines[number])
        if match and match["value"][0] in "\"'" and match["value"].count(match["value"][0]) % 2:
            return number + 1, match.start("value") + 1
    return None


def in_quotes(line: str, column: int) -> str | None:
    """The line with its value in quotes, if the value is what YAML stumbled over at that column (from 0)."""
    match = ENTRY.fullmatch(line)
    if match is None or column < match.start("value"):
        return None
    value = match["value"].rstrip()
    torn = value[0] in "\"'[{" or value[0] in "@`%&*!|>," or ": " in value or value.endswith(":")
    if not torn or not match["lead"].strip():
        return None
    return match["lead"] + quoted(value)


def quoted(value: str) -> str:
    """The value between quotes that it does not hold itself, if there are any."""
    if "'" not in value:
        return f"'{value}'"
    if '"' not in value and "\\" not in value:
        return f'"{value}"'
    return "'" + value.replace("'", "''") + "'"


def in_block_style(text: str, line: int, column: int) -> str:
    """Why `{…}` or `[…]` at this place (from 1) cannot be read, and the same one key a line."""
    lines = text.split("\n")
    head = lines[line - 1][: column - 1]
    rest = "\n".join([lines[line - 1][column - 1 :], *lines[line:]])
    if rest[0] not in PAIRS:
        # YAML reads `[a: b]` as a list that holds keys, which have no bracket of their own.
        return "keys inside `[…]` break at commas and quotes: write one key a line, without the brackets"
    inside = enclosed(rest)
    if inside is None:
        return f"the `{rest[0]}` here is never closed: write `{PAIRS[rest[0]]}` at its end"
    reason = f"commas and quotes inside a value break `{rest[0]}…{PAIRS[rest[0]]}`"
    corrected = _rewritten(head, rest[0], inside)
    if corrected is None:
        return f"{reason}: write one key a line, without the braces"
    return f"{reason}, write:\n{corrected}"


def _rewritten(head: str, opening: str, inside: str) -> str | None:
    parts = split(inside, keys=opening == "{")
    if not parts or not all(parts) or (opening == "{" and not all(KEY.match(part) for part in parts)):
        return None
    if opening == "[":
        parts = [f"- {plain(part)}" for part in parts]
    else:
        parts = [f"{key}: {plain(value.strip())}" for key, _, value in (part.partition(":") for part in parts)]
    indent = head[: len(head) - len(head.lstrip())]
    if head.rstrip().endswith(":"):
        inner = indent + "  " * (1 + head.lstrip().startswith("- "))
        return "\n".join([head.rstrip(), *(inner + part for part in parts)])
    if head.strip() == "-":
        inner = " " * len(head)
        return "\n".join([head + parts[0], *(inner + part for part in parts[1:])])
    return None


def plain(value: str) -> str:
    """The value as it may stand in block style: in quotes where it begins like something else."""
    if value[:1] in "\"'" and value[-1:] != value[:1]:
        return quoted(value)
    return quoted(value) if ": " in value and value[:1] not in "\"'[{" else value


def enclosed(text: str) -> str | None:
    """What stands between the bracket that the text begins with and its partner, on one line; None without partner."""
    depth: list[str] = []
    quote = ""
    for index, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in PAIRS:
            depth.append(PAIRS[character])
        elif depth and character == depth[-1]:
            depth.pop()
            if not depth:
                return " ".join(text[1:index].split())
    return None


def split(inside: str, keys: bool) -> list[str]:
    """The parts between the commas that separate: those outside brackets and quotes (and before a key, with `keys`)."""
    parts = [""]
    depth = 0
    quote = ""
    for index, character in enumerate(inside):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0 and (not keys or KEY.match(inside[index + 1 :])):
            parts.append("")
            continue
        parts[-1] += character
    return [part.strip() for part in parts if part.strip()]
