"""A clip's frame rate, from its timestamps, and the clip as it is shown at another."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Literal

import numpy as np

from mnst_video.errors import UsageError
from mnst_video.media.clip import Clip, Times
from mnst_video.media.input.limits import Limits

# Rates that files mean when their timestamps say nearly so.
STANDARD_RATES = tuple(
    Fraction(rate) * factor
    for rate in (24, 25, 30, 48, 50, 60, 100, 120)
    for factor in (Fraction(1), Fraction(1000, 1001))
)
# The part by which a rate may differ from that of the median interval, and the parts of a tick from
# which on one fits uneven times better than another.
NEAR, ALIKE = Fraction(1, 10), 0.02
# Seconds by which kept timestamps may be beside a rate: Matroska's rounding.
ROUNDED = Fraction(1, 1000)
# The part of an interval from which on a difference is none of rounding.
NO_ROUNDING = Fraction(2, 5)
# Of a frame, which a clip must last at least at a rate that is asked for.
HALF = Fraction(1, 2)
# Frames from which on repeated fields can be told, and the parts of a frame by which they then may
# lie beside even times: a field of five, and rounding.
FIELDS, FILM = 8, Fraction(1, 2)
# "source": constant, as the clip's own; "vfr": its timestamps are kept; or frames a second.
Rate = Literal["source", "vfr"] | Fraction


def at_rate(clip: Clip, rate: Rate, varies: bool = False, limits: "Limits | None" = None) -> Clip:
    """The clip as it is shown at a rate.

    clip: the clip with all its frames, each shown once. varies: whether their times are uneven.
    rate: "source" is the clip's own, which of uneven times is about that of their median interval.
        At each tick of the rate the last frame is shown that has begun, or begins within half a
        tick or half a frame; the others are left out. "vfr" shows each at its own time.
    """
    times = clip.times
    if rate == "vfr":
        beside = (abs(time - i / times.fps) for i, time in enumerate(times.begins))
        uneven = varies or max(beside) > ROUNDED
        return replace(clip, times=replace(times, vfr=True)) if uneven else clip
    fps = times.fps if rate == "source" else rate
    if fps == times.fps and not varies:
        return clip
    early = min(1 / fps, 1 / times.fps) / 2
    begins = [max(0, math.floor((time - early) * fps) + 1) for time in times.begins]
    if times.duration * fps < HALF:
        raise UsageError(
            f"--fps {float(fps):g}: nothing would be left of {clip.path}, which lasts "
            f"{float(times.duration):.3f} s; give more frames a second"
        )
    ticks = max(round(times.duration * fps), 1)
    (limits or Limits.of(None)).check_length(clip.path, ticks, Fraction(0))
    begins = [min(begin, ticks) for begin in begins]
    ends = [*begins[1:], ticks]
    kept = [i for i, (begin, end) in enumerate(zip(begins, ends, strict=True)) if begin < end]
    repeats = tuple(ends[i] - begins[i] for i in kept)
    new_number = {old: new for new, old in enumerate(kept)}
    notes = clip.notes
    repeated, left_out = sum(repeats) - len(kept), times.frames - len(kept)
    if (repeated or left_out) and rate == "source":
        notes += (
            f"the frame rate varies: written at {float(fps):.5g} fps, with {repeated} repeated and "
            f"{left_out} left out; --fps vfr keeps the timestamps",
        )
    shown = Times(
        fps=fps,
        begins=tuple(begins[i] / fps for i in kept),
        duration=ticks / fps,
        keyframes=tuple(new_number[key] for key in times.keyframes if key in new_number) or (0,),
        numbers=tuple(map(times.number, kept)) if times.numbers or left_out else (),
        repeats=repeats if max(repeats) > 1 else (),
    )
    return replace(clip, times=shown, notes=notes)


def frame_rate(
    times: Sequence[Fraction], declared: Fraction | None, tick: Fraction
) -> tuple[Fraction, bool]:
    """The exact rate, and whether the times are uneven: then it is that of the median interval.

    A rate counts only where it fits the timestamps over the clip's whole length, to two ticks of
    the container's clock: Matroska rounds timestamps to 1 ms, and headers are often wrong. Where
    that clock ticks once a frame, a frame that was dropped is no rounding. Film that is on video by
    repeated fields has uneven times, and yet a rate, in which none is repeated or left out.
    """
    for rate in STANDARD_RATES:  # Matroska says 19001/317 where 60000/1001 is meant
        if declared and abs(rate - declared) < declared / 5000:
            declared = rate
    if len(times) < 2:
        return declared or Fraction(25), False
    intervals = [b - a for a, b in pairwise(times)]
    median, mean = statistics.median(intervals), times[-1] / len(intervals)
    if not mean:
        return declared or Fraction(25), False
    rounding = min(2 * tick + median / 50, median * NO_ROUNDING)
    if any(abs(interval - median) > rounding for interval in intervals):
        film = _film_rate(times, mean)
        if film is not None:
            return film, True
        return _uneven_rate(times, median or mean, declared), True
    average = (1 / mean).limit_denominator(1001)
    candidates = sorted(STANDARD_RATES, key=lambda rate: abs(1 / rate - mean))
    if declared in STANDARD_RATES:
        candidates.insert(0, Fraction(declared))
    elif declared:
        candidates.append(Fraction(declared))
    fitting = (r for r in candidates if abs(len(intervals) / r - times[-1]) <= 2 * tick)
    return next(fitting, average), False


def _film_rate(times: Sequence[Fraction], mean: Fraction) -> Fraction | None:
    """The rate of film whose frames last two and three fields in turn, if they do."""
    if len(times) < FIELDS or not mean:
        return None
    rate = min(STANDARD_RATES, key=lambda rate: abs(1 / rate - mean))
    early = [time - i / rate for i, time in enumerate(times)]
    return rate if max(early) - min(early) < FILM / rate else None


def _uneven_rate(
    times: Sequence[Fraction], interval: Fraction, declared: Fraction | None
) -> Fraction:
    """The rate that uneven times fit best, of the usual ones near to that of an interval."""
    rates = [rate for rate in STANDARD_RATES if abs(rate * interval - 1) < NEAR]
    # Which of 30 and 30000/1001 is meant cannot be told from uneven times.
    rates.sort(key=lambda r: (r != declared, r.denominator != 1, abs(r * interval - 1)))
    if declared and abs(declared * interval - 1) < NEAR:
        rates.append(declared)
    rates.append((1 / interval).limit_denominator(1001))
    beside = {rate: _beside(times, rate) for rate in rates}
    least = min(beside.values())
    return next(rate for rate in rates if beside[rate] <= least + ALIKE)


def _beside(times: Sequence[Fraction], rate: Fraction) -> float:
    """How far times are from the ticks of a rate, in ticks; 0.25 where they are anywhere."""
    ticks = np.array([float(time * rate) for time in times[1:]])
    return float(np.abs(ticks - ticks.round()).mean())
