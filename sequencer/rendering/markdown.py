"""Markdown bodies: CommonMark with Jinja tokens set aside as inert words."""

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from sequencer.core.mark import Problem
from sequencer.rendering import markup
from sequencer.rendering.document import Document
from sequencer.rendering.origin import Scalar
from sequencer.rendering.tokens import Inert, Kind, Piece


def markdown_html(pieces: Sequence[Piece], inert: Inert) -> tuple[tuple[Piece, ...], tuple[Problem, ...]]:
    """The body as HTML, tokens still inert: a piece for each block, marked with the line it begins on.

    A line of statements alone is a block of its own, so `{% if … %}` on its own line leaves no empty paragraph;
    a paragraph that is one `{% if … %}…{% endif %}` disappears as a whole.
    """
    document = Document(pieces, inert)
    parser = MarkdownIt("commonmark", {"html": True, "xhtmlOut": True}).enable(["table", "strikethrough"])
    parser.block.ruler.before("paragraph", "statements", _statement_rule(inert), {"alt": ["paragraph", "list"]})
    parser.add_render_rule("statements", lambda self, tokens, index, options, env: tokens[index].content + "\n")
    tokens = _joined_lists(parser.parse(document.text), inert)
    _lift(tokens, inert)
    lines = [0]
    for line in document.text.split("\n"):
        lines.append(lines[-1] + len(line) + 1)
    blocks: list[Piece] = []
    problems: list[Problem] = []
    mark = document.mark(0)
    for first, last in _blocks(tokens):
        block = tokens[first : last + 1]
        place = next((token.map[0] for token in block if token.map), None)
        if place is not None:
            mark = document.mark(lines[place])
        blocks.append(Piece(Kind.DATA, parser.renderer.render(block, parser.options, {}), Scalar(mark), 0))
        problems += [Problem(mark, "bad-address", message) for message in links_not_taken(block)]
    if fault := _fault("".join(block.text for block in blocks)):
        # Raw HTML may be right only together with other blocks, so blocks are asked one by one only now.
        own = next(((block, found) for block in blocks if (found := _fault(block.text))), None)
        problems.append(Problem(own[0].mark() if own else document.mark(0), "html", own[1] if own else fault))
    return tuple(blocks), tuple(problems)


def links_not_taken(block: list[Token]) -> list[str]:
    """`[words](javascript:…)` would go out letter for letter: CommonMark takes no such address."""
    texts = [child for token in block for child in token.children or [] if child.type == "text"]
    found = [match.group() for text in texts for match in re.finditer(r"\]\([^)]*\)?", text.content)]
    return [f"expected a link as [words](https://www.example.com/page), got “{written}”" for written in found]


def _statement_rule(inert: Inert):  # type: ignore[no-untyped-def]
    line = re.compile(rf"[ \t]*(?:{inert.pattern.pattern}[ \t]*)+")

    def rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        text = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
        if not line.fullmatch(text) or any(token.kind is not Kind.STATEMENT for token in inert.found(text)):
            return False
        if not silent:
            token = state.push("statements", "", 0)
            token.content = text.strip()
            token.map = [start, start + 1]
            state.line = start + 1
        return True

    return rule


_LISTS = {"bullet_list_open": "bullet_list_close", "ordered_list_open": "ordered_list_close"}


def _joined_lists(tokens: list[Token], inert: Inert) -> list[Token]:
    """`- a`, `{% if … %}`, `- b`, `{% endif %}` is one list to its writer: make it one.

    Statements at the edge of a list go inside it when they belong to a block whose whole content is list items.
    """
    out = list(tokens)
    changed = True
    while changed:
        changed = False
        for at, token in enumerate(out):
            if token.type != "statements" or at + 1 >= len(out):
                continue
            before, after = out[max(at - 1, 0)], out[at + 1]
            same = before.type in _LISTS.values() and _LISTS.get(after.type) == before.type
            if same and before.markup == after.markup and before.level == after.level:
                del out[at + 1], out[at - 1]
                changed = True
                break
            if (around := _block_around_list(out, at, inert)) is not None:
                first, last = around
                opening, closing = out[first + 1], out[last - 1]
                out[first : first + 2] = [opening, out[first]]
                out[last - 1 : last + 1] = [out[last], closing]
                changed = True
                break
    return out


def _block_around_list(tokens: list[Token], at: int, inert: Inert) -> tuple[int, int] | None:
    """For `{% for … %}` before one list and `{% endfor %}` right after it: the places of both."""
    if tokens[at + 1].type not in _LISTS:
        return None
    opener = inert.found(tokens[at].content)
    level = tokens[at + 1].level
    last = next(
        (n for n in range(at + 2, len(tokens)) if tokens[n].level == level and tokens[n].type in _LISTS.values()), None
    )
    if last is None or last + 1 >= len(tokens) or tokens[last + 1].type != "statements":
        return None
    closer = inert.found(tokens[last + 1].content)
    whole = len(opener) == len(closer) == 1 and opener[0].keyword == "for" and closer[0].keyword == "endfor"
    return (at, last + 1) if whole else None


def _lift(tokens: list[Token], inert: Inert) -> None:
    """Move `{% if %}` and its `{% endif %}` out of the paragraph that they make up."""
    for at, token in enumerate(tokens):
        if token.type != "inline" or at == 0 or tokens[at - 1].type != "paragraph_open" or tokens[at - 1].hidden:
            continue
        children = token.children or []
        whole = "".join(child.content for child in children if child.type == "text")
        found = inert.found(whole)
        if len(found) < 2 or not children or children[0].type != "text" or children[-1].type != "text":
            continue
        first, last = inert.word(found[0]), inert.word(found[-1])
        if not (children[0].content.startswith(first) and children[-1].content.rstrip().endswith(last)):
            continue
        if not _one_block(inert.found(token.content)):
            continue
        children[0].content = children[0].content.removeprefix(first)
        children[-1].content = children[-1].content.rstrip().removesuffix(last)
        opening, closing = Token("statements", "", 0), Token("statements", "", 0)
        opening.content, closing.content = first, last
        tokens.insert(at + 2, closing)
        tokens.insert(at - 1, opening)
        _lift(tokens, inert)
        return


def _one_block(pieces: list[Piece]) -> bool:
    """Whether the tokens are one `if` without other branches, from the first to the last."""
    depth = 0
    for number, piece in enumerate(piece for piece in pieces if piece.kind is Kind.STATEMENT):
        if number == 0 and (piece.keyword != "if" or piece is not pieces[0]):
            return False
        if number > 0 and depth == 0:
            return False
        if piece.keyword in ("if", "for"):
            depth += 1
        elif piece.keyword in ("endif", "endfor"):
            depth -= 1
        elif piece.keyword in ("else", "elif") and depth == 1:
            return False
    return depth == 0 and pieces[-1].keyword == "endif"


def _fault(html: str) -> str:
    """What is wrong with HTML as a whole; empty when its tags are in order."""
    stack: list[str] = []
    for item in markup.read(html):
        if isinstance(item, markup.Stray):
            return "expected a whole HTML tag after “<”, with quotes around values; write &lt; for the sign itself"
        if isinstance(item, markup.Tag):
            if item.opens and not item.closes:
                stack.append(item.name)
            elif item.closes and not item.opens:
                if not stack or stack[-1] != item.name:
                    return f"expected </{stack[-1]}>, got </{item.name}>" if stack else f"</{item.name}> closes nothing"
                stack.pop()
    return f"expected </{stack[-1]}> for <{stack[-1]}>" if stack else ""


def _blocks(tokens: list[Token]) -> list[tuple[int, int]]:
    """First and last token of each outermost block."""
    out: list[tuple[int, int]] = []
    depth = first = 0
    for at, token in enumerate(tokens):
        if depth == 0:
            first = at
        depth += token.nesting
        if depth == 0:
            out.append((first, at))
    return out
