"""Declared fields of a lead, as conditions, CSV columns, forms and templates share them."""

from dataclasses import dataclass
from typing import Literal

FieldType = Literal["text", "number", "date", "flag", "one_of", "some_of"]


@dataclass(frozen=True, slots=True)
class Field:
    """A declared field of the lead; `choices` for one_of and some_of."""

    name: str
    type: FieldType
    choices: tuple[str, ...] = ()
    ask: str = ""
