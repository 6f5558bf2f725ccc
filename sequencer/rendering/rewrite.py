"""Writes subject, preheader and body of a content file anew; every other letter of the file stays as it is."""

from dataclasses import dataclass
from typing import Any, Final

import yaml

from sequencer.errors import InvalidInput
from sequencer.rendering.assemble import file_text
from sequencer.rendering.environment import one_line
from sequencer.rendering.front_matter import HEAD, FrontMatter, read_front_matter

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Written:
    """What may be edited of a file, with `{{ … }}`; subject and preheader on one line, as mails have them."""

    subject: str
    preheader: str
    body: str


def written(text: str) -> Written | None:
    """The parts of a content file; None when its head has mistakes, and nobody can say where what stands."""
    head, problems = read_front_matter(file_text("", text))
    if problems:
        return None
    return _said(head, file_text("", text).text)


def rewritten(text: str, wanted: Written) -> str:
    """The file with these parts. What is the same already keeps its spelling, quotes, comments and all.

    Raises InvalidInput when that cannot be done without changing anything else.
    """
    before = written(text)
    if before is None:
        raise InvalidInput("the head of this file has a mistake: mend it in an editor first")
    wanted = Written(
        subject=one_line(wanted.subject).strip(),
        preheader=one_line(wanted.preheader).strip(),
        body=wanted.body.replace("\r\n", "\n").replace("\r", "\n"),
    )
    if not wanted.subject:
        raise InvalidInput("the subject is empty: every mail needs one")
    plain = file_text("", text).text
    try:
        changed = _changed(plain, before, wanted)
    except (yaml.YAMLError, UnicodeError) as error:
        raise InvalidInput(_ONLY_BY_HAND) from error
    if changed == plain:
        return text
    mark, newline = "\ufeff" * text.startswith("\ufeff"), "\r\n" if "\r\n" in text else "\n"
    if mark + plain.replace("\n", newline) != text:
        raise InvalidInput("the lines of this file end in different ways: let an editor make them the same first")
    return mark + changed.replace("\n", newline)


_ONLY_BY_HAND: Final = "the head of this file, or something typed, is of a kind that only an editor can write"


def _changed(plain: str, before: Written, wanted: Written) -> str:
    changed = plain
    if wanted.body != before.body:
        changed = changed[: _head(changed).body] + wanted.body
    # From the end to the beginning, as the places of what stands behind would move.
    for name in sorted(("subject", "preheader"), key=lambda name: -_line_of(plain, name)):
        value = getattr(wanted, name)
        if value != getattr(before, name):
            changed = _with(changed, name, value)
    if not _same_but_for(plain, changed, wanted):
        raise InvalidInput(_ONLY_BY_HAND)
    return changed


def _head(plain: str) -> FrontMatter:
    return read_front_matter(file_text("", plain))[0]


def _node(plain: str, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    """A key of the head and its value. Their lines are the file's, counted from 0."""
    head = HEAD.match(plain)
    assert head is not None
    root = yaml.compose("\n" + head.group(1), Loader=_LOADER)
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == name:
            return key, value
    return None


def _line_of(plain: str, name: str) -> int:
    found = _node(plain, name)
    return found[0].start_mark.line if found else -1


def _with(plain: str, name: str, value: str) -> str:
    """The file with another value for this key of the head; below the subject when it was not there."""
    lines = plain.split("\n")
    found = _node(plain, name)
    if found is None:
        subject = _node(plain, "subject")
        assert subject is not None
        _, last, _ = _extent(lines, *subject)
        indent = " " * subject[0].start_mark.column
        lines.insert(last + 1, f"{indent}{name}: {_scalar(value, None)}")
        return "\n".join(lines)
    key, node = found
    column, last, end = _extent(lines, key, node)
    first = node.start_mark.line
    style = node.style if isinstance(node, yaml.ScalarNode) else None
    space = "" if lines[first][:column].endswith(" ") else " "
    lines[first : last + 1] = [lines[first][:column] + space + _scalar(value, style) + lines[last][end:]]
    return "\n".join(lines)


def _extent(lines: list[str], key: yaml.Node, value: yaml.Node) -> tuple[int, int, int]:
    """The column that a value begins in, and the line and column that it ends in."""
    start, end = value.start_mark, value.end_mark
    if not isinstance(value, yaml.ScalarNode) or value.style not in ("|", ">"):
        return start.column, end.line, end.column
    # libyaml's end of a block scalar lies behind the comments that follow it.
    last = start.line
    for number in range(start.line + 1, len(lines)):
        line = lines[number]
        if line.strip() and len(line) - len(line.lstrip()) <= key.start_mark.column:
            break
        if line.strip():
            last = number
    return start.column, last, len(lines[last])


def _scalar(value: str, style: str | None) -> str:
    """The value on one line, in the quotes that it had, or in none where YAML reads the same without."""
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    if style != '"' and value and _reads_as(value, value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _reads_as(written: str, value: str) -> bool:
    try:
        node = yaml.compose(f"key: {written}", Loader=_LOADER)
    except yaml.YAMLError:
        return False
    found = node.value[0][1] if isinstance(node, yaml.MappingNode) and len(node.value) == 1 else None
    return isinstance(found, yaml.ScalarNode) and found.value == value


def _same_but_for(before: str, after: str, wanted: Written) -> bool:
    """Whether the file now says what is wanted, and everything else that it said."""
    old, (new, problems) = _head(before), read_front_matter(file_text("", after))
    if problems or new.lists != old.lists:
        return False
    edited = ("subject", "preheader")
    others = [{name: one.text for name, one in head.texts.items() if name not in edited} for head in (old, new)]
    return others[0] == others[1] and _said(new, after) == wanted


def _said(head: FrontMatter, plain: str) -> Written:
    texts = {name: one_line(value.text).strip() for name, value in head.texts.items()}
    return Written(texts.get("subject", ""), texts.get("preheader", ""), plain[head.body :])
