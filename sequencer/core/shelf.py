"""Results that need not be worked out again: each stands under all that it depends on."""

from typing import Any, Final, Protocol


class Shelf(Protocol):
    """Keeps results between runs. It may lose any of them at any time, and never gives one of another key."""

    def about(self, *given: object) -> "Shelf":
        """For results that all depend on `given` too."""

    def get(self, *given: object) -> Any:
        """The result for exactly this; None: work it out."""

    def put(self, result: Any, *given: object) -> None:
        """Keeps a result."""


class Bare:
    """Keeps nothing."""

    def about(self, *given: object) -> "Bare":
        return self

    def get(self, *given: object) -> None:
        return None

    def put(self, result: Any, *given: object) -> None:
        pass


BARE: Final = Bare()
