"""JSON Schemas (2020-12) of the workspace's files, for editors: completion, hover and errors while typing.

They refuse nothing that the loader accepts. The loader refuses more: what is declared in another file, what a condition
may ask, and what only `check` can see. Beside the standard's keywords they hold two of yaml-language-server:
`patternErrorMessage`, shown in place of the pattern, and `markdownDescription`, in place of the description.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from sequencer.workspace.format import ANY_OF, FORMAT, ROOTS, STEP_PLACES, whole
from sequencer.workspace.nodes import Items, Map, Node, Problems, Text
from sequencer.workspace.parse import parse
from sequencer.workspace.shapes import (
    Block,
    Choice,
    Condition,
    Count,
    Either,
    Flag,
    Key,
    Named,
    Several,
    Shape,
    Words,
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_SCALAR: Final = ["string", "number", "boolean"]
_NUMBER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")


def schema_files() -> Mapping[str, str]:
    """Every schema as the text of its file, by the file's name: `sequence.json`."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return {f"{root}.json": orjson.dumps(schema(root), option=option).decode() for root in ROOTS}


def schema(root: str) -> dict[str, Any]:
    """The schema of one of ROOTS."""
    title, says = ROOTS[root]
    below: dict[str, Any] = {}
    shape = whole(root)
    todo = list(_blocks_of(root) if isinstance(shape, Block) else _blocks_in(shape))
    while todo:
        place = todo.pop()
        if place not in below:
            below[place] = None
            todo += _blocks_of(place)
    return {
        "$schema": DIALECT,
        "title": title,
        "description": says,
        **(_place(root) if isinstance(shape, Block) else _shape(shape)),
        "$defs": {_name(place): _place(place) for place in sorted(below)},
    }


def _name(place: str) -> str:
    return place.replace(": ", "-").replace(".", "-")


def _blocks_of(place: str) -> Iterator[str]:
    """The places that this one refers to."""
    if place == "step":
        yield from STEP_PLACES
        return
    for key in FORMAT[place]:
        yield from _blocks_in(key.holds)


def _blocks_in(shape: Shape) -> Iterator[str]:
    match shape:
        case Block(place):
            yield place
        case Several(inner) | Named(_, inner):
            yield from _blocks_in(inner)
        case Either(shapes):
            for inner in shapes:
                yield from _blocks_in(inner)


def _place(place: str) -> dict[str, Any]:
    if place == "step":
        return {"anyOf": [{"$ref": f"#/$defs/{_name(kind)}"} for kind in STEP_PLACES]}
    keys = FORMAT[place]
    found: dict[str, Any] = {
        "type": "object",
        "properties": {key.name: _property(key) for key in keys},
        "additionalProperties": False,
    }
    if needed := [key.name for key in keys if key.needed]:
        found["required"] = needed
    if place in ANY_OF:
        found["anyOf"] = [{"required": [name]} for name in ANY_OF[place]]
    return found


def _property(key: Key) -> dict[str, Any]:
    marked = {"markdownDescription": key.says} if "`" in key.says else {}
    return {"description": key.says, **marked, **_shape(key.holds), "examples": [as_json(example(key))]}


def _shape(shape: Shape) -> dict[str, Any]:
    match shape:
        case Words(expected, pattern) if pattern:
            types = ["string"]
            types += [name for name, text in (("number", "0"), ("boolean", "true")) if re.match(pattern, text)]
            message = f"expected {expected}"
            return {"type": types if len(types) > 1 else "string", "pattern": pattern, "patternErrorMessage": message}
        case Words():
            return {"type": _SCALAR}
        case Choice(words):
            return {"enum": [*([True] if "true" in words else []), *words]}
        case Condition():
            return {"type": ["string", "boolean"]}
        case Count():
            message = "expected a whole number from 1 on"
            pattern = "^[1-9][0-9]{0,5}$"
            types = ["integer", "string"]
            return {
                "type": types,
                "minimum": 1,
                "maximum": 999_999,
                "pattern": pattern,
                "patternErrorMessage": message,
            }
        case Flag():
            pattern = "^([oO][nN]|[oO][fF][fF]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE]|[yY][eE][sS]|[nN][oO])$"
            return {"type": ["boolean", "string"], "pattern": pattern, "patternErrorMessage": "expected `on` or `off`"}
        case Block(place):
            return {"$ref": f"#/$defs/{_name(place)}"}
        case Several(inner):
            return {"type": "array", "items": _shape(inner)}
        case Named(name, inner):
            names = {"propertyNames": {"pattern": name.pattern}} if name.pattern else {}
            return {"type": "object", **names, "additionalProperties": _shape(inner)}
        case Either(shapes):
            return {"anyOf": [_shape(inner) for inner in shapes]}


def example(key: Key) -> Node:
    """The key's example, read as YAML."""
    problems = Problems()
    node = parse("example", f"{key.name}: {key.example}", problems)
    assert isinstance(node, Map) and not len(problems), f"{key.name}: {key.example}"
    return node.entries[key.name].node


def as_json(node: Node) -> Any:
    """The node as an editor reads it: YAML 1.2's core schema, where `1` is a number and `on` a text."""
    match node:
        case Map(entries):
            return {name: as_json(entry.node) for name, entry in entries.items()}
        case Items(items):
            return [as_json(item) for item in items]
        case Text(value, quoted=quoted):
            if quoted:
                return value
            if value.lower() in ("true", "false") and value in (value.lower(), value.upper(), value.capitalize()):
                return value.lower() == "true"
            if value in ("", "~", "null", "Null", "NULL"):
                return None
            if _NUMBER.fullmatch(value):
                return float(value) if any(c in value for c in ".eE") else int(value)
            return value
