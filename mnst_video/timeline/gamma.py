"""γ for each frame of a clip, for each picture of a sweep, and for a still."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from mnst_video.errors import InputError, TextError, UsageError
from mnst_video.timeline.beats import detect_beats
from mnst_video.timeline.clock import Clock, Tempo
from mnst_video.timeline.curve import Schedule
from mnst_video.timeline.envelope import Sound, envelope
from mnst_video.timeline.fader import Fader, Split
from mnst_video.timeline.keys import Timeline
from mnst_video.timeline.reaction import Reaction

# What a mask does with γ: nothing, is it, multiplies it, or uncovers the share of the picture that
# it stands for.
Mode = Literal["none", "replace", "multiply", "wipe"]

# WCAG 2.3.1: more than three flashes within a second can cause seizures.
FLASHES_PER_SECOND = 3
# A change of gamma between two frames that is taken for half a flash.
FLASH = 0.3


@dataclass(frozen=True)
class TimelineOptions:
    """What each means, its range and its default stand in `Options`, which makes this.

    styles: how many there are.
    """

    gamma: Timeline | None
    position: Timeline | None
    react: tuple[Reaction, ...]
    strength: Timeline
    bpm: float | Literal["auto"] | None
    beat_offset: float | None
    beats_per_bar: int
    styles: int

    @property
    def needs_sound(self) -> str | None:
        """Which of them needs a sound, in words; None where none does."""
        wanted = [f"react = {reaction}" for reaction in self.react if reaction.kind != "beat"]
        wanted += ["bpm = auto"] * (self.bpm == "auto")
        return wanted[0] if wanted else None


@dataclass(frozen=True)
class Course:
    """A clip's timeline, resolved. Every sequence has an entry a frame of the whole clip.

    curve: the keys of gamma, or of the position in a setlist, without what reacts to sound.
    values: gamma or position, reactions included.
    strength: the keys of the strength, between the footage, 0, and the painting, 1.
    strengths: the same of each frame.
    positions: whether the values are positions in a setlist; else they are gammas.
    replaced: whether a mask says them by place instead, and they have no say.
    """

    clock: Clock
    curve: Schedule
    values: tuple[float, ...]
    strength: Schedule
    strengths: tuple[float, ...]
    positions: bool
    styles: int
    notes: tuple[str, ...]
    replaced: bool = False

    def fader(self, frame: int) -> Fader:
        """Which two styles a frame shows, and gamma between them."""
        return _fader(self.values[frame], self.positions, self.styles)

    def split(self, frame: int, mode: Mode) -> Split:
        """What a frame's mask stands for."""
        return split_of(self.values[frame], self.positions, self.styles, mode)

    @property
    def name(self) -> str:
        """What the values are called."""
        return "position" if self.positions else "γ"

    def shown(self, frame: int) -> str:
        """A frame's value for a person."""
        if self.replaced:
            return f"{self.name} by its mask"
        return f"{self.name} {self.values[frame]:.3f}"


@dataclass(frozen=True)
class Curves:
    """A clip's keys, resolved: without what reacts to sound, and without looking at every frame.

    curve, strength, positions: as `Course` has them.
    """

    clock: Clock
    curve: Schedule
    strength: Schedule
    positions: bool
    notes: tuple[str, ...]


def timeline_of(options: TimelineOptions) -> tuple[bool, Timeline]:
    """Whether the options give positions in a setlist, and the keys, also where nobody gave any.

    Raises UsageError.
    """
    positions, timeline = _timeline(options)
    return positions, timeline or _through(positions, options)


def curves_of(
    options: TimelineOptions,
    times: Sequence[Fraction],
    fps: Fraction,
    sound: Sound | None,
    duration: Fraction | None = None,
) -> Curves:
    """The keys on a clip; what is given, and raised, is that of `course_of`."""
    clock = Clock(times, fps, tempo_of(options, sound), duration)
    positions, timeline = timeline_of(options)
    curve, notes = _curve(positions, timeline, options, clock)
    strength, more = _resolve("strength", options.strength, clock, 0.0, 1.0)
    return Curves(clock, curve, strength, positions, notes + more)


def course_of(
    options: TimelineOptions,
    times: Sequence[Fraction],
    fps: Fraction,
    sound: Sound | None,
    duration: Fraction | None = None,
) -> Course:
    """The course of γ on a clip.

    times: of its frames, in seconds from the first one. sound: on the same clock; needed where
        `options.needs_sound`. duration: as `Clock` has it.
    Raises UsageError where the clip has no such time or there is no tempo, InputError where no
    beat is found, MachineError where bpm is "auto" without librosa.
    """
    curves = curves_of(options, times, fps, sound, duration)
    clock = curves.clock
    values = _react(options, curves.curve, sound, clock)
    strengths = tuple(curves.strength.at(time) for time in clock.times)
    notes = curves.notes + (_flashes(values, clock) or _flashes(strengths, clock))
    return Course(
        clock=clock,
        curve=curves.curve,
        values=values,
        strength=curves.strength,
        strengths=strengths,
        positions=curves.positions,
        styles=options.styles,
        notes=notes,
    )


def split_of(value: float, positions: bool, styles: int, mode: Mode) -> Split:
    """What a mask stands for where γ, or with `positions` the place in a setlist, has a value.

    In a setlist white is its first style and black its last one. A wipe uncovers the first of the
    two styles that the place is between.
    """
    count = styles if positions else None
    if mode == "none":
        return Split(value, value, count)
    if mode == "wipe":
        pair = _fader(value, positions, styles).pair
        return Split(pair + 2.0, pair + 1.0, count) if positions else Split(0.0, 1.0)
    white = value if mode == "multiply" else 1.0
    return Split(float(styles), white, count) if positions else Split(0.0, white)


def split_at(options: TimelineOptions, place: "Place", mode: Mode) -> Split:
    """What a mask stands for at a place of a timeline. Raises UsageError."""
    positions, _ = _timeline(options)
    return split_of(place.value, positions, options.styles, mode)


def place_of_still(options: TimelineOptions) -> "Place":
    """Where the crossfader stands for a picture: the middle, unless the options say.

    Of keys the one at the start counts. Raises UsageError.
    """
    positions, timeline = _timeline(options)
    middle = (1 + options.styles) / 2 if positions else 0.5
    # A picture has no sound to find beats in: keys in beats then ask for a number.
    tempo = None if options.bpm == "auto" else tempo_of(options, None)
    one_frame = Clock((Fraction(0),), Fraction(25), tempo)
    curve, _ = _curve(positions, timeline or Timeline.constant(middle), options, one_frame)
    value = curve.at(Fraction(0))
    return Place(value, _fader(value, positions, options.styles), 1.0)


@dataclass(frozen=True)
class Place:
    """A moment of a timeline: gamma or position, what that means, and the strength."""

    value: float
    fader: Fader
    strength: float


def places_of(options: TimelineOptions, count: int, fps: Fraction) -> list[Place]:
    """The timeline on a silent clip of `count` frames. Raises UsageError."""
    if options.react or options.bpm == "auto":
        asked = f"react = {options.react[0]}" if options.react else "bpm = auto"
        raise UsageError(f"{asked} is for clips: a sweep has no sound")
    curves = curves_of(options, tuple(i / fps for i in range(count)), fps, None)
    values = [(curves.curve.at(time), curves.strength.at(time)) for time in curves.clock.times]
    positions, styles = curves.positions, options.styles
    return [Place(value, _fader(value, positions, styles), s) for value, s in values]


def _fader(value: float, positions: bool, styles: int) -> Fader:
    """A gamma, or a position in a setlist, as a fader."""
    return Fader.at_value(value, styles if positions else None)


def _timeline(options: TimelineOptions) -> tuple[bool, Timeline | None]:
    """Whether the options give positions, and the timeline, if any. Raises UsageError."""
    count = options.styles
    if count > 2 and options.gamma is not None:
        raise UsageError(
            f"gamma moves between two styles, and there are {count}: "
            f'give --position, such as "start=1, end={count}"'
        )
    positions = options.position is not None or count > 2
    return positions, options.position if positions else options.gamma


def _through(positions: bool, options: TimelineOptions) -> Timeline:
    """What holds without a timeline: style 2 to style 1, or a setlist from first to last."""
    return Timeline.ramp(1.0, options.styles) if positions else Timeline.ramp(0.0, 1.0)


def _curve(
    positions: bool, timeline: Timeline, options: TimelineOptions, clock: Clock
) -> tuple[Schedule, tuple[str, ...]]:
    if positions:
        return _resolve("position", timeline, clock, 1.0, float(options.styles))
    return _resolve("gamma", timeline, clock, 0.0, 1.0)


def _resolve(
    name: str, timeline: Timeline, clock: Clock, low: float, high: float
) -> tuple[Schedule, tuple[str, ...]]:
    try:
        schedule, notes = timeline.resolve(clock, low, high)
    except TextError as error:
        raise UsageError(f"{name}: {error}") from None
    return schedule, tuple(f"{name}: {note}" for note in notes)


def tempo_of(options: TimelineOptions, sound: Sound | None) -> Tempo | None:
    """The tempo that is asked for, if any; "auto" needs a sound.

    Raises InputError where no beat is found, MachineError without librosa.
    """
    if options.bpm is None:
        return None
    if options.bpm != "auto":
        bpm, offset = (Fraction(str(number)) for number in (options.bpm, options.beat_offset or 0))
        return Tempo.steady(bpm, offset, options.beats_per_bar)
    if sound is None:
        raise InputError("--bpm auto: there is no sound to find beats in; give --bpm as a number")
    # To the millisecond: exact arithmetic on longer fractions would crawl.
    beats = [Fraction(round(beat * 1000), 1000) for beat in detect_beats(sound)]
    zero = 0
    if options.beat_offset is not None:
        wanted = Fraction(str(options.beat_offset))
        zero = min(range(len(beats)), key=lambda i: abs(beats[i] - wanted))
    return Tempo(tuple(beats), zero, options.beats_per_bar)


def _react(
    options: TimelineOptions, curve: Schedule, sound: Sound | None, clock: Clock
) -> tuple[float, ...]:
    """The curve plus what the sound adds, clamped to its range."""
    values = [curve.at(time) for time in clock.times]
    seconds = [float(time) for time in clock.times]
    beats: Sequence[float] = ()
    for reaction in options.react:
        if reaction.kind == "beat":
            if clock.tempo is None:
                raise UsageError(f"react = {reaction} needs a tempo: add --bpm 120, or --bpm auto")
            beats = _beats(clock, reaction.reach)
        added = envelope(reaction, sound, beats, seconds)
        values = [value + reaction.amount * a for value, a in zip(values, added, strict=True)]
    return tuple(float(min(max(value, curve.low), curve.high)) for value in values)


def _beats(clock: Clock, reach: float) -> list[float]:
    """Seconds of all beats that can be felt on the clip, `reach` seconds after each."""
    assert clock.tempo is not None
    begins = clock.times[0] - Fraction(reach)
    first, last = (int(clock.tempo.beat(time) // 1) for time in (begins, clock.end))
    return [float(clock.tempo.seconds(Fraction(beat))) for beat in range(first, last + 1)]


def _flashes(values: Sequence[float], clock: Clock) -> tuple[str, ...]:
    """A warning where the look flashes often enough to be a danger.

    A flash is a pair of opposing changes, each of `FLASH` or more from the last turn.
    """
    turns: list[Fraction] = []
    extreme, rising = values[0], None
    for value, time in zip(values, clock.times, strict=True):
        if abs(value - extreme) >= FLASH and (value > extreme) is not rising:
            turns.append(time)
            extreme, rising = value, value > extreme
        elif rising is not None:
            extreme = max(extreme, value) if rising else min(extreme, value)
    many = 2 * FLASHES_PER_SECOND + 1
    for time, later in zip(turns, turns[many - 1 :], strict=False):
        if later - time < 1:
            return (
                f"the look flashes more than {FLASHES_PER_SECOND} times in the second after "
                f"{float(time):.2f} s: it can harm people with photosensitive epilepsy",
            )
    return ()
