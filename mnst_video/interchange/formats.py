"""Which format a file has, and the way in and out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from mnst_video.errors import InputError, MachineError, UsageError
from mnst_video.interchange.frames import (
    read_deforum,
    read_parseq,
    write_after_effects,
    write_deforum,
    write_parseq,
)
from mnst_video.interchange.labels import is_labels, read_labels, write_labels
from mnst_video.interchange.markers import read_csv, read_edl, write_csv, write_edl, write_reaper
from mnst_video.interchange.midi import read_midi, write_midi
from mnst_video.interchange.otio import read_otio, write_otio
from mnst_video.interchange.score import Lane, Score, Writing
from mnst_video.media.files import check_file
from mnst_video.timeline.clock import Clock

# No file of keys is larger.
MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Format:
    """A format of keys: for a person, the ending of its files, and how a lane is written in it."""

    about: str
    ending: str
    write: Callable[[Lane, Writing], str | bytes]


FORMATS: Mapping[str, Format] = {
    "csv": Format("times, values and easings", ".csv", write_csv),
    "audacity": Format("Audacity's labels", ".txt", write_labels),
    "midi": Format("markers and a controller", ".mid", write_midi),
    "reaper": Format("Reaper's markers", ".csv", write_reaper),
    "edl": Format("markers, for DaVinci Resolve", ".edl", write_edl),
    "otio": Format("OpenTimelineIO: markers and shots", ".otio", write_otio),
    "deforum": Format("Deforum's schedule", ".txt", write_deforum),
    "parseq": Format("a document of Parseq", ".json", write_parseq),
    "aftereffects": Format("keyframes to paste into After Effects", ".txt", write_after_effects),
}

# Endings that files are read by; a text may be labels or a schedule.
READ = (".csv", ".tsv", ".txt", ".mid", ".midi", ".edl", ".otio", ".json")


@dataclass(frozen=True)
class Reading:
    """What reading may need to know.

    clock: of the clip, if there is one. fps: frames a second, where the file counts them.
    lane: of a MIDI file, see `read_midi`. field: of a Parseq document.
    value_range: the values of the file that are 0 and 1.
    """

    clock: Clock | None = None
    fps: Fraction | None = None
    lane: str | None = None
    field: str | None = None
    value_range: tuple[float, float] = (0.0, 1.0)

    @property
    def rate(self) -> Fraction | None:
        """Frames a second, where somebody said them."""
        return self.fps or (self.clock.fps if self.clock else None)


def read_score(path: Path, reading: Reading) -> Score:
    """What a file says of time. Raises InputError, with the file's name, or MachineError."""
    check_file(path, "timeline")
    if path.suffix.lower() not in READ:
        raise InputError(f"{path}: unknown kind of timeline; use one of {', '.join(READ)}")
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if len(data) > MOST_BYTES:
        raise InputError(f"{path}: is larger than {MOST_BYTES // 2**20} MB, which no timeline is")
    try:
        return _scaled(_read(path.suffix.lower(), data, reading), reading.value_range)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _read(ending: str, data: bytes, reading: Reading) -> Score:
    if ending in (".mid", ".midi"):
        return read_midi(data, reading.lane)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if ending in (".csv", ".tsv"):
        return read_csv(text, reading.clock, reading.fps)
    if ending == ".edl":
        return read_edl(text, reading.clock, reading.fps)
    if ending == ".otio":
        return read_otio(text)
    if ending == ".json":
        return read_parseq(text, reading.rate, reading.field)
    if is_labels(text):
        return read_labels(text)
    if reading.rate is None:
        raise InputError("it counts frames: give their rate with --fps, or a --clip")
    return read_deforum(text, reading.rate)


def _scaled(score: Score, value_range: tuple[float, float]) -> Score:
    low, high = value_range
    if (low, high) == (0.0, 1.0):
        return score
    keys = tuple(replace(key, value=(key.value - low) / (high - low)) for key in score.keys)
    return replace(score, keys=keys)


def written(lane: Lane, output: Path, name: str | None, writing: Writing) -> bytes:
    """A lane in a format, by its name or the output's ending. Raises UsageError, MachineError."""
    ending = output.suffix.lower()
    found = name or next((n for n, form in FORMATS.items() if form.ending == ending), "")
    if found not in FORMATS:
        raise UsageError(f"{output}: in which format? Give --format: {', '.join(FORMATS)}")
    try:
        made = FORMATS[found].write(lane, writing)
    except MachineError as error:
        raise MachineError(f"{output}: {error}") from None
    return made.encode() if isinstance(made, str) else made
