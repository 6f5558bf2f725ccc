"""One content file to one compiled item: layouts and partials inlined, tokens aside, Markdown, MJML, tokens back."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import mjml

from sequencer.core.codes import Code
from sequencer.core.content import Content, Link
from sequencer.core.mark import Problem
from sequencer.rendering import html_check, markup
from sequencer.rendering.assemble import Assembler, file_text
from sequencer.rendering.document import Document
from sequencer.rendering.environment import one_line
from sequencer.rendering.front_matter import FrontMatter, Value, read_front_matter
from sequencer.rendering.markdown import markdown_html
from sequencer.rendering.mjml_check import check_mjml, for_mrml
from sequencer.rendering.names import TemplateNames
from sequencer.rendering.origin import FileText
from sequencer.rendering.plain_text import plain_text
from sequencer.rendering.proof import prove
from sequencer.rendering.template_check import Findings, check_template
from sequencer.rendering.tokens import Inert, Kind, Piece, scan


@dataclass(frozen=True, slots=True)
class Source:
    """A content file: `id` is its path below content/ without its ending, `file` its path in the workspace."""

    id: str
    file: str
    text: str


PREHEADER: Final = (
    '<div style="display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;'
    'mso-hide:all;">{{ preheader }}</div>'
)
MUST_SHOW: Final[Mapping[str, tuple[Code, str]]] = {
    "unsubscribe_url": ("no-unsubscribe", "a link to {{ unsubscribe_url }}"),
    "brand.postal_address": ("no-postal-address", "{{ brand.postal_address }}"),
}
"""What every mail must hold, outside of any {% if %}."""


LONG_SUBJECT: Final = 70
"""Characters, what depends on the lead left out. Phones show some 40, other programs 60 to 70."""

HEAVY: Final = 90_000
"""Bytes of HTML. Gmail clips a mail at 102 KB, the unsubscribe link with it; values of the lead come on top."""


def compile_content(
    source: Source, layouts: Mapping[str, str], partials: Mapping[str, str], names: TemplateNames, language: str = ""
) -> tuple[Content | None, tuple[Problem, ...]]:
    """The compiled item, and everything wrong with it. Warnings leave an item; errors leave None.

    `layouts` and `partials` are texts by name: `default` for content/layouts/default.mjml. `language`: of a variant.
    """
    compiler = _Compiler(source, Assembler(layouts, partials, language), names)
    content = compiler.run()
    problems = tuple(sorted(set(compiler.problems)))
    return (None if any(problem.severity == "error" for problem in problems) else content), problems


class _Compiler:
    def __init__(self, source: Source, assembler: Assembler, names: TemplateNames) -> None:
        self._source = source
        self._file: FileText = file_text(source.file, source.text)
        self._assembler = assembler
        self._names = names
        self._own_problems: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        return self._own_problems + self._assembler.problems

    @property
    def _failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)

    def _problem(self, piece: Piece, code: Code, message: str) -> None:
        self._own_problems.append(Problem(piece.mark(), code, message))

    def run(self) -> Content | None:
        head, problems = read_front_matter(self._file)
        self._own_problems += problems
        subject = self._line(head.texts.get("subject"))
        preheader = self._line(head.texts.get("preheader"))
        body = self._assembler.body(self._file, head.body)
        if self._names.introduces and self._source.file.endswith(".md"):
            body = [*self._assembler.introduction(), *body]
        start = Piece(Kind.DATA, "", self._file, head.body)
        whole = self._placed(head, body, start)
        findings = check_template(body if whole is None else whole[0], self._names)
        self._own_problems += findings.problems
        if whole is None or self._failed:
            return None
        compiled = self._compiled(*whole, body, start, findings, bool(preheader))
        if compiled is None:
            return None
        html, text = compiled
        lists = dict(head.lists)
        kind = head.texts.get("kind")
        content = Content(
            id=self._source.id,
            file=self._source.file,
            kind=kind.text.strip() if kind else "",
            subject=subject,
            preheader=preheader,
            html=html,
            text=text,
            links=tuple(Link(call.name, call.url) for call in findings.links),
            stages=lists.pop("stage", ()),
            pains=lists.pop("pains", ()),
            tags=lists or None,
        )
        told = Piece(Kind.DATA, "", head.texts["subject"].origin, 0)
        if not self._failed:
            self._own_problems += prove(content, self._names, whole[0], told)
        self._own_problems += weigh(content, start, told)
        return content

    def _line(self, value: Value | None) -> str:
        """Subject or preheader: checked, on one line."""
        if value is None:
            return ""
        pieces, problems = scan(value.text, value.origin)
        self._own_problems += problems
        findings = check_template(pieces, self._names, links=False)
        self._own_problems += findings.problems
        for name in ("subject", "preheader"):
            if name in findings.used:
                message = f"{{{{ {name} }}}} may not stand in subject or preheader"
                self._own_problems.append(Problem(findings.used[name].mark_of(name), "unknown-name", message))
        return one_line("".join(piece.text for piece in pieces)).strip()

    def _placed(self, head: FrontMatter, body: list[Piece], start: Piece) -> tuple[list[Piece], int] | None:
        """All pieces with the body in its layout, and the number of the body's first piece."""
        asked = head.texts.get("layout")
        by = Piece(Kind.DATA, "", asked.origin, 0) if asked else None
        markdown = self._source.file.endswith(".md")
        if not markdown:
            first = next((piece.text.lstrip() for piece in body if piece.text.strip()), "")
            if first.startswith("<mjml"):
                if asked:
                    message = "a whole <mjml> document has no layout: take the line out, or write sections only"
                    self._problem(by or start, "layout-mismatch", message)
                return body, 0
            if asked is None:
                message = "expected a whole document <mjml>…</mjml>, or `layout: NAME` above sections"
                self._problem(start, "missing-layout", message)
                return None
        found = self._assembler.layout(asked.text.strip() if asked else "default", by, start)
        if found is None:
            return None
        layout, at = found
        holds_html = _component_at(layout, at) == "mj-text"
        if holds_html is not markdown:
            what, where = ("Markdown", "inside <mj-text>") if markdown else ("<mj-section>s", "directly in <mj-body>")
            message = f"expected a layout for {what}, with {{{{ content }}}} {where}, got another kind"
            self._problem(by or start, "layout-mismatch", message)
            return None
        return [*layout[:at], *body, *layout[at + 1 :]], at

    def _compiled(
        self, pieces: list[Piece], at: int, body: list[Piece], start: Piece, findings: Findings, preheader: bool
    ) -> tuple[str, str] | None:
        inert = Inert(pieces)
        if self._source.file.endswith(".md"):
            blocks, problems = markdown_html(body or [start], inert)
            self._own_problems += problems
            if self._failed:
                return None
            pieces = [*pieces[:at], *blocks, *pieces[at + len(body) :]]
        document = Document(pieces, inert)
        checked = check_mjml(document)
        self._own_problems += checked.problems
        if self._failed:
            return None
        try:
            # No fonts from elsewhere unless the layout names them itself.
            html = mjml.mjml2html(for_mrml(document, checked), fonts={})
        except ValueError as error:
            self._problem(start, "mjml", f"MJML cannot be compiled: {error}")
            return None
        items = markup.read_compiled(html)
        places = html_check.check_places(html, items, inert)
        self._own_problems += html_check.check_tokens(html, inert)
        self._own_problems += html_check.check_structure(html, items, inert)
        self._own_problems += places.problems
        text = plain_text(html, inert)
        self._check_links(html, inert, findings, places)
        self._check_shown(findings, text, pieces[0] if pieces else start)
        html = inert.restore(
            html,
            lambda literal, offset: _without_braces(literal, offset, places.raw),
            lambda piece, offset: html_check.guarded(piece) if offset in places.guarded else piece.text,
        )
        if preheader and not any(piece.inner == "preheader" for piece in inert.tokens):
            html = re.sub(r"<body[^>]*>", lambda match: match.group() + PREHEADER, html, count=1)
        return html, text

    def _check_links(self, html: str, inert: Inert, findings: Findings, places: html_check.Places) -> None:
        """Links with words do not fit into attributes."""
        for call in findings.links:
            for match in inert.pattern.finditer(html):
                if inert.token(match) is call.piece and match.start() in places.attributes and call.with_text:
                    message = f"link “{call.name}” stands inside an address: leave out its third part"
                    self._problem(call.piece, "bad-link", message)
                    break

    def _check_shown(self, findings: Findings, text: str, place: Piece) -> None:
        """`place` is where the mail begins, with a layout the layout: one problem then for all mails that use it."""
        for path, (code, what) in MUST_SHOW.items():
            piece = findings.shown.get(path)
            if piece is None and path in findings.hidden:
                message = f"expected {what} for every reader, got it inside of {{% if %}} or {{% for %}}: move it out"
                self._problem(findings.hidden[path], code, message)
            elif piece is None:
                self._problem(place, code, f"expected {what} for every reader, here or in a partial; got none")
            elif piece.text not in text:
                message = f"expected {what} in the plain text too, got it only where text has no place"
                self._problem(piece, code, message)


def weigh(content: Content, start: Piece, subject: Piece) -> Iterator[Problem]:
    """Warnings about what grew too long."""
    said = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", content.subject)
    if len(said) > LONG_SUBJECT:
        message = (
            f"the subject is {len(said)} characters long, and inboxes show 40 to {LONG_SUBJECT}: "
            "say the most important first, and the rest in the preheader"
        )
        yield Problem(subject.mark(), "long-subject", message, "warning")
    if (size := len(content.html.encode())) > HEAVY:
        message = (
            f"the mail comes to {size // 1000} KB, and Gmail hides all that follows 102 KB, the unsubscribe link too: "
            f"shorten it below {HEAVY // 1000} KB, or link to a page"
        )
        yield Problem(start.mark(), "too-heavy", message, "warning")


def _component_at(layout: Sequence[Piece], at: int) -> str:
    """The MJML component around the content's place."""
    stack: list[str] = []
    for item in markup.read("".join(piece.text for piece in layout[:at] if piece.kind is Kind.DATA)):
        if isinstance(item, markup.Tag) and item.name.startswith("mj") and not (item.opens and item.closes):
            if item.opens:
                stack.append(item.name)
            elif stack:
                stack.pop()
    return stack[-1] if stack else ""


_BRACES: Final = re.compile(r"\{(?=[{%#])|\{\Z")


def _without_braces(literal: str, offset: int, raw: Sequence[tuple[int, int]]) -> str:
    """Literal braces that Jinja would read as its own, written otherwise: as an entity, or apart in style sheets."""

    def otherwise(match: re.Match[str]) -> str:
        at = offset + match.start()
        return "{ " if any(begin <= at < end for begin, end in raw) else "&#123;"

    return _BRACES.sub(otherwise, literal)
