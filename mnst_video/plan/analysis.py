"""What a render has to know of a whole clip: its shots, and the styles measured on it."""

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import Any

from mnst_video.errors import UsageError
from mnst_video.media.clip import Clip
from mnst_video.media.frames import Frame, working_size
from mnst_video.media.input.decode import read_frames
from mnst_video.method.sigma import Calibration
from mnst_video.painting.faces import Face, Faces, track_faces
from mnst_video.painting.palette import Palette
from mnst_video.painting.styles import Calibrations, Styles
from mnst_video.plan.setup import Setup
from mnst_video.plan.shots import DETECTION_WIDTH, CutDetector, Shot, shots_within, split, spread
from mnst_video.timeline.clock import moment

# Frames of a clip, or of a shot, that its calibration is measured on.
CALIBRATION_FRAMES = 8

# Called for each frame that was looked at.
LookObserver = Callable[[], None]
# Measures the styles, in the colours of a palette if any, on some frames.
Measure = Callable[[Palette | None, Sequence[Frame]], Calibrations]


@dataclass(frozen=True)
class Analysis:
    """What a render has to know of the whole clip before it begins.

    calibrations: of each pair of styles; one set for the clip, or one a shot with sigma = "shot"
        or where the styles take each shot's colours.
    palettes: the colours of each shot where the styles take them, else empty.
    faces: those of the frames that are to be rendered, where they are kept; see `with_faces`.
    """

    shots: tuple[Shot, ...]
    calibrations: tuple[Calibrations, ...]
    palettes: tuple[Palette, ...] = ()
    faces: Mapping[int, Faces] = field(default_factory=dict)

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
                tuple(Calibration.from_json(pair) for pair in pairs)
                for pairs in saved["calibrations"]
            ),
            palettes=tuple(
                Palette(tuple(p["mean"]), tuple(map(tuple, p["covariance"])))
                for p in saved["palettes"]
            ),
            faces={
                int(frame): tuple(Face(tuple(map(tuple, f["points"])), f["weight"]) for f in faces)
                for frame, faces in saved["faces"].items()
            },
        )


def nobody() -> None:
    """The observer of an analysis that nobody watches."""


def frames_to_look_at(setup: Setup) -> int:
    """How many frames `analyse` and `with_faces` look at together: some are looked at anew."""
    paint = setup.brief.paint
    whole = setup.clip.times.frames * (2 if paint.by_shot else 1)
    return whole + (len(setup.frames) if paint.keeps_faces else 0)


def analyse(
    setup: Setup, looked: LookObserver = nobody, measure: Measure | None = None
) -> Analysis:
    """Find the shots of a whole clip, and measure the styles on frames sampled from it.

    measure: on another machine; default: on this one.
    Raises InputError where a frame can no longer be decoded.
    """
    clip, options, size = setup.clip, setup.options, setup.size
    cuts = given_cuts(setup)
    paint, measure = setup.brief.paint, measure or partial(_measured, setup.styles)
    wanted = set() if paint.by_shot else spread(0, clip.times.frames, CALIBRATION_FRAMES)
    detector, sample = CutDetector(), []
    for number, frame in enumerate(_counted(read_frames(clip, *size), looked)):
        if options.cuts == "auto":
            detector.add(frame)
        if number in wanted:
            sample.append(frame)
    shots = split(clip.times.frames, cuts or detector.cuts())
    if sample:  # known before the cuts: the clip need not be read again
        return Analysis(shots, (measure(None, sample),))
    groups = shots if paint.by_shot else (Shot(0, 0, clip.times.frames),)
    calibrations: list[Calibrations] = []
    palettes: list[Palette] = []
    content = read_frames(clip, *size)
    with contextlib.closing(content):
        for group in groups:
            wanted = spread(group.start, group.end, CALIBRATION_FRAMES)
            numbered = zip(range(group.start, group.end), _counted(content, looked), strict=False)
            sample = [frame for number, frame in numbered if number in wanted]
            if paint.keeps_colors:
                palettes.append(Palette.of(sample))
            calibrations.append(measure(palettes[-1] if palettes else None, sample))
    return Analysis(shots, tuple(calibrations), tuple(palettes))


def _measured(styles: Styles, palette: Palette | None, frames: Sequence[Frame]) -> Calibrations:
    return styles.in_colors(palette).calibrate(frames)


def found_cuts(clip: Clip, looked: LookObserver = nobody) -> list[int]:
    """The first frames of new shots, as `analyse` finds them, in small pictures.

    Raises InputError where a frame cannot be decoded.
    """
    detector = CutDetector()
    size = working_size(clip.width, clip.height, 2 * DETECTION_WIDTH)
    for frame in _counted(read_frames(clip, *size), looked):
        detector.add(frame)
    return detector.cuts()


def with_faces(setup: Setup, analysis: Analysis, looked: LookObserver = nobody) -> Analysis:
    """The same with the faces in the frames that are to be rendered, tracked through each shot.

    Raises InputError where a frame can no longer be decoded.
    """
    if not setup.brief.paint.keeps_faces:
        return analysis
    frames = setup.frames
    found: dict[int, Faces] = {}
    content = read_frames(setup.clip, *setup.size, frames.start, frames.stop)
    with contextlib.closing(content):
        for shot in shots_within(analysis.shots, frames.start, frames.stop):
            shown = _counted(itertools.islice(content, len(shot.frames)), looked)
            tracked = track_faces(shown)
            found |= {
                frame: faces for frame, faces in zip(shot.frames, tracked, strict=True) if faces
            }
    return replace(analysis, faces=found)


def _counted(frames: Iterable[Frame], looked: LookObserver) -> Iterator[Frame]:
    for frame in frames:
        looked()
        yield frame


def given_cuts(setup: Setup) -> list[int]:
    """The first frames of new shots, where the options say them. Raises UsageError."""
    cuts = setup.options.cuts
    if not isinstance(cuts, tuple):
        return []
    return [_cut_frame(setup.clip, moment("cuts", time, setup.course.clock)) for time in cuts]


def _cut_frame(clip: Clip, seconds: Fraction) -> int:
    frame = clip.times.frame_at(seconds)
    if not 0 < frame < clip.times.frames:
        duration = float(clip.times.duration)
        raise UsageError(
            f"--cuts: {float(seconds):g} s is not inside the clip, which lasts {duration:.3f} s"
        )
    return frame
