"""A compiled item made ready for mailing: a skeleton for everyone, and each lead's values for its slots."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from sequencer.core.content import Content, Link
from sequencer.core.mail import Parts, Skeleton, joiner
from sequencer.rendering.budget import OUTPUT
from sequencer.rendering.environment import Mode, capped
from sequencer.rendering.errors import RenderingFailed
from sequencer.rendering.program import Program
from sequencer.rendering.scope import Line, Scope
from sequencer.rendering.slots import REPLY_TOKEN, Slot, split
from sequencer.rendering.slots import Parts as Split
from sequencer.rendering.view import Letterhead, View

WHOLE: Final = 2 * OUTPUT
"""Characters that one lead's values may have together in HTML and text, each as often as it stands there."""
CACHED: Final = 256
"""Items kept prepared in a process; about 100 KB each."""


class Prepared:
    """Reusable for every lead and from every thread: nothing in it changes."""

    def __init__(
        self,
        name: str,
        subject: str,
        preheader: str,
        html: str,
        text: str,
        links: Sequence[Link],
        letterhead: Letterhead,
    ) -> None:
        self._name = name
        self._numbers: Mapping[str, int] = {link.name: number for number, link in enumerate(links, 1)}
        lines: dict[str, Split] = {
            "subject": split(subject, Mode.HEADER, letterhead, self._numbers, {}),
            "preheader": split(preheader, Mode.HEADER, letterhead, self._numbers, {}),
        }
        self._lines = {line: _writer(parts) for line, parts in lines.items()}
        split_html = split(html, Mode.HTML, letterhead, self._numbers, lines)
        split_text = split(text, Mode.TEXT, letterhead, self._numbers, lines)
        reply_to: Split = ("r-", REPLY_TOKEN, f"@{letterhead.reply_domain}") if letterhead.reply_domain else ()
        slots = _Slots()
        self.skeleton: Final = Skeleton(
            subject=slots.numbered(lines["subject"]),
            html=slots.numbered(split_html),
            text=slots.numbered(split_text),
            reply_to=slots.numbered(reply_to),
        )
        self.subject: Final = joiner(self.skeleton.subject)
        """Of a lead's values."""
        self._slots = slots.each()
        self._write = slots.program.written()
        places = Counter(part for part in (*self.skeleton.html, *self.skeleton.text) if isinstance(part, int))
        self._places = tuple(places[number] for number in range(len(self._slots)))
        self._small = min(OUTPUT, WHOLE // max((1, *self._places)))
        """Characters of all values together that are surely no more than each, and all where they stand, may have."""

    def values(self, view: View) -> tuple[str, ...]:
        """The values of the skeleton's slots, in their order. The view has the letterhead that this was prepared with.

        Raises RenderingFailed.
        """
        try:
            values = self._write(view, self._scope)
            # Joined, they are counted faster than one by one.
            if len("".join(values)) <= self._small:
                return values
        except Exception:
            pass  # found again below, with the name of the slot
        return self._one_by_one(self._scope(view))

    def _scope(self, view: View) -> Scope:
        return Scope(view, self._numbers, self._lines)

    def _one_by_one(self, scope: Scope) -> tuple[str, ...]:
        """The same, slot by slot: which of them is at fault, and what each comes to."""
        values: list[str] = []
        for slot in self._slots:
            try:
                values.append(capped(slot.fill(scope)))
            except Exception as error:
                # Whatever a template does wrong with one lead's data is that lead's failure only.
                what = f"{slot.what}: {error or type(error).__name__}"
                raise RenderingFailed(self._name, what) from error
        if (size := sum(len(value) * places for value, places in zip(values, self._places, strict=True))) > WHOLE:
            raise RenderingFailed(self._name, f"expected at most {WHOLE} characters of a lead's own, got {size}")
        return tuple(values)


def prepare(content: Content, letterhead: Letterhead, keep: bool = True) -> Prepared:
    """The item, prepared once as long as what it says is the same. Raises RenderingFailed.

    `keep`: not so for what goes to one lead alone, which would push others out.
    """
    try:
        return (_prepare if keep else Prepared)(
            content.id, content.subject, content.preheader, content.html, content.text, content.links, letterhead
        )
    except Exception as error:
        # `check` admits nothing of the kind; should it ever, the mails of this item fail and no others.
        raise RenderingFailed(content.id, f"cannot be prepared: {str(error) or type(error).__name__}") from error


_prepare = lru_cache(maxsize=CACHED)(Prepared)


def _writer(parts: Split) -> Line:
    def write(scope: Scope) -> str:
        return "".join([part if isinstance(part, str) else part.fill(scope) for part in parts])

    return write


class _Slots:
    """The slots of an item as they are numbered."""

    def __init__(self) -> None:
        self.program: Final = Program()
        self._numbers: dict[Slot, int] = {}

    def numbered(self, parts: Split) -> Parts:
        return tuple(part if isinstance(part, str) else self._number(part) for part in parts)

    def each(self) -> tuple[Slot, ...]:
        """One by number."""
        first = {number: slot for slot, number in reversed(self._numbers.items())}
        return tuple(first[number] for number in range(len(first)))

    def _number(self, slot: Slot) -> int:
        if slot not in self._numbers:
            self._numbers[slot] = self.program.number(slot.fill)
        return self._numbers[slot]
