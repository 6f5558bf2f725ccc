"""What a form asks of whom, and what is wrong with what somebody gave. For the page and for callers alike."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal, NamedTuple

from sequencer.core.content import Content
from sequencer.core.country import code_of, codes, country_of
from sequencer.core.form import Form
from sequencer.core.lead_input import LONGEST, InvalidLead, is_text, normal_email
from sequencer.core.shared_domain import is_shared
from sequencer.core.workspace import Workspace

LONGEST_MESSAGE: Final = 5000
"""Characters of what somebody writes in their own words."""

BUILT_IN: Final[Mapping[str, str]] = {
    "email": "Your email address",
    "first_name": "First name",
    "last_name": "Last name",
    "title": "Your job title",
    "company": "Your company",
    "country": "Your country",
}
"""What forms may ask of everybody, and how."""

LONGEST_NAME: Final = 80
"""Characters of a name, a title, a company: what forms ask of everybody, and what mails say to them and to reps."""

RESERVED: Final = frozenset({"message", "c", "p", "v", "q", "r", "sq", "framed", "zone"})
"""What a page sends with the answers, by the same names that fields have: no field may be called so."""

Kind = Literal["email", "text", "number", "date", "flag", "one_of", "some_of", "country"]


class Question(NamedTuple):
    """One field as it is asked."""

    name: str
    label: str
    kind: Kind
    choices: tuple[str, ...] = ()
    needed: bool = True


class Unanswered(ValueError):
    """What is wrong with what was given, by field, in words for whoever gave it."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {said}" for name, said in problems.items()))
        self.problems = problems


def questions(form: Form, workspace: Workspace, knows: Callable[[str], bool]) -> tuple[Question, ...]:
    """What to ask. `knows`: whether a field need not be asked any more."""
    further = [name for name in form.ranked() if name not in form.needed and not knows(name)][: form.ask_up_to]
    return tuple(
        [_question(name, workspace, True) for name in form.needed]
        + [_question(name, workspace, False) for name in further]
    )


def every(form: Form, workspace: Workspace) -> tuple[Question, ...]:
    """All that it may ever ask: which of it a page did ask is not known any more when it is sent."""
    further = [name for name in form.ranked() if name not in form.needed]
    return questions(form, workspace, lambda _: True) + tuple(_question(name, workspace, False) for name in further)


def _question(name: str, workspace: Workspace, needed: bool) -> Question:
    if name == "email":
        return Question(name, BUILT_IN[name], "email")
    if name == "country":
        return Question(name, BUILT_IN[name], "country", codes(), needed)
    if name in BUILT_IN:
        return Question(name, BUILT_IN[name], "text", needed=needed)
    declared = workspace.fields[name]
    return Question(name, declared.ask or name.replace("_", " ").capitalize(), declared.type, declared.choices, needed)


def worth(workspace: Workspace, contents: Mapping[str, Content]) -> Mapping[str, int]:
    """What an answer is worth, by declared field that has a question: points of `fit` that depend on it, conditions
    that ask for it, and how much of what we mail is for some of its values and not for others.
    """
    conditions = (
        condition
        for sequence in workspace.sequences.values()
        for condition in (*sequence.conditions(), *(t.condition for t in sequence.enroll if t.condition))
    )
    asked = Counter(name for condition in conditions for name in condition.asks.fields)
    found: dict[str, int] = {}
    fits = workspace.signals.fit if workspace.signals is not None else ()
    for name, declared in workspace.fields.items():
        if not declared.ask:
            continue
        points = sum(abs(one.points) for one in fits if name in one.condition.asks.fields)
        tagged = sum(
            bool(content.pains if name == "pains" else (content.tags or {}).get(name)) for content in contents.values()
        )
        found[name] = points + 5 * asked[name] + 2 * tagged
    return found


def answers(form: Form, asked: Sequence[Question], given: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
    """What was answered, as a caller of the API would give it; what was left out is absent. Raises Unanswered."""
    problems: dict[str, str] = {}
    found: dict[str, Any] = {}
    for one in asked:
        values = [value.strip() for value in given.get(one.name, ()) if value.strip()]
        if not values:
            if one.needed:
                problems[one.name] = "Please choose." if one.choices else "Please fill this in."
            continue
        value, problem = _answer(one, values)
        if problem:
            problems[one.name] = problem
        else:
            found[one.name] = value
    email = found.get("email")
    if email is not None and form.work_mail and is_shared(email.rpartition("@")[2]):
        problems["email"] = "Please use the address that you have at work."
    text = [value.strip() for value in given.get("message", ())]
    if form.message and text and (len(text[0]) > LONGEST_MESSAGE or not is_text(text[0])):
        problems["message"] = f"Please keep this to {LONGEST_MESSAGE:,} characters."
    if problems:
        raise Unanswered(problems)
    return found


def _answer(one: Question, values: Sequence[str]) -> tuple[Any, str]:
    """The value, and what is wrong with it."""
    first = values[0]
    if any(len(value) > LONGEST for value in values):
        return None, f"Please keep this to {LONGEST:,} characters."
    if not all(map(is_text, values)):
        return None, "There is something in this that cannot be read. Please type it again."
    match one.kind:
        case "email":
            try:
                return normal_email(first), ""
            except InvalidLead:
                return None, "This does not look like an email address, as jane@company.com."
        case "some_of":
            wrong = set(values) - set(one.choices)
            return (list(dict.fromkeys(values)), "") if not wrong else (None, "Please choose from the list.")
        case "one_of":
            return (first, "") if first in one.choices else (None, "Please choose from the list.")
        case "country":
            # Programs may pass names on as people wrote them; one that nobody understands is kept as it is.
            code = code_of(first)
            return (code, "") if code is not None else _name(first, of_a_person=True)
        case "text" if one.name in BUILT_IN:
            return _name(first, of_a_person=one.name != "company")
        case "number":
            number = _number(first)
            return (number, "") if number is not None else (None, "Please give a number, as 250.")
        case "date":
            return (first, "") if _is_date(first) else (None, "Please give a date, as 2026-11-30.")
        case "flag":
            return first.lower() in ("yes", "true", "on", "1"), ""
    return first, ""


def _name(text: str, of_a_person: bool) -> tuple[str | None, str]:
    """What mails call somebody. Who types the address of another must not make us write to them what they like."""
    folded = " ".join(text.split())
    if len(folded) > LONGEST_NAME:
        return None, f"Please keep this to {LONGEST_NAME} characters."
    # As mail programs see it, which make links of what they take for an address.
    seen = unicodedata.normalize("NFKC", folded).replace("\u3002", ".")
    links = [found for found in _DOMAIN.finditer(seen) if _is_domain(found)]
    if not of_a_person and links and links[0].start() == 0 and len(seen.split()) <= 3:
        links = links[1:]  # Booking.com B.V.
    if _LINK.search(seen) or links or not _joined(folded).isprintable():
        return None, "Please give a name only, without links."
    return folded, ""


_LINK: Final = re.compile(r"://|\S@\S|\bwww\.|\w\.\w{2,}[/?:#]", re.IGNORECASE)
_DOMAIN: Final = re.compile(r"\b(?P<before>[\w-]+)\.(?P<top>[a-z]{2,})\b", re.IGNORECASE | re.ASCII)
_TOPS: Final = frozenset(
    "agency app biz click cloud club co com dev edu email eu gov help info io link live ltd me net news one online org"
    " page pro shop site store team tech top uk website work xyz".split()
)
"""Ends of addresses of the web, beside those of countries, that mail programs know."""


def _is_domain(found: re.Match[str]) -> bool:
    """`J.Li` is somebody with an initial, `Dr.phil.` and `Node.js` are no addresses, `t.me` and `EVIL.COM` are."""
    before, top = found["before"], found["top"]
    if len(before) == 1 and before.isupper() and top.istitle():
        return False
    return top.lower() in _TOPS or country_of(top) is not None


def _joined(text: str) -> str:
    """Without what joins letters, or keeps them apart, in some scripts; all else that cannot be seen is no name's."""
    return re.sub("[\u200c\u200d]", "", text)


def _number(text: str) -> str | None:
    """As people of any country write it, in plain digits; None: it is none.

    The separator that comes last is a decimal one, unless it comes more than once, or alone with three digits behind
    it: 1.000 and 1,000 mean a thousand to nearly everybody who writes them into a form; 0,125 and 1234.567 do not.
    """
    found = _DIGITS.fullmatch(re.sub(r"[\s'\u2019]", "", text))
    if found is None:
        return None
    whole, last, rest = found["whole"], found["last"] or "", found["rest"] or ""
    groups = re.split(r"[.,]", whole)
    others = set(whole) - set("0123456789")
    if last and (last in others or (not others and len(rest) == 3 and len(whole) < 4 and whole.strip("0"))):
        groups, rest = [*groups, rest], ""
    if len(others) > 1 or any(len(group) != 3 for group in groups[1:]) or not 1 <= len(groups[0]) <= 12:
        return None
    if len(groups) > 1 and len(groups[0]) > 3:
        return None
    digits = "".join(groups)
    return f"{digits}.{rest}" if rest else digits


_DIGITS: Final = re.compile(r"(?P<whole>\d+(?:[.,]\d+)*?)(?:(?P<last>[.,])(?P<rest>\d{1,6}))?", re.ASCII)


def _is_date(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False
