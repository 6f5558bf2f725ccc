"""What people ask about in their own words, as sequences/signals.yaml declares it, tried on its own examples."""

from collections.abc import Iterator

from sequencer.core.inquiry import Inquiry, fold
from sequencer.workspace import values
from sequencer.workspace.nodes import Map, Node, as_map, as_texts

_EXAMPLE = "{en: [how much, price]}"


def read_inquiries(node: Node | None) -> Iterator[Inquiry]:
    block = as_map(node, f"names with phrases each, as `price: {{phrases: {_EXAMPLE}}}`")
    for name, held in block.items() if block is not None else ():
        keys = as_map(held, f"keys, as `phrases: {_EXAMPLE}`")
        if keys is None or values.identifier(name, "an inquiry") is None:
            continue
        keys.expect("inquiry")
        phrases = tuple(_phrases(keys, keys.need("phrases", _EXAMPLE)))
        unless = tuple(_phrases(keys, keys.take("unless")))
        if phrases:
            found = Inquiry(name.value, name.mark, phrases, unless)
            _try(found, keys)
            yield found


def _phrases(block: Map, node: Node | None) -> Iterator[str]:
    by_language = as_map(node, f"languages with a list of phrases each, as `{_EXAMPLE}`")
    for language, several in by_language.items() if by_language is not None else ():
        values.locale(language)
        for text in as_texts(several, "a list of phrases"):
            words = fold(text.value).split()
            if not words or words[0] == "*" or words[-1] == "*" or not any(c.isalnum() for c in words[0]):
                text.bad("words as somebody writes them, as `how much`: one at the beginning, and one at the end")
            else:
                yield text.value


def _try(found: Inquiry, block: Map) -> None:
    """An example that does not do what it is to show is a mistake in the phrases."""
    for text in as_texts(block.take("examples"), "a list of sentences"):
        if found.asked(text.value) is None:
            text.wrong("bad-value", f"no phrase of `{found.name}` finds this: add one, or take the example out")
    for text in as_texts(block.take("not"), "a list of sentences"):
        if (asked := found.asked(text.value)) is not None:
            message = f"`{found.name}` finds `{asked}` in this: make the phrase longer, or name words under `unless`"
            text.wrong("bad-value", message)
