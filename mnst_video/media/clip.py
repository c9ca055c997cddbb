"""A clip: what it is, when its frames are shown, and how they are decoded."""

from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mnst_video.media.input.settings import GROUND


@dataclass(frozen=True)
class Passage:
    """A part of a clip's time, in seconds from its first frame; its sound is cut to it."""

    start: Fraction
    end: Fraction


@dataclass(frozen=True)
class Times:
    """When the frames of a clip are shown, at the rate that it is read at; see `rate.at_rate`.

    fps: the rate to encode at.
    begins: each frame's seconds from the first frame.
    duration: seconds from the first frame's start to the last frame's end.
    keyframes: the frames that can be decoded without those before them.
    numbers: which of the decoded frames each frame is; empty: all of them, in order.
    repeats: how often in a row each frame is shown; empty: once.
    vfr: whether timestamps are to be kept instead of a rate.
    """

    fps: Fraction
    begins: tuple[Fraction, ...]
    duration: Fraction
    keyframes: tuple[int, ...]
    numbers: tuple[int, ...] = ()
    repeats: tuple[int, ...] = ()
    vfr: bool = False

    @property
    def frames(self) -> int:
        return len(self.begins)

    @property
    def decoded(self) -> int:
        """How many frames are decoded up to the last one that is shown."""
        return self.number(self.frames - 1) + 1

    def number(self, frame: int) -> int:
        """Which of the decoded frames a frame is."""
        return self.numbers[frame] if self.numbers else frame

    def shown(self, frame: int) -> int:
        """How often in a row a frame is shown."""
        return self.repeats[frame] if self.repeats else 1

    def frame_at(self, seconds: Fraction | float) -> int:
        """The frame that begins nearest to a time; `frames` where the clip's end is nearest."""
        after = bisect_left(self.begins, Fraction(seconds))
        before = max(after - 1, 0)
        next_begins = self.begins[after] if after < self.frames else self.duration
        return before if seconds - self.begins[before] < next_begins - seconds else after

    def span(self, frames: range) -> Passage:
        """The time of some consecutive frames."""
        end = self.begins[frames.stop] if frames.stop < self.frames else self.duration
        return Passage(self.begins[frames.start], end)

    def passage(self, frames: range) -> Passage | None:
        """The same, or None where they are all that there are."""
        return None if len(frames) == self.frames else self.span(frames)


@dataclass(frozen=True)
class Decoding:
    """How the frames of a clip are decoded.

    size: (width, height) of a decoded frame, upright.
    stream: the number, among all streams of the file, of the one with the frames.
    origin: the first frame's seconds on the file's own clock.
    opencv: whether OpenCV decodes them faithfully, and can take the file's name.
    interlaced: whether some are. alpha: whether they are transparent in places.
    colors: PQ or HLG where they are HDR, BT.2020 where their gamut is wide, else nothing.
    damaged: whether some cannot be decoded.
    animated: whether they are those of an animated picture.
    pictures: the files of a clip that is a sequence of them, each a decoded frame.
    matte: the colour of the ground under what is transparent.
    """

    size: tuple[int, int]
    stream: int = 0
    origin: Fraction = Fraction(0)
    opencv: bool = True
    interlaced: bool = False
    alpha: bool = False
    colors: str = ""
    damaged: bool = False
    animated: bool = False
    pictures: tuple[Path, ...] = ()
    matte: str = GROUND


@dataclass(frozen=True)
class Damage:
    """What there is no picture of.

    lost: seconds from the first frame of each frame that cannot be decoded.
    missing: seconds that are promised, and missing at the end; of what says no length, a frame.
    reason: what the decoder says of it.
    """

    lost: tuple[Fraction, ...] = ()
    missing: Fraction = Fraction(0)
    reason: str = ""


@dataclass(frozen=True)
class Extras:
    """What a file holds beside pictures and sound.

    chapters: how many. subtitles: the codec of each track. covers: the numbers of pictures that are
    no video, among all streams.
    """

    chapters: int = 0
    subtitles: tuple[str, ...] = ()
    covers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Clip:
    """Facts about a clip, from its packets and its frames.

    width, height: pixels of a displayed frame: upright, with square pixels.
    audio: the codec of each sound track.
    start: seconds from the start of the file, where its sound may begin, to the first frame.
    notes: what is odd about the file, for a person to read.
    damage: what is lost of it, if anything; its `times` do not have that.
    extras: what else the file holds.
    """

    path: Path
    width: int
    height: int
    times: Times
    decoding: Decoding
    audio: tuple[str, ...] = ()
    start: Fraction = Fraction(0)
    notes: tuple[str, ...] = ()
    damage: Damage | None = None
    extras: Extras = Extras()

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it is read from."""
        return self.decoding.pictures or (self.path,)
