"""What plans, previews, calibrations and evaluations show, for a person and other programs."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from rich.table import Table

from mnst_video.cli.show.plots import terminal_curve
from mnst_video.cli.show.progress import clock, plan_lines
from mnst_video.job.preview import PreviewDone
from mnst_video.judge.evaluate import LONG_TERM, Evaluation
from mnst_video.plan.setup import Estimate, Plan
from mnst_video.stills.calibrate import GAMMAS, METHODS, Balance
from mnst_video.timeline.keys import Schedule

# Scores whose mean over the frames stands for the clip.
MEANS = ("e", "e_input", "e_long", "e_long_input", "rho", "ri1", "ri2", "content", "uncovered")
# Keys shown; a strobe has thousands.
MOST_ROWS = 24


def plan_json(plan: Plan, estimate: Estimate) -> str:
    """The plan for other programs; docs/cli.md lists the fields."""
    setup = plan.setup
    info, score, frames = setup.info, setup.score, setup.frames
    about = {
        "fps": f"{info.fps.numerator}/{info.fps.denominator}",
        "frames": len(frames),
        "first": frames.start,
        "gamma": [score.fader(frame).gamma for frame in frames],
        "pair": [score.fader(frame).pair + 1 for frame in frames],
        "strength": [score.strengths[frame] for frame in frames],
        "styles": [str(path) for path in setup.options.styles],
        "cuts": [shot.start for shot in plan.shots[1:]],
        "size": setup.size,
        "output_size": setup.output_size,
        "sigma2": plan.sigma2,
        "bpm": score.clock.tempo.bpm if score.clock.tempo else None,
        "estimate_s": round(estimate.seconds, 1),
        "disk_bytes": estimate.disk_bytes,
        "notes": plan.notes,
    }
    return json.dumps(about)


def plan_report(plan: Plan, estimate: Estimate) -> Iterator[str | Table]:
    """Lines and tables for a person."""
    score, options, tempo = plan.setup.score, plan.setup.options, plan.setup.score.clock.tempo
    yield from plan_lines(plan)
    if tempo is not None:
        zero = float(tempo.seconds(Fraction(0)))
        yield f"tempo: {tempo.bpm:.4g} bpm, the first bar begins at {zero:.3f} s"
    yield _key_table(plan, score.name, score.curve)
    for reaction in options.react:
        yield f"+ {reaction}"
    yield from _curve(plan, score.name, score.values, score.curve.low, score.curve.high)
    if min(score.strengths) < 1.0:
        yield from _curve(plan, "strength", score.strengths, 0.0, 1.0)
    yield (
        f"about {clock(estimate.seconds)} on this machine, and "
        f"{estimate.disk_bytes / 1e6:.3g} MB of disk while it renders"
    )


def preview_report(done: PreviewDone) -> Iterator[str]:
    """What a preview left out of the render."""
    left_out = [f"all {done.frames} frames"]
    if done.pictures < done.frames:
        share = f"one in {done.frames / done.pictures:.3g}"
        left_out = [f"{done.pictures} of {done.frames} frames ({share})"]
    if done.size != done.full_size:
        (width, height), (full_width, full_height) = done.size, done.full_size
        left_out.append(f"{width}×{height} instead of {full_width}×{full_height}")
    if done.steps != done.full_steps:
        left_out.append(f"{done.steps} steps instead of {done.full_steps}")
    yield (
        f"preview: {', '.join(left_out)}, cuts not looked for: strokes are coarser and movement is "
        "rougher than in the render"
    )
    if done.off:
        yield (
            f"preview: pictures are up to {float(done.off):.1f} s off their time, as frames far "
            "behind a keyframe take long to reach"
        )


def balance_json(balance: Balance) -> str:
    """A balance for other programs; docs/cli.md lists the fields. What there is not is null."""

    def known(value: float) -> float | None:
        return None if math.isnan(value) else value

    curves = {name: balance.curves(name).tolist() for name in METHODS}
    about = {
        "gamma": GAMMAS,
        "ri1": {name: [known(value) for value in curve[0]] for name, curve in curves.items()},
        "ri2": {name: [known(value) for value in curve[1]] for name, curve in curves.items()},
        "sigma2": {name: known(value) for name, value in balance.sigma2.items()},
        "balanced_gamma": {name: known(g) for name, g in balance.balanced_gamma.items()},
        "check": balance.check,
    }
    return json.dumps(about)


def balance_report(balance: Balance) -> Iterator[str | Table]:
    """A table for a person."""
    table = Table("σ", "σ2", "RI1 at γ = 0.5", "RI2 at γ = 0.5", "RI1 = RI2 at", box=None)
    for name in METHODS:
        ri1, ri2 = balance.curves(name)[:, GAMMAS.index(0.5)]
        balanced = balance.balanced_gamma[name]
        numbers = f"{balance.sigma2[name]:.3g}", f"{ri1:.3g}", f"{ri2:.3g}", f"γ = {balanced:.3f}"
        shown = ("–" if "nan" in number else number for number in numbers)
        table.add_row(name.replace("_", " "), *shown)
    yield table
    if balance.check is None:
        yield "one style improves more at every γ: no σ balances them"
    else:
        ri1, ri2 = balance.check
        yield f"a run at γ = 0.5 with the refined σ: RI1 {ri1:.3g}, RI2 {ri2:.3g}"
    yield f"measured at {len(balance.w)} mixes in {clock(balance.seconds)}"


def evaluation_json(evaluation: Evaluation) -> str:
    """A clip's scores for other programs; docs/evaluation.md lists the fields. NaN is null."""
    about = {
        **{name: evaluation.mean(name) for name in MEANS},
        "naked": evaluation.naked,
        "naked_uncovered": evaluation.naked_uncovered,
        "naked_elsewhere": evaluation.naked_elsewhere,
        "lag": evaluation.lag,
        "jumps": [{"frame": at, "frames": frames} for at, frames in evaluation.jumps],
        "grain": evaluation.grain("fine"),
        "grain_input": evaluation.grain("fine_input"),
        "drift": evaluation.drift,
        "cuts": evaluation.cuts,
        "size": evaluation.size,
        "frames": [asdict(frame) for frame in evaluation.frames],
    }
    return json.dumps(_without_nan(about))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def evaluation_report(evaluation: Evaluation) -> Iterator[str | Table]:
    """A table for a person."""
    mean = evaluation.mean

    def number(value: float, how: str) -> str:
        return "–" if math.isnan(value) else f"{value:{how}}"

    def root(name: str) -> str:
        return number(math.sqrt(mean(name)), ".4f")

    def percent(value: float) -> str:
        return "–" if math.isnan(value) else f"{100 * value:.1f} %"

    lag = "–" if math.isnan(evaluation.lag) else f"{evaluation.lag:.0f} frames"
    naked = evaluation.naked
    drift = [number(value, "+.3f") for value in evaluation.drift]
    table = Table("score", "output", "input", "what it says", box=None)
    rows = [
        ("√E", root("e"), root("e_input"), "flicker from frame to frame"),
        ("√E long", root("e_long"), root("e_long_input"), f"the same over {LONG_TERM} frames"),
        ("ρ", f"{mean('rho'):.4f}", "1", "style that is missing"),
        ("RI1, RI2", f"{mean('ri1'):.3g}, {mean('ri2'):.3g}", "1", "relative improvements"),
        ("lag", lag, "", "by which the look follows γ"),
        (
            "naked",
            percent(naked[1]),
            "",
            f"bare area; {percent(naked[0])}, {percent(naked[2])} at ⅓, ⅔",
        ),
        (
            "  uncovered",
            percent(evaluation.naked_uncovered),
            "",
            "of areas uncovered within a second",
        ),
        ("  elsewhere", percent(evaluation.naked_elsewhere), "", "of all others"),
        (
            "grain",
            number(evaluation.grain("fine"), ".2f"),
            number(evaluation.grain("fine_input"), ".2f"),
            "fine detail at a shot's end over its beginning",
        ),
        ("drift", ", ".join(drift[:2]), "0", "of luminance: mean, spread"),
        ("", ", ".join(drift[2:]), "0", "of saturation: mean, spread"),
        ("content", f"{mean('content'):.3f}", "0", "distance from the content's features"),
    ]
    for row in rows:
        table.add_row(*row)
    yield table
    for at, frames in evaluation.jumps[:MOST_ROWS]:
        arrived = "does not arrive" if frames is None else f"arrives after {frames} frames"
        yield f"the jump of γ at frame {at} {arrived}"
    yield (
        f"{len(evaluation.frames)} frames, style at {evaluation.size[0]}×{evaluation.size[1]}, "
        f"in {clock(evaluation.seconds)}"
    )


def _key_table(plan: Plan, name: str, curve: Schedule) -> Table:
    info, tempo = plan.setup.info, plan.setup.score.clock.tempo
    table = Table("time", "frame", *(["bar.beat"] if tempo else []), name, "easing", box=None)
    keys = [key for key in curve.keys if key.time <= info.duration]
    for key in keys[:MOST_ROWS]:
        place = [tempo.position(key.time)] if tempo else []
        frame = min(info.frame_at(key.time), info.frames - 1)
        table.add_row(_time(float(key.time)), str(frame), *place, f"{key.value:g}", str(key.easing))
    if len(keys) > MOST_ROWS:
        table.add_row("…", f"and {len(keys) - MOST_ROWS} more")
    return table


def _curve(
    plan: Plan, name: str, values: tuple[float, ...], low: float, high: float
) -> Iterator[str]:
    """The curve over the clip, and where its cuts are."""
    width = 64
    top, bottom = f"{high:g}", f"{low:g}"
    lines = terminal_curve(values, low, high, width)
    for number, line in enumerate(lines):
        label = {0: top, len(lines) - 1: bottom}.get(number, "")
        yield f"{name if number == 1 else label:>8} ┤{line}"
    info = plan.setup.info
    marks = [" "] * width
    for shot in plan.analysis.shots[1:]:
        marks[min(shot.start * width // info.frames, width - 1)] = "▲"
    cuts = "".join(marks).rstrip()
    if cuts:
        yield f"{'cuts':>8}  {cuts}"
    yield f"{'':8}  {_time(0.0)}{_time(float(info.times[-1])):>{width - 5}}"


def _time(seconds: float) -> str:
    """Seconds as 0:07.25."""
    thousandths = round(abs(seconds) * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    text = f"{rest / 1000:06.3f}".rstrip("0").rstrip(".")
    return f"{'-' if seconds < 0 and thousandths else ''}{minutes}:{text}"
