"""Long shots in pieces that are painted at once, and the seams between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from mnst_video.plan.shots import Shot

# Frames of a seam: in fewer the paint moves visibly from one piece's to the next's.
SEAM = 24


@dataclass(frozen=True)
class Segments:
    """Shots as they are painted: first all pieces, each from its own first frame, then seams.

    pieces: each is a shot, or a part of one, with its index. seams: the first frames of pieces that
    do not begin a shot, painted anew from the piece before; those of the piece are its own.
    """

    pieces: tuple[Shot, ...]
    seams: tuple[Shot, ...] = ()

    @property
    def own(self) -> frozenset[int]:
        """The frames of the pieces' own that a seam replaces."""
        return frozenset(frame for seam in self.seams for frame in seam.frames)


def segments_of(shots: Iterable[Shot], seconds: float | None, fps: Fraction) -> Segments:
    """The shots in pieces of about so many seconds; None: none is divided.

    All pieces of a shot are equally long, and at least twice as long as a seam.
    """
    if seconds is None:
        return Segments(tuple(shots))
    pieces: list[Shot] = []
    seams: list[Shot] = []
    most = max(seconds * float(fps), 2.0 * SEAM)
    for shot in shots:
        edges = _edges(shot, max(1, round(len(shot.frames) / most)))
        pieces += [Shot(shot.index, a, b) for a, b in pairwise(edges)]
        seams += [Shot(shot.index, start, start + SEAM) for start in edges[1:-1]]
    return Segments(tuple(pieces), tuple(seams))


def _edges(shot: Shot, count: int) -> Sequence[int]:
    while count > 1 and len(shot.frames) < 2 * SEAM * count:
        count -= 1
    return [shot.start + len(shot.frames) * i // count for i in range(count + 1)]
