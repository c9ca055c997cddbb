"""What calibrations and evaluations show, for a person and other programs."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.table import Table

from mnst_video.cli.show.durations import minutes
from mnst_video.cli.show.plan import MOST_ROWS
from mnst_video.judge.evaluate import Evaluation
from mnst_video.judge.fullness import WORDS, in_words
from mnst_video.judge.judge import LONG_TERM
from mnst_video.stills.calibrate import GAMMAS, METHODS, Balance

# Scores whose mean over the frames stands for the clip.
MEANS = (
    "e",
    "e_boundary",
    "e_inside",
    "e_input",
    "e_long",
    "e_long_input",
    "rho",
    "ri1",
    "ri2",
    "content",
    "uncovered",
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
    yield f"measured at {len(balance.w)} mixes in {minutes(balance.seconds)}"


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
        "missing": dict(zip(WORDS, evaluation.missing(evaluation.frames), strict=True)),
        "stills": [asdict(still) for still in evaluation.stills],
        "frames": [asdict(frame) for frame in evaluation.frames],
    }
    return json.dumps(_without_nan(about))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def fullness_table(evaluation: Evaluation) -> Table:
    """What is missing of the paintings, in the clip and in stills of the same frames."""
    table = Table("missing", "median", "last frame", "its worst tiles", box=None)
    scored = (("", evaluation.frames), ("  in a still", evaluation.stills))
    for at, word in enumerate(WORDS):
        for name, group in scored:
            if group:
                last = in_words(group[-1].residuals)[at], group[-1].worst[at]
                numbers = (evaluation.missing(group)[at], *last)
                table.add_row(name or word, *(f"{number:.3f}" for number in numbers))
    return table


def parts_table(evaluation: Evaluation) -> Table:
    """What is missing of the style in each region of the last frame that has some."""
    last = next(frame for frame in reversed(evaluation.frames) if frame.parts)
    table = Table("region, last frame", "area", "mix, asked for", *WORDS, box=None)
    for part in last.parts:
        name = f"γ {part.gamma:.3f}" + (f", from style {part.pair}" if part.pair > 1 else "")
        missing = (f"{value:.3f}" for value in in_words(part.residuals))
        mixes = f"{part.mix:.2f}, {part.wanted:.2f}"
        table.add_row(name, f"{100 * part.share:.0f} %", mixes, *missing)
    return table


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
        ("ρ", f"{mean('rho'):.4f}", "1", "style that is missing, mean of the layers"),
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
    if not math.isnan(mean("e_boundary")):
        table.add_row("√E at edges", root("e_boundary"), "", "near the boundaries of the mask of γ")
        table.add_row("  elsewhere", root("e_inside"), "", "away from them")
    yield table
    yield fullness_table(evaluation)
    if any(frame.parts for frame in evaluation.frames):
        yield parts_table(evaluation)
    for at, frames in evaluation.jumps[:MOST_ROWS]:
        arrived = "does not arrive" if frames is None else f"arrives after {frames} frames"
        yield f"the jump of γ at frame {at} {arrived}"
    yield (
        f"{len(evaluation.frames)} frames, style at {evaluation.size[0]}×{evaluation.size[1]}, "
        f"in {minutes(evaluation.seconds)}"
    )
