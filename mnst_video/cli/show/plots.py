"""Curves, drawn in the terminal and in pictures."""

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnst_video.errors import MachineError, UsageError
from mnst_video.judge.evaluate import Evaluation
from mnst_video.judge.judge import LONG_TERM
from mnst_video.media.files import check_target, write_bytes
from mnst_video.plan.plan import Plan
from mnst_video.plan.source import find_sound
from mnst_video.stills.calibrate import GAMMAS, Balance
from mnst_video.timeline.clock import Tempo
from mnst_video.timeline.envelope import Sound

PLOTS = (".png", ".svg", ".pdf")

# The dots of a Braille letter, left and right, from top to bottom (Unicode 2800).
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))


def check_plot(path: Path, sources: Iterable[Path], overwrite: bool) -> None:
    """Raise UsageError where a plot cannot or must not be written, MachineError where not drawn."""
    if path.suffix.lower() not in PLOTS:
        raise UsageError(f"{path}: unknown kind of picture; use one of {', '.join(PLOTS)}")
    check_target(path, sources, overwrite)
    _figure(1.0, 1.0)


def terminal_curve(
    values: Sequence[float], low: float, high: float, width: int = 64, height: int = 6
) -> list[str]:
    """A curve in Braille dots: `height` lines of `width` letters, `high` at the top.

    A column of dots shows all values that fall into it, joined to the one before.
    """
    columns, levels = 2 * width, 4 * height
    letters = [[0x2800] * width for _ in range(height)]
    scale = (levels - 1) / (high - low) if high > low else 0.0
    dots = [levels - 1 - round((value - low) * scale) for value in values]
    last = dots[0]
    for column in range(columns):
        start = column * len(dots) // columns
        inside = dots[start : max(start + 1, (column + 1) * len(dots) // columns)]
        for dot in range(min(*inside, last), max(*inside, last) + 1):
            letters[dot // 4][column // 2] |= _DOTS[column % 2][dot % 4]
        last = inside[-1]
    return ["".join(map(chr, line)) for line in letters]


def draw_plan(plan: Plan, path: Path) -> None:
    """Write the curve of a plan as a picture, over the sound's waveform, with cuts and beats.

    path: one that `check_plot` lets pass. Raises MachineError where it cannot be written.
    """
    figure = _figure(10.0, 3.5)
    axes = figure.add_subplot()
    course, clip, styles = plan.setup.course, plan.setup.clip, plan.setup.options.styles
    low, high, end = course.curve.low, course.curve.high, float(clip.times.duration)
    sound = find_sound(plan.setup.options.audio, clip)
    if sound is not None:
        places, bottoms, tops = _waveform(sound, end)
        middle, half = (low + high) / 2.0, (high - low) / 2.0
        axes.fill_between(places, middle + half * bottoms, middle + half * tops, color="0.85")
    if course.clock.tempo is not None:
        for time, is_bar in _beats(course.clock.tempo, clip.times.duration):
            axes.axvline(time, color="tab:blue", lw=1.0 if is_bar else 0.4, alpha=0.5)
    for shot in plan.analysis.shots[1:]:
        axes.axvline(float(clip.times.begins[shot.start]), color="tab:red", lw=1.2, ls="--")
    times = [*map(float, clip.times.begins), end]
    axes.step(times, [*course.values, course.values[-1]], where="post", color="black", lw=1.6)
    if min(course.strengths) < 1.0:
        strengths = [*course.strengths, course.strengths[-1]]
        scaled = [low + strength * (high - low) for strength in strengths]
        axes.step(times, scaled, where="post", color="tab:green", lw=1.0)
    margin = 0.03 * (high - low)
    axes.set(xlim=(0.0, end), ylim=(low - margin, high + margin))
    axes.set_xlabel("seconds; grey: sound, blue: beats, red: cuts, green: strength")
    if course.positions:
        ticks = dict(enumerate((path.name for path in styles), 1))
    else:
        ticks = {0: f"{styles[1].name}  0", 1: f"{styles[0].name}  1"}
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.set_title(f"{course.name} of {clip.path.name}", fontsize="medium")
    _save(figure, path)


def draw_balance(balance: Balance, path: Path, method: str = "refined") -> None:
    """Write RI1 and RI2 over gamma, without sigma and with a method's: the article's figures 6, 8.

    Raises what `draw_plan` raises.
    """
    figure = _figure(10.0, 4.0)
    for axes, name in zip(figure.subplots(1, 2, sharey=True), ("none", method), strict=True):
        ri1, ri2 = balance.curves(name)
        axes.semilogy(GAMMAS, ri1, color="tab:blue", label="RI1")
        axes.semilogy(GAMMAS, ri2, color="tab:orange", label="RI2")
        balanced = balance.balanced_gamma[name]
        axes.axvline(balanced, color="0.6", lw=0.8, ls="--")
        title = "without σ" if name == "none" else f"σ2 = {balance.sigma2[name]:.3g}"
        axes.set(xlabel="γ", xlim=(0.0, 1.0), title=f"{title}: RI1 = RI2 at γ = {balanced:.3g}")
        axes.legend()
    figure.axes[0].set_ylabel("relative improvement")
    _save(figure, path)


def draw_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write a clip's scores over its time. Raises what `draw_plan` raises."""
    figure = _figure(10.0, 11.0)
    frames = evaluation.frames
    seconds = [frame.seconds for frame in frames]
    panels: list[tuple[str, list[tuple[str, list[float]]]]] = [
        (
            "mix",
            [("asked for", [f.wanted for f in frames]), ("measured", [f.mix for f in frames])],
        ),
        ("ρ", [("style that is missing", [f.rho for f in frames])]),
        (
            "√E",
            [
                ("output", [math.sqrt(f.e) for f in frames]),
                ("input", [math.sqrt(f.e_input) for f in frames]),
                (f"output, {LONG_TERM} frames", [math.sqrt(f.e_long) for f in frames]),
                (f"input, {LONG_TERM} frames", [math.sqrt(f.e_long_input) for f in frames]),
            ],
        ),
        (
            "naked",
            [
                ("of all", [f.naked[1] for f in frames]),
                ("of what was uncovered", [f.naked_uncovered for f in frames]),
            ],
        ),
        (
            "fine detail",
            [("output", [f.fine for f in frames]), ("input", [f.fine_input for f in frames])],
        ),
        (
            "luminance",
            [
                ("output", [f.colors[0] for f in frames]),
                ("input", [f.colors_input[0] for f in frames]),
            ],
        ),
        (
            "saturation",
            [
                ("output", [f.colors[2] for f in frames]),
                ("input", [f.colors_input[2] for f in frames]),
            ],
        ),
        ("content", [("feature distance", [f.content for f in frames])]),
    ]
    for axes, (name, curves) in zip(figure.subplots(len(panels), sharex=True), panels, strict=True):
        for label, values in curves:
            axes.plot(seconds, values, lw=1.2, label=label)
        for cut in evaluation.cuts:
            axes.axvline(seconds[cut - frames[0].frame], color="tab:red", lw=0.8, ls="--")
        axes.set_ylabel(name)
        axes.legend(loc="best", fontsize="x-small")
    axes.set_xlabel("seconds; red: cuts")
    _save(figure, path)


def _waveform(sound: Sound, end: float) -> tuple[NDArray[np.float64], ...]:
    """Times, and the least and the greatest sample around each, over the greatest of all."""
    edges = np.linspace(0.0, end, 1001)
    indices = ((edges - sound.start) * sound.rate).astype(int).clip(0, sound.samples.size)
    pieces = [sound.samples[a:b] for a, b in pairwise(indices)]
    loudest = max(float(np.abs(sound.samples).max(initial=0.0)), 1e-9)
    bottoms = [float(piece.min(initial=0.0)) / loudest for piece in pieces]
    tops = [float(piece.max(initial=0.0)) / loudest for piece in pieces]
    return (edges[:-1] + edges[1:]) / 2.0, np.array(bottoms), np.array(tops)


def _beats(tempo: Tempo, end: Fraction) -> Iterator[tuple[float, bool]]:
    """Seconds of each beat up to `end`, and whether a bar begins there."""
    first, last = (int(tempo.beat(time) // 1) for time in (Fraction(0), end))
    for beat in range(first, last + 1):
        yield float(tempo.seconds(Fraction(beat))), beat % tempo.beats_per_bar == 0


def _figure(width: float, height: float) -> Any:
    """An empty figure, in inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        advice = "pip install 'mnst-video[plots]'"
        raise MachineError(f"drawing a picture needs matplotlib: {advice}") from None
    return Figure(figsize=(width, height), layout="constrained")


def _save(figure: Any, path: Path) -> None:
    buffer = BytesIO()
    figure.savefig(buffer, format=path.suffix.removeprefix(".").lower(), dpi=120)
    write_bytes(path, buffer.getvalue())
