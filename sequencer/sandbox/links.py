"""The links of a mail: what a reader could follow, and the mail's HTML with its links led elsewhere. Pure."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser

_WEB = re.compile(r"https?://", re.IGNORECASE)
_IN_TEXT = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """One `<a href>` to the web, in the mail's order; two may share a URL."""

    url: str
    text: str


def links(html_part: str | None, text_part: str | None = None) -> list[Link]:
    """The links of the HTML part; without one, the addresses in the text."""
    if not html_part:
        return [Link(found.rstrip(".,;:!?)"), "") for found in _IN_TEXT.findall(text_part or "")]
    parser = _Anchors(html_part)
    return [Link(url, " ".join("".join(text).split())) for url, text in zip(parser.urls, parser.texts, strict=True)]


def redirect(html_part: str, target: Callable[[int], str]) -> str:
    """The HTML with the link number `n` (from 0, as `links` counts) leading to `target(n)`, in a new tab."""
    parser = _Anchors(html_part)
    out, done = [], 0
    for number, (start, end, attributes) in enumerate(parser.spans):
        kept = "".join(
            f' {name}="{html.escape(value or "")}"'
            for name, value in attributes
            if name not in ("href", "target", "rel", "ping", "download")
        )
        new = f'<a href="{html.escape(target(number))}" target="_blank" rel="noopener"{kept}>'
        out += [html_part[done:start], new]
        done = end
    return "".join([*out, html_part[done:]])


class _Anchors(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.urls: list[str] = []
        self.texts: list[list[str]] = []
        self.spans: list[tuple[int, int, list[tuple[str, str | None]]]] = []
        self._inside = False
        self._lines = [0, *(match.end() for match in re.finditer("\n", source))]
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img" and self._inside:
            self.texts[-1].append(dict(attrs).get("alt") or "")
        if tag != "a":
            return
        url = (dict(attrs).get("href") or "").strip()
        self._inside = bool(_WEB.match(url))
        if self._inside:
            line, column = self.getpos()
            start = self._lines[line - 1] + column
            self.urls.append(url)
            self.texts.append([])
            self.spans.append((start, start + len(self.get_starttag_text() or ""), attrs))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1].append(data)
