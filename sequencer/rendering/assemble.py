"""Puts a layout, its partials and the item's body together, each piece remembering its file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sequencer.core.content import languages
from sequencer.core.mark import Problem
from sequencer.rendering.names import suggest
from sequencer.rendering.origin import FileText
from sequencer.rendering.tokens import Kind, Piece, scan

DEPTH: Final = 8
"""How deep partials may include partials."""

_INTRODUCES: Final = '{% if previous_owner.email %}\n\n{% include "introduction" %}\n\n{% endif %}'
_INCLUDE: Final = re.compile(r"""include\s+(?:"([^"]+)"|'([^']+)')\Z""")


@dataclass
class Assembler:
    """Layouts and partials by name (`footer`), and what was found wrong while using them."""

    layouts: Mapping[str, str]
    partials: Mapping[str, str]
    language: str = ""
    """Of the item: a layout or partial that has a variant in it, `footer.de`, is taken in that one."""
    problems: list[Problem] = field(default_factory=list)

    def body(self, source: FileText, start: int) -> list[Piece]:
        """The pieces of an item's body, partials inlined."""
        pieces, problems = scan(source.text[start:], source, start)
        self.problems += problems
        return self._inline(pieces, ())

    def introduction(self) -> list[Piece]:
        """What stands before the body in the first mail of a new owner; for all other leads it is nothing."""
        around = FileText(f"content/partials/{self._written('introduction', self.partials)}.mjml", _INTRODUCES)
        pieces, _ = scan(_INTRODUCES, around)
        return [*self._inline(pieces, ()), Piece(Kind.DATA, "\n\n", around, 0)]

    def layout(self, name: str, asked_by: Piece | None, fallback: Piece) -> tuple[list[Piece], int] | None:
        """A layout's pieces, and which of them is the place for the content."""
        if name not in self.layouts:
            hint = suggest(name, self.layouts)
            message = f"expected content/layouts/{name}.mjml, got no such file{hint}"
            self.problems.append(Problem((asked_by or fallback).mark(), "missing-layout", message))
            return None
        written = self._written(name, self.layouts)
        source = file_text(f"content/layouts/{written}.mjml", self.layouts[written])
        scanned, problems = scan(source.text, source)
        self.problems += problems
        pieces = self._inline(scanned, ())
        places = [n for n, piece in enumerate(pieces) if piece.kind is Kind.PRINT and piece.inner == "content"]
        if len(places) != 1:
            message = f"expected {{{{ content }}}} once in a layout, got it {len(places)} times"
            mark = pieces[places[1]].mark() if places else source.mark(0)
            self.problems.append(Problem(mark, "layout-place", message))
            return None
        return pieces, places[0]

    def _written(self, name: str, parts: Mapping[str, str]) -> str:
        """The name under which a part stands in the item's language."""
        if self.language:
            known = {written.lower(): written for written in parts}
            for language in languages(self.language):
                if (found := known.get(f"{name}.{language}".lower())) is not None:
                    return found
        return name

    def _inline(self, pieces: Sequence[Piece], inside: tuple[str, ...]) -> list[Piece]:
        out: list[Piece] = []
        for piece in pieces:
            if piece.keyword != "include":
                out.append(piece)
                continue
            found = _INCLUDE.match(piece.inner)
            if found is None:
                message = 'expected {% include "NAME" %}, got ' + piece.text
                self.problems.append(Problem(piece.mark(), "template-syntax", message))
                continue
            name = found.group(1) or found.group(2)
            if name not in self.partials:
                hint = suggest(name, self.partials)
                message = f"expected content/partials/{name}.mjml, got no such file{hint}"
                self.problems.append(Problem(piece.mark(), "missing-partial", message))
            elif name in inside or len(inside) >= DEPTH:
                way = " → ".join((*inside, name))
                message = f"partials may not include one another in a circle or over {DEPTH} deep: {way}"
                self.problems.append(Problem(piece.mark(), "include-depth", message))
            else:
                written = self._written(name, self.partials)
                source = file_text(f"content/partials/{written}.mjml", self.partials[written])
                inner, problems = scan(source.text, source)
                self.problems += problems
                out += self._inline(inner, (*inside, name))
        return out


def file_text(file: str, text: str) -> FileText:
    """A file with its newlines and byte order mark put right."""
    return FileText(file, text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"))
