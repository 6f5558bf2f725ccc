"""How many leads a batch takes: as many as are decided and rendered in the time for which they may stay locked."""

HOLD = 0.25
"""Seconds that leads may stay locked; batches grow and shrink so that they take no longer."""
FIRST, FEWEST = 250, 100
"""Leads in the first batch of a process, and in the smallest: never so few that a batch's fixed cost is all it does,
as it would be on a machine that is so busy that the locks are held for a quarter second whatever is done. Where each
mail needs a millisecond, because MJML is compiled for it, the first batch takes that quarter second."""

Where = tuple[str, str]
"""A place: sequence and position."""


class Pace:
    """Learned by place, since content differs; kept from one drain to the next. One a process, for all threads.

    A place where nothing was learned begins with half of what fitted in where something was last: by hundreds of steps
    with some hundred leads each, most would go in the small batches of the beginning.
    """

    def __init__(self) -> None:
        self._sizes: dict[Where, int] = {}
        self._elsewhere = FIRST

    def size(self, place: Where, most: int) -> int:
        """Leads for the next batch there, at most `most`."""
        return min(self._sizes.get(place, self._elsewhere), most)

    def took(self, place: Where, size: int, held: float) -> None:
        """A batch of this size kept its leads locked for `held` seconds."""
        fitting = int(size * HOLD / held) if held > 0 else 2 * size
        self._sizes[place] = learned = max(FEWEST, min(fitting, 2 * size))
        self._elsewhere = max(FEWEST, learned // 2)
