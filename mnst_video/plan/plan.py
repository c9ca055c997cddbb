"""What a render is about to do."""

from dataclasses import dataclass
from pathlib import Path

from mnst_video.painting.styles import sigma2_of
from mnst_video.plan.analysis import Analysis
from mnst_video.plan.segments import Segments, segments_of
from mnst_video.plan.setup import Setup
from mnst_video.plan.shots import Shot


@dataclass(frozen=True)
class Plan:
    """What a render is about to do.

    shots: what is to be rendered of each shot. pending: the numbers of the frames that are not
    there yet. jobs: how many may work at once. alone: others may be at work on other shots.
    place: what paints, where that is not this machine. remarks: what is odd about it.
    """

    setup: Setup
    analysis: Analysis
    shots: tuple[Shot, ...]
    pending: tuple[int, ...]
    output: Path | None = None
    jobs: int = 1
    alone: bool = False
    place: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """How many frames these shots have."""
        return sum(len(shot.frames) for shot in self.shots)

    @property
    def busy(self) -> int:
        """How many of the jobs have work."""
        pending, pieces = {*self.pending}, self.segments.pieces
        return min(self.jobs, sum(not pending.isdisjoint(piece.frames) for piece in pieces))

    @property
    def segments(self) -> Segments:
        """The shots as they are painted."""
        return segments_of(self.shots, self.setup.options.segments, self.setup.clip.times.fps)

    @property
    def sigma2(self) -> tuple[tuple[float, ...], ...]:
        """Of each pair of styles, for the clip or for each of its shots."""
        return tuple(
            sigma2_of(self.setup.brief.paint, pairs) for pairs in self.analysis.calibrations
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd, for a person to read."""
        notes = self.setup.clip.notes + self.setup.course.notes + self.remarks
        if self.setup.masks is not None:
            notes += self.setup.masks.notes
        timeline = self.setup.options.timeline
        if self.setup.course.replaced and (timeline.gamma or timeline.position or timeline.react):
            notes += (
                f"{self.setup.course.name} is read from its mask: the timeline has no say, unless "
                "the mask has [mode=multiply]",
            )
        if self.output is not None:
            notes += self.setup.output_notes(self.output)
        if 0 < self.busy < self.jobs:
            part = "" if self.place else ", and each has its part of the threads"
            who = "workers" if self.place else "jobs"
            notes += (
                f"{self.busy} of {self.jobs} {who} have work: a shot is painted by one{part}",
            )
        if seams := self.segments.seams:
            shots = len({seam.index for seam in seams})
            notes += (f"shots that are painted in pieces: {shots}, with {len(seams)} seams",)
        if faces := self.analysis.faces:
            notes += (
                f"faces in {len(faces)} of {len(self.setup.frames)} frames are kept (--faces paint "
                "paints them like all else)",
            )
        if self.setup.tiles > 1 and not self.place:
            why = "" if self.setup.options.tile else ", as memory is short for the whole"
            notes += (f"looked at in {self.setup.tiles} tiles{why}",)
        return notes
