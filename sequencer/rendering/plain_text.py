"""The plain-text part, from the compiled HTML with tokens still set aside."""

import re
from typing import Final

import lxml.html
from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

from sequencer.rendering.tokens import Inert, Kind

_LAYOUT: Final = frozenset({"table", "tbody", "thead", "tr", "td", "th"})


def plain_text(html: str, inert: Inert) -> str:
    """A Jinja template of the text part. Links read as `words (address)`."""
    tree = lxml.html.document_fromstring(html)
    for hidden in tree.xpath("//style | //script | //head | //*[contains(@style, 'display:none')]"):
        hidden.drop_tree()
    for table in tree.xpath("//table[@role='presentation']"):
        # mrml's scaffolding: as tables it would be padded and aligned.
        for part in (table, *table.xpath("./* | ./*/* | ./*/*/*")):
            if part.tag in _LAYOUT:
                part.tag = "div"
    for styled in tree.xpath("//*[@style]"):
        del styled.attrib["style"]
    for link in tree.xpath("//a[@href]"):
        _write_address(link)
    text = get_text(lxml.html.tostring(tree, encoding="unicode"), ParserConfig(css=CSS_PROFILES["strict"]))
    return inert.restore(_tidy(text, inert), _literal, lambda piece, offset: piece.text)


def _write_address(link: lxml.html.HtmlElement) -> None:
    href = (link.get("href") or "").strip()
    pictures = " ".join(alt.strip() for alt in link.xpath(".//img/@alt") if alt.strip())
    words = " ".join(link.text_content().split()) or pictures
    bare = href.removeprefix("mailto:").removeprefix("tel:")
    if not href or href.startswith("#") or words in (href, bare, bare.split("://")[-1].rstrip("/")):
        return
    if not link.text_content().strip():
        link.text = words
    last = link[-1] if len(link) else None
    addition = f" ({href})" if words else href
    # Trailing space inside the link would stand before the bracket.
    if last is None:
        link.text = (link.text or "").rstrip() + addition
    else:
        last.tail = (last.tail or "").rstrip() + addition


def _tidy(text: str, inert: Inert) -> str:
    """At most one empty line; statements on lines of their own stand right before what follows."""
    lines = [line.rstrip() for line in text.split("\n")]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line), default=0)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line[margin:] for line in lines)).strip("\n")
    statements = [inert.word(piece) for piece in inert.tokens if piece.kind is Kind.STATEMENT]
    if not statements:
        return text + "\n"
    word = f"(?:{'|'.join(statements)})"

    def join(match: re.Match[str]) -> str:
        break_before = "" if match.start() == 0 else "\n\n" if "\n\n" in match.group() else "\n"
        return break_before + "".join(re.findall(word, match.group()))

    return re.sub(rf"(?:\A|\n+)[ \t]*{word}(?:\s*{word})*[ \t]*(?:\n+|\Z)", join, text) + "\n"


_BRACES: Final = re.compile(r"\{(?=[{%#])|\{\Z")


def _literal(text: str, offset: int) -> str:
    """Text that would read as a Jinja token is printed by one."""
    return _BRACES.sub('{{ "{" }}', text)
