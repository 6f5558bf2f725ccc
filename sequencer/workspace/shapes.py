"""What a key of a workspace file may hold, said once: for JSON Schema, for the formatter, for the documentation."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Words:
    """A text. With `pattern` (a regular expression that ECMAScript reads, too) only texts of that form."""

    expected: str = "a text"
    """How a message calls it."""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of these words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """An expression over the lead. What holds one stands in block style: commas and quotes break flow style."""


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number from 1 on."""


@dataclass(frozen=True, slots=True)
class Flag:
    """`on` or `off`, however YAML reads them."""


@dataclass(frozen=True, slots=True)
class Block:
    """Keys, those of a place of FORMAT."""

    place: str


@dataclass(frozen=True, slots=True)
class Several:
    """A list."""

    of: "Shape"


@dataclass(frozen=True, slots=True)
class Named:
    """Freely named entries."""

    name: Words
    holds: "Shape"


@dataclass(frozen=True, slots=True)
class Either:
    """Any of these."""

    shapes: tuple["Shape", ...]


Shape: TypeAlias = Words | Choice | Condition | Count | Flag | Block | Several | Named | Either


@dataclass(frozen=True, slots=True)
class Key:
    """A key at one place."""

    name: str
    holds: Shape
    says: str
    """What it means, in a sentence or two that an editor shows."""
    example: str
    """What may stand behind `name: `, in flow style."""
    needed: bool = False


def either(*shapes: Shape) -> Either:
    return Either(shapes)


def anycase(*words: str) -> str:
    """A pattern for any of the words in small or capital letters: JSON Schema has no flags."""
    return "|".join("".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in word) for word in words)
