"""One lead's mail as a person may edit it: subject and Markdown; and what they wrote made into a mail again.

What is written is text. Nothing in it is a template, HTML or a picture; named links are written `link:NAME` and stay
named links, with the lead's token; layout, footer and the way to unsubscribe are not part of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from jinja2 import StrictUndefined, pass_context
from jinja2.runtime import Context
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from sequencer.core.content import Content
from sequencer.core.mark import Mark
from sequencer.rendering.assemble import Assembler, file_text
from sequencer.rendering.budget import steps
from sequencer.rendering.compile import Source, compile_content
from sequencer.rendering.environment import BUDGET, MailEnvironment, Mode, capped, clean, one_line, printed
from sequencer.rendering.errors import RenderingFailed, Unfit
from sequencer.rendering.front_matter import HEAD
from sequencer.rendering.links import link_fault
from sequencer.rendering.markdown import links_not_taken
from sequencer.rendering.names import PAGES, TemplateNames
from sequencer.rendering.origin import Scalar
from sequencer.rendering.plain_text import plain_text
from sequencer.rendering.scope import Scope
from sequencer.rendering.slots import split
from sequencer.rendering.tokens import Inert, Kind, Piece
from sequencer.rendering.view import View

SUBJECT: Final = 200
"""Characters that a subject may have."""
BODY: Final = 10_000
"""Characters that a body may have; HTML of it stays far below what Gmail clips."""
SCHEME: Final = "link:"

_PLACE: Final = "whatthepersonwrotestandshere"
_SPECIAL: Final = re.compile(r"[\\`*_\[\]<~|]|&(?=#?\w+;)|\A[#>+-]")
_BREAK: Final = re.compile(r"<br\s*/?>[ \t]*\n?")
_BY_HAND: Final = frozenset({"html_block", "html_inline", "image"})


@dataclass(frozen=True, slots=True)
class Files:
    """What a mail is made of: its file, and the layouts and partials by name."""

    content: Content
    text: str
    """Of the content's file."""
    layouts: Mapping[str, str]
    partials: Mapping[str, str]
    names: TemplateNames
    language: str = ""
    """Of a variant."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail as it may be edited. `body` is None where the mail is laid out by hand: its subject may be edited."""

    subject: str
    body: str | None


def draft(files: Files, view: View) -> Draft:
    """The mail as this lead would get it. Raises RenderingFailed."""
    subject = _line(files.content.subject, view)
    if not files.content.file.endswith(".md") or _shell(files) is None:
        return Draft(subject, None)
    source = file_text(files.content.file, files.text)
    head = HEAD.match(source.text)
    pieces = Assembler(files.layouts, files.partials, files.language).body(source, head.end() if head else 0)
    context = Scope(view, {}, {}).context(Mode.TEXT) | {
        "link": _link,
        "subject": subject,
        "preheader": _line(files.content.preheader, view),
        **{page: Markup(SCHEME + page) for page in PAGES},
    }
    try:
        body = capped(_ENVIRONMENT.from_string("".join(map(_breaks, pieces))).render(context))
    except Exception as error:
        raise RenderingFailed(files.content.id, str(error) or type(error).__name__) from error
    body = re.sub(r"\n(?:[ \t]*\n){2,}", "\n\n", body).strip()
    by_hand = any(token.type in _BY_HAND for token in _flat(MarkdownIt("commonmark").parse(body)))
    return Draft(subject, None if by_hand or len(body) > BODY else body)


def written(files: Files, subject: str | None, body: str | None) -> Content:
    """The mail with what a person wrote, None for what they left. Raises Unfit."""
    content = files.content
    if body is not None:
        content = _with_body(files, tidy_body(body))
    if subject is not None:
        content = replace(content, subject=tidy_subject(subject).replace("{", '{{ "{" }}'))
    return content


def tidy_subject(subject: str) -> str:
    """On one line. Raises Unfit."""
    line = " ".join(one_line(clean(subject)).split())
    if not line:
        raise Unfit("the subject is empty")
    if len(line) > SUBJECT:
        raise Unfit(f"the subject has {len(line)} characters, and may have {SUBJECT}")
    return line


def tidy_body(body: str) -> str:
    """Raises Unfit."""
    text = clean(body.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if not text:
        raise Unfit("the text is empty")
    if len(text) > BODY:
        raise Unfit(f"the text has {len(text):,} characters, and may have {BODY:,}")
    return text


def _with_body(files: Files, body: str) -> Content:
    """The body in the place that the content's own has in its layout."""
    shell = _shell(files)
    if shell is None:
        raise Unfit("this mail is laid out by hand: only its subject can be changed")
    html, text = _made(body, {link.name: link.url for link in files.content.links})
    return replace(
        files.content,
        html=shell.html.replace(f"<p>{_PLACE}</p>", html.strip()),
        text=shell.text.replace(_PLACE, text.strip()),
    )


def _shell(files: Files) -> Content | None:
    """The mail around a body; None when it has none of its own, or shows there what every mail must show."""
    head = HEAD.match(file_text(files.content.file, files.text).text)
    if head is None or not files.content.file.endswith(".md"):
        return None
    source = Source(files.content.id, files.content.file, f"{head.group()}{_PLACE}\n")
    shell, _ = compile_content(source, files.layouts, files.partials, files.names, files.language)
    if shell is None or shell.html.count(f"<p>{_PLACE}</p>") != 1 or shell.text.count(_PLACE) != 1:
        return None
    return shell


def _made(body: str, links: Mapping[str, str]) -> tuple[str, str]:
    """HTML and text of what was written, as templates whose only tokens are the addresses of links."""
    parser = MarkdownIt("commonmark", {"html": False, "xhtmlOut": True}).enable(["table", "strikethrough"])
    tokens = parser.disable("image").parse(body)
    # Brackets that are written as text, `\[`, stand apart from others only as long as runs of text are not joined.
    if problems := links_not_taken(MarkdownIt("commonmark").disable(["image", "text_join"]).parse(body)):
        raise Unfit(problems[0])
    origin = Scalar(Mark("", 1, 1))
    addresses = {
        **{f"{SCHEME}{name}": f'{{{{ link("{name}", "{url}") }}}}' for name, url in links.items()},
        **{f"{SCHEME}{page}": f"{{{{ {page} }}}}" for page in PAGES},
    }
    pieces = {written: Piece(Kind.PRINT, token, origin, 0) for written, token in addresses.items()}
    inert = Inert([Piece(Kind.DATA, body, origin, 0), *pieces.values()])
    for token in _flat(tokens):
        if token.type != "link_open":
            continue
        address = str(token.attrGet("href") or "")
        if address in pieces:
            token.attrSet("href", inert.word(pieces[address]))
        elif address.startswith(SCHEME):
            known = ", ".join(f"{SCHEME}{name}" for name in links) or "none"
            raise Unfit(f"there is no link “{address}” in this mail (there is: {known})")
        elif fault := link_fault(address):
            raise Unfit(fault)
    html = parser.renderer.render(tokens, parser.options, {})
    template = inert.restore(
        html, lambda literal, offset: literal.replace("{", "&#123;"), lambda piece, offset: piece.text
    )
    # What writes the text out reads entities twice.
    return template, plain_text(html.replace("&amp;", "&amp;amp;"), inert)


def _breaks(piece: Piece) -> str:
    """The one tag that people write into Markdown has a way to be written without."""
    return _BREAK.sub("\\\\\n", piece.text) if piece.kind is Kind.DATA else piece.text


def _flat(tokens: list[Token]) -> list[Token]:
    return [found for token in tokens for found in (token, *(token.children or ()))]


def _line(template: str, view: View) -> str:
    """Subject or preheader. Raises RenderingFailed."""
    try:
        scope = Scope(view, {}, {})
        parts = split(template, Mode.HEADER, view.letterhead, {}, {})
        return one_line("".join(part if isinstance(part, str) else part.fill(scope) for part in parts)).strip()
    except Exception as error:
        raise RenderingFailed("subject", str(error) or type(error).__name__) from error


def _link(name: str, url: str, text: Any = None) -> Markup:
    address = f"{SCHEME}{name}"
    return Markup(address if text is None else f"[{_plain(str(text))}]({address})")


def _plain(text: str) -> str:
    """Text that Markdown takes for nothing but text."""
    return _SPECIAL.sub(lambda match: f"\\{match.group()}", one_line(text))


@pass_context
def _finalize(context: Context, value: Any) -> Any:
    """As mails print values; what a lead is called must not become a link or a heading."""
    value = printed(value)
    context[BUDGET].spend(steps(value))
    return value if isinstance(value, Markup | StrictUndefined) else _plain(value)


_ENVIRONMENT: Final = MailEnvironment(Mode.TEXT)
_ENVIRONMENT.finalize = _finalize
