"""What `mnst-video plan` shows of a plan."""

import json
import math
from collections.abc import Iterator
from fractions import Fraction

from rich.table import Table

from mnst_video.balance import GAMMAS, METHODS, Balance
from mnst_video.plots import terminal_curve
from mnst_video.prepare import Estimate, Plan
from mnst_video.progress import clock, plan_lines
from mnst_video.schedule import Schedule

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
        table.add_row(name.replace("_", " "), *numbers)
    yield table
    if balance.check is not None:
        ri1, ri2 = balance.check
        yield f"a run at γ = 0.5 with the refined σ: RI1 {ri1:.3g}, RI2 {ri2:.3g}"
    yield f"measured at {len(balance.w)} mixes in {clock(balance.seconds)}"


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
