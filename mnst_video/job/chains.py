"""Shots as chains of frames: which are to be painted next, and by whom."""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

from mnst_video.errors import MachineError
from mnst_video.plan.shots import Shot

# Who paints: whatever can be told from others.
Hand = Hashable


@dataclass
class Chain:
    """What is left of a shot, or of a piece or a seam of one; it is one hand's at a time.

    number: tells it from others. written, given: the first frames that are not there, and that
    nobody has.
    kind: of the machine that began it. failures: in a row, at its next frame.
    """

    number: int
    shot: Shot
    written: int
    given: int
    hand: Hand | None = None
    kind: Hashable = None
    failures: int = 0

    @property
    def left(self) -> int:
        """How many frames nobody has."""
        return self.shot.end - self.given


class Chains:
    """The chains of a render."""

    def __init__(
        self,
        shots: Sequence[Shot],
        pending: Collection[int],
        most: int | None,
        can_wait: Callable[[int], bool],
    ) -> None:
        """pending: of each shot, the last ones.

        most: frames of a chunk; None: as many as a shot has left.
        can_wait: whether so many frames may be passed over for a later shot.
        """
        firsts = ((shot, min(pending_of(shot, pending), default=shot.end)) for shot in shots)
        chains = (Chain(n, shot, first, first) for n, (shot, first) in enumerate(firsts))
        self._open = [chain for chain in chains if chain.left]
        self._most = most
        self._can_wait = can_wait
        self._reached = 0

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return bool(self._open)

    def of(self, frame: int) -> Chain:
        """The chain that a frame is of."""
        return next(chain for chain in self._open if frame in chain.shot.frames)

    def take(self, hand: Hand, kind: Hashable = None) -> tuple[Chain, range] | None:
        """The next frames for a hand, which are its own from then on; None where there are none.

        It goes on with its own shot. Else it has one that nobody has: of those that its kind of
        machine has begun, or nobody, before others, the longest, so that none is left in the end.
        """
        own = (chain for chain in self._open if chain.hand == hand and chain.left)
        chain = next(own, None) or self._longest(kind)
        if chain is None:
            return None
        chain.hand = hand
        chain.kind = chain.kind if chain.kind is not None else kind
        end = chain.shot.end if self._most is None else chain.given + self._most
        frames = range(chain.given, min(end, chain.shot.end))
        chain.given = frames.stop
        self._reached = max(self._reached, frames.stop)
        return chain, frames

    def _longest(self, kind: Hashable) -> Chain | None:
        free = [chain for chain in self._open if chain.hand is None]
        alike = [chain for chain in free if chain.kind in (None, kind)]
        near = [chain for chain in alike or free if self._can_wait(self._between(chain))]
        if near:
            return max(near, key=lambda chain: (chain.left, -chain.given))
        return min(alike or free, key=lambda chain: chain.given, default=None)

    def _between(self, chain: Chain) -> int:
        """The frames that would be passed over on the way to a chain."""
        return sum(
            max(0, min(other.shot.end, chain.given) - max(other.given, self._reached))
            for other in self._open
        )

    def wrote(self, frame: int) -> range:
        """A frame is there. Returns the frames whose content is no longer needed."""
        chain = self.of(frame)
        chain.written, chain.failures = frame + 1, 0
        before = max(frame - 1, chain.shot.start)
        if chain.written < chain.shot.end:
            return range(before, frame)  # the next one begins with this one
        self._open.remove(chain)
        return range(before, frame + 1)

    def lost(self, number: int, until: int | None = None) -> Chain:
        """A chain is nobody's again. until: the frames before this one still come."""
        chain = next(chain for chain in self._open if chain.number == number)
        chain.hand, chain.given = None, chain.written if until is None else until
        return chain

    def failed(self, number: int, why: str, most: int, until: int | None = None) -> None:
        """The same, as its next frame has failed.

        Raises MachineError where it has `most` times, with the last reason.
        """
        chain = self.lost(number, until)
        chain.failures += 1
        if chain.failures >= most:
            raise MachineError(
                f"frame {chain.written} (shot {chain.shot.index + 1}) has failed "
                f"{chain.failures} times, the last time: {why}"
            )


def pending_of(shot: Shot, pending: Collection[int]) -> list[int]:
    """The frames of a shot that are pending."""
    return [frame for frame in shot.frames if frame in pending]
