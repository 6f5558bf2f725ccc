"""The languages in which reps are told things, and in which they answer; English is understood beside each."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from sequencer.core.content import languages
from sequencer.core.lead import Rep
from sequencer.core.spoken.de import DE
from sequencer.core.spoken.en import EN
from sequencer.core.spoken.es import ES
from sequencer.core.spoken.fr import FR
from sequencer.core.spoken.it import IT
from sequencer.core.spoken.nl import NL
from sequencer.core.spoken.words import Spoken
from sequencer.core.workspace import Workspace

__all__ = ["SPOKEN", "Spoken", "folded", "language_of", "plain", "spoken"]

SPOKEN: Final[Mapping[str, Spoken]] = {"en": EN, "de": DE, "es": ES, "fr": FR, "it": IT, "nl": NL}


def language_of(workspace: Workspace, rep: Rep | None) -> str:
    """In which a rep is told things: their own, else the workspace's, where it is one of these; else English."""
    wanted = (rep.language if rep is not None else None) or workspace.locale
    return next((one for one in languages(wanted) if one in SPOKEN), "en")


def spoken(workspace: Workspace, rep: Rep | None) -> Spoken:
    """What a rep is told, in their language."""
    return SPOKEN[language_of(workspace, rep)]


def plain(text: str) -> str:
    """Words as they are compared: without accents, case and punctuation, with single spaces."""
    return " ".join(re.sub(r"[^\w']+", " ", folded(text)).split())


def folded(text: str) -> str:
    """Letters as they are compared: without accents and case."""
    return re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text.replace("’", "'")).casefold())
