"""The keys that a workspace file may hold, by the place where it stands, as the loader asks for them."""

from collections.abc import Mapping
from typing import Final

from sequencer.workspace.format import FORMAT, STEP_PLACES

KEYS: Final[Mapping[str, tuple[str, ...]]] = {place: tuple(key.name for key in keys) for place, keys in FORMAT.items()}

EVERY_KEY: Final = frozenset(key for keys in KEYS.values() for key in keys)

STEP_KINDS: Final = tuple(place.removeprefix("step: ") for place in STEP_PLACES)
