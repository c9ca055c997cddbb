"""A take: what was played, as a clip and as keyframes."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from mnst_video.errors import UsageError
from mnst_video.media.clip import Clip
from mnst_video.media.files import check_target, write_bytes
from mnst_video.media.frames import Frame
from mnst_video.media.output.checks import check_output
from mnst_video.media.output.containers import EncoderSettings, format_of
from mnst_video.media.output.dub import dub
from mnst_video.media.output.encode import open_encoder
from mnst_video.media.output.pictures import is_series
from mnst_video.media.output.soundtrack import Soundtrack

# The preset of an encoder that works beside the player, where it has such.
QUICK = "veryfast"


@dataclass
class Take:
    """What is played, a place of the crossfader for each frame that was shown.

    paintings: how many there are. places: by the number of the frame in the clip.
    """

    paintings: int
    places: dict[int, float] = field(default_factory=dict)

    @property
    def keys(self) -> str:
        """The course of γ, or of the position in a setlist, as `--gamma` takes it.

        A key for each frame that was shown: what was dropped lies between. What lies on a straight
        line from one to the next needs none.
        """
        shown = sorted(self.places.items())
        kept = [
            (number, value)
            for at, (number, value) in enumerate(shown)
            if at in (0, len(shown) - 1)
            or not _straight(shown[at - 1], (number, value), shown[at + 1])
        ]
        return ", ".join(f"{number}f={self._value(value)!r}" for number, value in kept)

    def _value(self, place: float) -> float:
        return place if self.paintings == 2 else 1.0 + place * (self.paintings - 1)

    def save(self, path: Path, model: Path, passage: Mapping[str, str] | None = None) -> None:
        """Write it as a preset, with which a render plays the same. Raises MachineError.

        passage: what was played of the clip, as the options start and end say it.
        """
        name = "gamma" if self.paintings == 2 else "position"
        text = (
            f"# What was played with {model.name}; leave that out, or polish, for full quality.\n"
            f'{name} = "{self.keys}"\n'
        ) + "".join(f'{option} = "{value}"\n' for option, value in (passage or {}).items())
        write_bytes(path, text.encode())


def _straight(before: tuple[int, float], here: tuple[int, float], after: tuple[int, float]) -> bool:
    """Whether three lie on a line; held values do, so that most of a rest needs no keys."""
    share = (here[0] - before[0]) / (after[0] - before[0])
    return abs(before[1] + share * (after[1] - before[1]) - here[1]) < 1e-12


@dataclass(frozen=True)
class Kept:
    """What is kept of a session, each as a file or not at all.

    record: a clip of what was shown. save_gamma: the course of γ, as a preset. input: a clip of
    what a camera gave. Only in place of what was there before where `overwrite` says so.
    """

    record: Path | None = None
    save_gamma: Path | None = None
    input: Path | None = None
    overwrite: bool = False

    def check(self, sources: Sequence[Path], source: Clip | Fraction) -> None:
        """Raise UsageError where a file cannot or must not be written."""
        for path in filter(None, (self.record, self.input)):
            check_output(path, sources, self.overwrite, EncoderSettings(), source)
        if self.save_gamma is not None:
            check_target(self.save_gamma, sources, self.overwrite)
        paths = [p for p in (self.record, self.save_gamma, self.input) if p is not None]
        if len({path.resolve() for path in paths}) < len(paths):
            raise UsageError("the files that are kept of a session need names of their own")


@dataclass
class Record:
    """Writes what is shown so that every frame of the input has its time: dropped ones are the
    picture before once more.

    copies: how often a frame, by its number, is shown at the input's rate.
    """

    write: Callable[[Frame], None]
    copies: Callable[[int], int] = lambda _: 1
    first: int = 0
    written: int = 0
    last: Frame | None = None

    def add(self, number: int, picture: Frame) -> None:
        """A picture that is shown at the time of a frame; of two at one time the first is kept."""
        if number < self.first + self.written:
            return
        while self.first + self.written < number:
            self._write(picture if self.last is None else self.last)
        self._write(picture)
        self.last = picture

    def _write(self, picture: Frame) -> None:
        for _ in range(self.copies(self.first + self.written)):
            self.write(picture)
        self.written += 1


@contextlib.contextmanager
def recording(
    path: Path,
    source: Clip | Fraction,
    size: tuple[int, int],
    frames: range | None = None,
    sound: Soundtrack | None = None,
) -> Iterator[Record]:
    """A clip that is written while the context lasts, and is there when it ends well.

    source: what it is made from, or a rate. frames: the passage of a clip; it has the sound of as
    much of that as was recorded, or of `sound`. Raises MachineError.
    """
    asked = EncoderSettings(audio=False)
    series = is_series(path)
    if not series and QUICK in format_of(path, asked).codec.presets:
        asked = replace(asked, preset=QUICK)
    if isinstance(source, Fraction):
        with open_encoder(path, source, size, asked=asked) as write:
            yield Record(write)
        return
    times = source.times
    frames = frames or range(times.frames)
    passage = times.span(frames)
    with open_encoder(path, source, size, passage=passage, asked=asked) as write:
        record = Record(write, times.shown, frames.start)
        yield record
    if not series:
        dub(path, source, sound, times.span(frames[: record.written]))
