"""What a render has to know before its first frame: its timeline, frames, size, shots and sigma."""

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import cv2

from mnst_video.errors import InputError, MachineError, UsageError
from mnst_video.media.images import Frame, encode_image, load_image
from mnst_video.media.input.decode import decodable, read_frames
from mnst_video.media.input.pictures import is_sequence, probe_sequence, sequence_name
from mnst_video.media.input.probe import VideoInfo, probe
from mnst_video.media.input.sound import sound_codecs
from mnst_video.media.output.encode import Soundtrack, output_notes
from mnst_video.method.device import (
    BYTES_PER_PIXEL,
    lacks_memory,
    memory,
    pick_device,
    pick_precision,
)
from mnst_video.method.sigma import Calibration
from mnst_video.method.vgg import VGG19
from mnst_video.options import MAX_SIDE, Options
from mnst_video.painting.frame import (
    Calibrations,
    Stylist,
    load_network,
    stylize_shot,
    working_size,
)
from mnst_video.painting.palette import Palette
from mnst_video.plan.gamma import Score, compose, moment
from mnst_video.plan.shots import CutDetector, Shot, passage, split
from mnst_video.timeline.keys import Fader
from mnst_video.timeline.timecode import END

# Frames of a clip, or of a shot, that its calibration is measured on.
CALIBRATION_FRAMES = 8

# Steps of the trial that an estimate is made from.
TRIAL_STEPS = 4
# The clip's size against that of its frames: 0.05 on the sample, more with grain and motion.
CLIP_SHARE = 0.1


@dataclass(frozen=True)
class Setup:
    """Everything that a render needs, but for the analysis of the clip.

    frames: those of the whole clip that are to be rendered. size: (width, height) to work in.
    styles: the style images as they are in their files.
    """

    info: VideoInfo
    options: Options
    score: Score
    frames: range
    network: VGG19
    size: tuple[int, int]
    styles: tuple[Frame, ...]
    stylist: Stylist

    @property
    def output_size(self) -> tuple[int, int]:
        """(width, height) of the clip that is written."""
        if self.options.output_size == "source":
            return (self.info.width, self.info.height)
        return self.options.output_size or self.size

    @property
    def tiles(self) -> int:
        """In how many parts the network looks at a frame."""
        return len(self.network.tiles(self.size[1], self.size[0]))

    def output_notes(self, output: Path) -> tuple[str, ...]:
        """What a person should know of the clip that is to be written."""
        passage = self.info.passage(self.frames)
        return output_notes(output, self.info, self.soundtrack, passage, self.options.encoder)

    @property
    def soundtrack(self) -> Soundtrack | None:
        """What replaces the clip's own sound, if anything."""
        audio = self.options.audio
        return Soundtrack(audio, sound_codecs(audio)) if audio is not None else None


@dataclass(frozen=True)
class Analysis:
    """What a render has to know of the whole clip before it begins.

    calibrations: of each pair of styles; one set for the clip, or one a shot with sigma = "shot"
        or where the styles take each shot's colours.
    palettes: the colours of each shot where the styles take them, else empty.
    """

    shots: tuple[Shot, ...]
    calibrations: tuple[Calibrations, ...]
    palettes: tuple[Palette, ...] = ()
    notes: tuple[str, ...] = ()

    def calibration(self, shot: Shot) -> Calibrations:
        """The calibrations that hold for a shot."""
        return self.calibrations[shot.index if len(self.calibrations) > 1 else 0]

    def palette(self, shot: Shot) -> Palette | None:
        """The colours that the styles take in a shot, if any."""
        return self.palettes[shot.index] if self.palettes else None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> "Analysis":
        """The inverse of `to_json`. Raises KeyError or TypeError where it is not."""
        return cls(
            shots=tuple(Shot(**shot) for shot in saved["shots"]),
            calibrations=tuple(
                tuple(Calibration(**pair) for pair in pairs) for pairs in saved["calibrations"]
            ),
            palettes=tuple(
                Palette(tuple(p["mean"]), tuple(map(tuple, p["covariance"])))
                for p in saved["palettes"]
            ),
            notes=tuple(saved["notes"]),
        )


@dataclass(frozen=True)
class Plan:
    """What a render is about to do.

    pending: the numbers of the frames that are not there yet. jobs: how many may work at once.
    """

    setup: Setup
    analysis: Analysis
    pending: tuple[int, ...]
    output: Path | None = None
    jobs: int = 1

    @property
    def shots(self) -> tuple[Shot, ...]:
        """What is to be rendered of each shot."""
        frames = self.setup.frames
        return passage(self.analysis.shots, frames.start, frames.stop)

    @property
    def busy(self) -> int:
        """How many of the jobs have work."""
        pending = {*self.pending}
        return min(self.jobs, sum(not pending.isdisjoint(shot.frames) for shot in self.shots))

    @property
    def sigma2(self) -> tuple[tuple[float, ...], ...]:
        """Of each pair of styles, for the clip or for each of its shots."""
        return tuple(self.setup.stylist.sigma2(pairs) for pairs in self.analysis.calibrations)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd, for a person to read."""
        notes = self.setup.info.notes + self.setup.score.notes + self.analysis.notes
        if self.output is not None:
            notes += self.setup.output_notes(self.output)
        if 0 < self.busy < self.jobs:
            notes += (
                f"{self.busy} of the {self.jobs} jobs have work: a shot is one job's, and each "
                "has its part of the threads",
            )
        if self.setup.tiles > 1:
            why = "" if self.setup.options.tile else ", as memory is short for the whole"
            notes += (f"looked at in {self.setup.tiles} tiles{why}",)
        return notes


@dataclass(frozen=True)
class Estimate:
    """What a render will take: seconds, and bytes on disk while it works, the clip included."""

    seconds: float
    disk_bytes: int


def clip_of(source: Path | str, options: Options, *, quick: bool = False) -> VideoInfo:
    """The clip that the options make of a file, or of pictures; quick: see `probe`.

    Raises InputError or UsageError.
    """
    source, rate = Path(source), options.fps
    if is_sequence(source):
        if rate == "vfr":
            raise UsageError("--fps vfr: pictures have no times; give frames a second")
        info = probe_sequence(
            source,
            rate=None if rate == "source" else rate,
            seconds=options.seconds,
            max_pixels=options.max_pixels,
        )
    else:
        info = probe(
            source,
            stream=options.stream,
            rate=rate,
            max_pixels=options.max_pixels,
            quick=quick,
        )
    if options.allow_partial:
        info = _without_damage(info)
    return replace(info, matte=options.matte or info.matte)


def default_output(source: Path, ending: str) -> Path:
    """Where a clip of `source` goes: beside it, and beside a folder of pictures, not into it."""
    if source.is_dir():
        folder = source.resolve()
        return folder.with_name(f"{folder.name}{ending}")
    name = source.stem if source.is_file() else sequence_name(source)
    return source.with_name(f"{name}{ending}")


def _without_damage(info: VideoInfo) -> VideoInfo:
    """The part of a clip before the first frame that cannot be decoded."""
    there, total = decodable(info), info.number(info.frames - 1) + 1
    if there >= total:
        return info
    if there == 0:
        raise InputError(f"{info.path}: not one of its frames can be decoded")
    note = f"damaged or cut off: the {there} of {total} frames that can be decoded are rendered"
    return replace(info.first(there), notes=(*info.notes, note))


def prepare(info: VideoInfo, options: Options) -> Setup:
    """Read the styles and the weights, and resolve what the options say of this clip.

    Raises UsageError, InputError or MachineError.
    """
    if options.audio is not None:
        sound_codecs(options.audio)  # else it would fail after the last frame
    score = compose(options, info)
    frames = _passage_frames(info, options, score)
    styles = tuple(load_image(path) for path in options.styles)
    network = load_network(options)
    max_side = options.max_side or MAX_SIDE[network.device.type]
    size = working_size(info.width, info.height, max_side)
    stylist = Stylist(network, options, styles, *size)
    return Setup(info, options, score, frames, network, size, styles, stylist)


def analyse(setup: Setup) -> Analysis:
    """Find the shots of a whole clip, and measure the styles on frames sampled from it.

    A clip that is damaged after the frames to be rendered will do.
    Raises InputError where one of them cannot be decoded.
    """
    info, options, size = setup.info, setup.options, setup.size
    notes = []
    cuts = []
    if isinstance(options.cuts, tuple):
        cuts = [_cut_frame(info, moment("cuts", time, setup.score.clock)) for time in options.cuts]
    keep = options.colors == "keep"
    by_shot = keep or options.sigma == "shot"
    wanted = set() if by_shot else spread(0, info.frames, CALIBRATION_FRAMES)
    detector, readable, sample = CutDetector(), 0, []
    try:
        for frame in read_frames(info, *size):
            if options.cuts == "auto":
                detector.add(frame)
            if readable in wanted:
                sample.append(frame)
            readable += 1
    except InputError as error:
        if readable < setup.frames.stop:
            raise
        notes.append(str(error))
    shots = split(info.frames, cuts or detector.cuts())
    if sample:  # known before the cuts: the clip need not be read again
        return Analysis(shots, (setup.stylist.calibrate(sample),), notes=tuple(notes))
    groups = shots if by_shot else (Shot(0, 0, info.frames),)
    calibrations: list[Calibrations] = []
    palettes: list[Palette] = []
    content = read_frames(info, *size, 0, readable)
    with contextlib.closing(content):
        for group in groups:
            wanted = spread(group.start, min(group.end, readable), CALIBRATION_FRAMES)
            numbered = zip(range(group.start, group.end), content, strict=False)
            sample = [frame for number, frame in numbered if number in wanted]
            if keep:
                palettes.append(Palette.of(sample) if sample else palettes[-1])
            stylist = setup.stylist.in_colors(palettes[-1] if keep else None)
            calibrations.append(stylist.calibrate(sample) if sample else calibrations[-1])
    return Analysis(shots, tuple(calibrations), tuple(palettes), tuple(notes))


def plan(source: Path | str, options: Options) -> tuple[Plan, Estimate]:
    """What a render would do, and take, without rendering. Raises what `prepare` raises."""
    info = clip_of(source, options)
    with memory_errors(options):
        setup = prepare(info, options)
        whole = Plan(setup, analyse(setup), tuple(setup.frames))
        return whole, estimate(whole)


def estimate(plan: Plan) -> Estimate:
    """Time and disk of a render, from a few steps on its first two frames."""
    setup, shots = plan.setup, plan.shots
    options, start = setup.options, setup.frames.start
    content = list(read_frames(setup.info, *setup.size, start, min(start + 2, setup.frames.stop)))
    for later in content[1:]:
        later[0, 0] ^= 128  # a repeat would take no step
    faders = [setup.score.fader(start)] * len(content)
    calibrations = plan.analysis.calibration(shots[0])
    stylist = setup.stylist.in_colors(plan.analysis.palette(shots[0])).with_steps(TRIAL_STEPS)
    # The first run warms up and is not timed.
    next(stylize_shot(stylist.with_steps(1), calibrations, content, faders))
    ends: list[float] = []

    def step_done(*_: object) -> None:
        ends.append(time.monotonic())

    costs, sizes = [], []  # of a first and of a later frame: seconds beside the steps, and a step's
    begun = time.monotonic()
    for result in stylize_shot(stylist, calibrations, content, faders, callback=step_done):
        sizes.append(len(encode_image(result.frame, ".png")))
        step = median(b - a for a, b in pairwise(ends))
        costs.append((max(time.monotonic() - begun - TRIAL_STEPS * step, 0.0), step))
        begun = time.monotonic()
        ends.clear()
    seconds = 0.0
    for shot in shots:
        calibrations = plan.analysis.calibration(shot)
        before: Fader | None = None
        for frame in range(shot.start, shot.end):
            fader = setup.score.fader(frame)
            beside, step = costs[0] if before is None else costs[-1]
            seconds += beside + step * setup.stylist.steps(fader, calibrations, before)
            before = fader if options.warm_start else None
    frames_bytes = sum(sizes) / len(sizes) * len(setup.frames)
    return Estimate(seconds, round(frames_bytes * (1.0 + CLIP_SHARE)))


@contextlib.contextmanager
def memory_errors(options: Options) -> Iterator[None]:
    """Raise MachineError, with the size that would fit, where memory runs out."""
    device = pick_device(options.device)
    _, free = memory(device)
    try:
        yield
    except (MemoryError, RuntimeError, cv2.error) as error:
        if not lacks_memory(error):
            raise
        # A fifth is left for what is no feature map.
        pixels = 0.8 * free / BYTES_PER_PIXEL[pick_precision(options.precision, device)]
        width = max(32, int(math.sqrt(pixels * 16 / 9)) // 16 * 16)
        raise MachineError(
            f"out of memory: the {free / 1e9:.1f} GB that were free hold a picture of "
            f"{width}×{width * 9 // 16}; give --max-side {width}, or --tile {pixels / 2e6:.2f}"
        ) from None


def _passage_frames(info: VideoInfo, options: Options, score: Score) -> range:
    """The frames of the passage, half open."""
    start, end = 0, info.frames
    if options.start is not None:
        start = info.frame_at(moment("start", options.start, score.clock))
    if options.end is not None and options.end != END:  # which is the last frame's start
        end = info.frame_at(moment("end", options.end, score.clock))
    if start >= end:
        first = options.start.shown if options.start else "start"
        last = options.end.shown if options.end else "end"
        raise UsageError(
            f"{info.path}: no frame lies between {first} and {last}; "
            f"the clip lasts {float(info.duration):.3f} s"
        )
    return range(start, end)


def _cut_frame(info: VideoInfo, seconds: Fraction) -> int:
    frame = info.frame_at(seconds)
    if not 0 < frame < info.frames:
        duration = float(info.duration)
        raise UsageError(
            f"--cuts: {float(seconds):g} s is not inside the clip, which lasts {duration:.3f} s"
        )
    return frame


def spread(start: int, end: int, count: int) -> set[int]:
    """At most `count` numbers spread evenly over `start` to `end`, half open."""
    count = min(count, end - start)
    return {start + (2 * i + 1) * (end - start) // (2 * count) for i in range(count)}
