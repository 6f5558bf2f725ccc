"""Checks MJML before it is compiled: mrml passes unknown tags, attributes and bad nesting over in silence."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from sequencer.core.codes import Code
from sequencer.core.mark import Problem
from sequencer.rendering import html_check, markup, mjml_schema
from sequencer.rendering.document import Document
from sequencer.rendering.links import INSECURE, address_fault, only_inside, unencrypted
from sequencer.rendering.names import suggest
from sequencer.rendering.tokens import Kind

ADDRESSES: Final = html_check.ADDRESSES | {"background-url", "base-url"}
PROGRAMS: Final = frozenset("applet base embed frame frameset iframe object script".split())
"""Elements that run or load something of their own."""


@dataclass
class Checked:
    """The faults, and what mrml would not leave as it is."""

    problems: list[Problem] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)
    """Offsets of Jinja statements between components."""
    breaks: list[tuple[int, int]] = field(default_factory=list)
    """Line breaks between HTML's tags, where a space is meant."""


def check_mjml(document: Document) -> Checked:
    """Every fault of the document's MJML, with file, line and column."""
    reader = _Reader(document)
    for item in markup.read(document.text):
        match item:
            case markup.Stray(start):
                reader.problem(start, "expected a tag after “<”; write &lt; when the sign itself is meant")
            case markup.Text():
                reader.text(item)
            case markup.Tag():
                if item.opens:
                    reader.opened(item)
                if item.closes and not item.opens:
                    reader.closed(item)
    for name, start in reader.stack:
        reader.problem(start, f"expected </{name}> for this <{name}>, got the end of the text")
    if not reader.seen & {"mj-body"} and not reader.checked.problems:
        reader.problem(0, "expected a document <mjml><mj-body>…</mj-body></mjml>")
    return reader.checked


class _Reader:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._pattern = document.inert.pattern
        self.checked = Checked()
        self.stack: list[tuple[str, int]] = []
        self.seen: set[str] = set()

    def problem(self, offset: int, message: str, code: Code = "mjml", warning: bool = False) -> None:
        mark = self._document.mark(offset)
        self.checked.problems.append(Problem(mark, code, message, "warning" if warning else "error"))

    @property
    def _parent(self) -> str:
        return self.stack[-1][0] if self.stack else ""

    @property
    def _component(self) -> str:
        """The nearest MJML component around."""
        return next((name for name, _ in reversed(self.stack) if name.startswith("mj")), "")

    def text(self, item: markup.Text) -> None:
        parent = self._parent
        text = self._document.text[item.start : item.end]
        if "\n" in text and not text.strip() and self._component in mjml_schema.HOLDS_HTML:
            self.checked.breaks.append((item.start, item.end))
        if parent not in mjml_schema.CHILDREN and parent not in mjml_schema.HOLDS_NOTHING and parent:
            return
        position = 0
        for match in self._pattern.finditer(text):
            self._no_text(text[position : match.start()], item.start + position)
            position = match.end()
            token = self._document.inert.token(match)
            if token.kind is Kind.STATEMENT and parent in mjml_schema.STRUCTURE:
                self.checked.statements.append(item.start + match.start())
            else:
                place = f"directly in <{parent}>" if parent else "outside of <mjml>"
                self.problem(item.start + match.start(), f"{token.text} may not stand {place}: put it into <mj-text>")
        self._no_text(text[position:], item.start + position)

    def _no_text(self, text: str, start: int) -> None:
        if text.strip():
            where = f"directly in <{self._parent}>" if self._parent else "outside of <mjml>"
            begin = start + len(text) - len(text.lstrip())
            self.problem(begin, f"text may not stand {where}: put it into <mj-text> in a column")

    def opened(self, tag: markup.Tag) -> None:
        name, component = tag.name, self._component
        self.seen.add(name)
        if self._pattern.search(name):
            self.problem(tag.start, "a Jinja token may not be part of a tag's name")
        elif name.startswith("mj"):
            self._component_opened(tag, component)
        elif name.lower() in PROGRAMS:
            self.problem(tag.start, f"<{name}> may not stand in a mail: mail programs drop it, or all of it")
        elif component not in mjml_schema.HOLDS_HTML:
            where = f"in <{component}>" if component else "outside of <mjml>"
            self.problem(tag.start, f"HTML’s <{name}> may not stand {where}: put it into <mj-text> or <mj-raw>")
        self._attributes(tag)
        if not tag.closes:
            self.stack.append((name, tag.start))

    def _component_opened(self, tag: markup.Tag, component: str) -> None:
        name, parent = tag.name, self._parent
        if component == "mj-attributes":
            if name not in mjml_schema.ATTRIBUTES and name not in ("mj-all", "mj-class"):
                self.problem(tag.start, f"unknown component <{name}>{suggest(name, mjml_schema.ATTRIBUTES)}")
        elif name not in mjml_schema.ATTRIBUTES:
            self.problem(tag.start, f"unknown component <{name}>{suggest(name, mjml_schema.ATTRIBUTES)}")
        elif not parent:
            if name != "mjml":
                self.problem(tag.start, f"expected <mjml> around everything, got <{name}>")
        elif name not in mjml_schema.CHILDREN.get(parent, frozenset()):
            allowed = [outer for outer, inner in mjml_schema.CHILDREN.items() if name in inner]
            places = " or ".join(f"<{outer}>" for outer in sorted(allowed)) or "nothing: it is the outermost tag"
            self.problem(tag.start, f"<{name}> may not stand in <{parent}>; it belongs into {places}")

    def _attributes(self, tag: markup.Tag) -> None:
        known = None
        if tag.name.startswith("mj"):
            known = mjml_schema.ATTRIBUTES.get(tag.name)
            if self._component == "mj-attributes" and tag.name in ("mj-all", "mj-class"):
                known = mjml_schema.EVERY_ATTRIBUTE
        seen = Counter[str]()
        for attribute in tag.attributes:
            name = attribute.name
            if self._pattern.search(name):
                message = "Jinja may stand in text and in the values of attributes, not between attributes"
                self.problem(attribute.start, message)
            elif name in seen:
                if seen[name] == 1:
                    self.problem(attribute.start, f"expected {name} once in <{tag.name}>, got it again")
            elif known is not None and name not in known:
                self.problem(attribute.start, f"<{tag.name}> has no attribute “{name}”{suggest(name, known)}")
            elif known is not None and attribute.value is None:
                self.problem(attribute.start, f'expected {name}="…", got no value')
            elif known is None and (name.lower().startswith("on") or name.lower() in ("srcdoc", "http-equiv")):
                self.problem(attribute.start, f"{name} may not stand in a mail: mail programs drop it, or all of it")
            elif not self._pattern.search(attribute.value or ""):
                self._addresses(tag.name, name.lower(), attribute)
            seen[name] += 1
        if tag.name in ("mj-image", "img") and "alt" not in seen and self._component != "mj-attributes":
            message = f'<{tag.name}> has no alt="…": say what the picture shows, or alt="" for an ornament'
            self.problem(tag.start, message, "no-alt", warning=True)

    def _addresses(self, tag: str, name: str, attribute: markup.Attribute) -> None:
        """Those without Jinja; the others are seen to when the mail is compiled."""
        value = attribute.value or ""
        # A menu's base-url comes before its links, which may then be paths.
        path = tag == "mj-navbar-link" and value.startswith("/")
        addresses = [value] if name in ADDRESSES and not path else []
        if name == "srcset":
            addresses = [candidate.split()[0] for candidate in value.split(",") if candidate.strip()]
        for one in addresses:
            if fault := address_fault(one):
                self.problem(attribute.value_start, fault, "bad-address")
            elif only_inside(one):
                message = f"expected an address that readers can reach, got one that only works inside: “{one}”"
                self.problem(attribute.value_start, message, "local-address")
            elif unencrypted(one):
                self.problem(attribute.value_start, INSECURE, "insecure-link", warning=True)

    def closed(self, tag: markup.Tag) -> None:
        names = [name for name, _ in self.stack]
        if tag.name not in names:
            self.problem(tag.start, f"</{tag.name}> closes nothing")
            return
        while self.stack:
            name, start = self.stack.pop()
            if name == tag.name:
                return
            opened = self._document.mark(start)
            self.problem(tag.start, f"expected </{name}> for the <{name}> at {opened}, got </{tag.name}>")


def for_mrml(document: Document, checked: Checked) -> str:
    """The document's text as mrml keeps it: statements in mj-raw, and spaces for the line breaks it would drop."""
    edits = [(start, end, " ") for start, end in checked.breaks]
    for start in checked.statements:
        match = document.inert.pattern.match(document.text, start)
        assert match is not None
        edits.append((start, match.end(), f"<mj-raw>{match.group()}</mj-raw>"))
    out: list[str] = []
    position = 0
    for start, end, instead in sorted(edits):
        out += (document.text[position:start], instead)
        position = end
    return "".join([*out, document.text[position:]])
