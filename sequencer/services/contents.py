"""Content files into compiled mails: each with its layout and partials, its variants in other languages, and every
problem of each.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Final

from sequencer.core.content import Content
from sequencer.core.mark import Mark, Problem
from sequencer.core.shelf import BARE, Shelf
from sequencer.rendering.compile import Source, compile_content
from sequencer.rendering.names import TemplateNames
from sequencer.workspace.load import content_files, parts_of, variant_files
from sequencer.workspace.nodes import listed
from sequencer.workspace.values import KEBAB, as_identifier

WORTH_A_PROCESS: Final = 100
"""Mails to compile, from which on several processes are sooner done than one."""


def compile_contents(
    files: Mapping[str, str], names: TemplateNames, shelf: Shelf = BARE, processes: int = 1
) -> tuple[Mapping[str, Content], tuple[Problem, ...]]:
    """Every content item that compiles, by id, and the problems of all."""
    layouts, partials = parts_of(files, "layouts"), parts_of(files, "partials")
    sources: list[Source] = []
    problems: list[Problem] = []
    for item, paths in content_files(files).items():
        if wrong := next((part for part in item.split("/") if not KEBAB.fullmatch(part)), None):
            message = _misnamed(wrong, item, files)
            problems.append(Problem(Mark(paths[0], 1, 1), "bad-id", message))
        problems += _doubled(item, paths)
        sources.append(Source(item, paths[0], files[paths[0]]))
    shelf = shelf.about("content", layouts, partials, names)
    kept = {source: found for source in sources if (found := shelf.get(source)) is not None}
    missing = [source for source in sources if source not in kept]
    for source, made in zip(missing, _compiled(missing, layouts, partials, names, processes), strict=True):
        shelf.put(made, source)
        kept[source] = made
    contents = {}
    for source in sources:
        content, found = kept[source]
        problems += found
        if content is not None:
            contents[source.id] = content
    for item, languages in variant_files(files).items():
        variants, found = _variants(item, languages, files, contents.get(item), layouts, partials, names, shelf)
        problems += found
        if item in contents and variants:
            contents[item] = replace(contents[item], variants=variants)
    return contents, tuple(problems)


def _misnamed(part: str, item: str, files: Mapping[str, str]) -> str:
    base, dot, language = item.partition(".")
    if dot and base in content_files(files):
        return f"expected a language's code after the dot, as in `{base}.de`, got `{language}`: rename it"
    expected = f"expected names in small letters, digits and single hyphens, as `price-faq`, got `{part}`"
    return f"{expected}: rename it to `{as_identifier(part)}`" if as_identifier(part) else f"{expected}: rename it"


def _doubled(item: str, paths: Sequence[str]) -> Iterator[Problem]:
    for other in paths[1:]:
        message = f"{paths[0]} has the same name and would be mailed as `{item}` too: rename one of them"
        yield Problem(Mark(other, 1, 1), "duplicate-content", message)


def _variants(
    item: str,
    languages: Mapping[str, Sequence[str]],
    files: Mapping[str, str],
    base: Content | None,
    layouts: Mapping[str, str],
    partials: Mapping[str, str],
    names: TemplateNames,
    shelf: Shelf,
) -> tuple[Mapping[str, Content], list[Problem]]:
    """An item in other languages. Layouts and partials may have variants of their own."""
    variants: dict[str, Content] = {}
    problems: list[Problem] = []
    for language, paths in languages.items():
        problems += _doubled(f"{item}.{language}", paths)
        if item not in content_files(files):
            message = f"expected content/{item}.md or .mjml, which this is the `{language}` variant of"
            problems.append(Problem(Mark(paths[0], 1, 1), "unknown-content", message))
        source = Source(f"{item}.{language}", paths[0], files[paths[0]])
        made = shelf.get(source)
        if made is None:
            made = compile_content(source, layouts, partials, names, language)
            shelf.put(made, source)
        content, found = made
        problems += found
        if content is None or base is None:
            continue
        links = {link.name: link for link in content.links}
        if links.keys() != {link.name for link in base.links}:
            expected = listed(sorted(link.name for link in base.links))
            message = f"expected the named links {expected}, as {base.file} has them, got {listed(sorted(links))}"
            problems.append(Problem(Mark(paths[0], 1, 1), "variant-links", message))
            continue
        # In the base's order: a click tells the number of its link.
        variants[language] = replace(content, links=tuple(links[link.name] for link in base.links))
    return variants, problems


def _compiled(
    sources: Sequence[Source],
    layouts: Mapping[str, str],
    partials: Mapping[str, str],
    names: TemplateNames,
    processes: int,
) -> Sequence[tuple[Content | None, tuple[Problem, ...]]]:
    one = partial(compile_content, layouts=layouts, partials=partials, names=names)
    if processes == 1 or len(sources) < WORTH_A_PROCESS:
        return list(map(one, sources))
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(one, sources, chunksize=20))
