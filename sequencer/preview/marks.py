"""A mail's HTML with marks where it depends on the reader: badges for conditions, a dotted line below values. Pure.

Marks are put into the compiled template, so that what is marked is what was rendered, and only where text may stand:
never into attributes, or between the rows of a table.
"""

from collections.abc import Sequence
from html import escape
from typing import Final

from sequencer.core.mark import Mark
from sequencer.rendering import markup
from sequencer.rendering.origin import Scalar
from sequencer.rendering.tokens import Inert, Kind, Piece, scan

STYLE: Final = """<style>
.sq-if, .sq-no { display: inline-block; font: 600 11px/16px ui-monospace, Menlo, Consolas, monospace; padding: 0 6px;
  margin: 0 3px; border-radius: 8px; vertical-align: middle; background: #d9f0e7; color: #14513f; text-align: left; }
.sq-no { background: #e9eae6; color: #5a635f; text-decoration: line-through; }
.sq-value { border-bottom: 2px dotted #3f8fd0; }
</style>"""

_NO_TEXT: Final = frozenset("table tbody thead tfoot tr colgroup ul ol dl select html head title".split())
"""Elements between whose children no text may stand."""
_COMMENT: Final = "<!\0--"
"""What a comment begins with in the meantime: no mail holds a NUL."""
_LONGEST: Final = 60
"""Characters of a condition that a badge shows; all of it stands in its title."""


def marked(template: str) -> str:
    """A compiled HTML template, with marks."""
    # Comments stay, as those that speak to Outlook hide what other programs show.
    pieces, _ = scan(template.replace("<!--", _COMMENT), Scalar(Mark("", 1, 1)))
    inert = Inert(pieces)
    places = _places(inert.text(pieces).replace(_COMMENT, "<!--"), inert)
    out: list[str] = []
    blocks: list[_Block] = []
    for piece in pieces:
        word = piece.keyword
        if word == "if":
            blocks.append(_Block(id(piece) in places))
        elif word == "for":
            blocks.append(_Block(False))
        block = blocks[-1] if blocks else None
        if word in ("if", "elif", "else") and block is not None:
            block.complete |= word == "else"
            block.asked.append(_words(piece))
            out += [piece.text, _badge("sq-if", block.asked) if block.shown else ""]
        elif word in ("endif", "endfor") and block is not None:
            blocks.pop()
            if block.shown and not block.complete:
                out += ["{% else %}", _badge("sq-no", block.asked[:1])]
            out.append(piece.text)
        elif piece.kind is Kind.PRINT and id(piece) in places and not piece.inner.startswith("link"):
            out.append(f'<span class="sq-value" title="{_said(piece.inner)}">{piece.text}</span>')
        else:
            out.append(piece.text)
    return "".join(out).replace(_COMMENT, "<!--").replace("</head>", f"{STYLE}</head>", 1)


class _Block:
    def __init__(self, shown: bool) -> None:
        self.shown = shown
        self.complete = False
        """An `else` was seen."""
        self.asked: list[str] = []
        """Its branches so far, the current one last."""


def _places(text: str, inert: Inert) -> set[int]:
    """The pieces that stand where text may stand, by their identity."""
    found: set[int] = set()
    stack: list[str] = []
    for item in markup.read_compiled(text):
        if isinstance(item, markup.Tag) and not (item.opens and item.closes):
            if item.opens:
                stack.append(item.name.lower())
            elif item.name.lower() in stack:
                while stack.pop() != item.name.lower():
                    pass
        elif isinstance(item, markup.Text) and not item.raw and "body" in stack and stack[-1] not in _NO_TEXT:
            found |= {id(piece) for piece in inert.found(text[item.start : item.end])}
    return found


def _words(piece: Piece) -> str:
    return " ".join(piece.inner.split())


def _badge(kind: str, asked: Sequence[str]) -> str:
    """The branch that is shown; its title says which were asked before."""
    words = asked[-1]
    short = words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
    return f'<span class="{kind}" title="{_said(" · ".join(asked))}">{_said(short)}</span>'


def _said(words: str) -> str:
    """As text or in quotes, and nothing that Jinja would read as its own."""
    return escape(words).replace("{", "&#123;").replace("}", "&#125;")
