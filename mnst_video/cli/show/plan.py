"""What plans, previews, calibrations and evaluations show, for a person and other programs."""

import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from rich.table import Table

from mnst_video.cli.show.durations import clock_time, minutes
from mnst_video.cli.show.plots import terminal_curve
from mnst_video.job.preview import PreviewDone
from mnst_video.method.device import describe
from mnst_video.plan.estimate import Estimate
from mnst_video.plan.plan import Plan
from mnst_video.timeline.curve import Schedule

# Keys shown; a strobe has thousands.
MOST_ROWS = 24


def plan_json(plan: Plan, estimate: Estimate) -> str:
    """The plan for other programs; docs/cli.md lists the fields."""
    setup = plan.setup
    clip, course, frames = setup.clip, setup.course, setup.frames
    about = {
        "fps": f"{clip.times.fps.numerator}/{clip.times.fps.denominator}",
        "frames": len(frames),
        "first": frames.start,
        "gamma": [course.fader(frame).gamma for frame in frames],
        "pair": [course.fader(frame).number for frame in frames],
        "strength": [course.strengths[frame] for frame in frames],
        "styles": [str(path) for path in setup.options.styles],
        "masks": dict(setup.options.masks.shown) or None,
        "cuts": [shot.start for shot in plan.shots[1:]],
        "shots": [
            {
                "number": shot.index + 1,
                "frames": [shot.start, shot.end],
                "estimate_s": round(seconds, 1),
            }
            for shot, seconds in zip(plan.shots, estimate.shots, strict=True)
        ],
        "size": setup.size,
        "output_size": setup.output_size,
        "sigma2": plan.sigma2,
        "bpm": course.clock.tempo.bpm if course.clock.tempo else None,
        "estimate_s": round(estimate.seconds, 1),
        "disk_bytes": estimate.disk_bytes,
        "notes": plan.notes,
    }
    return json.dumps(about)


def plan_report(plan: Plan, estimate: Estimate) -> Iterator[str | Table]:
    """Lines and tables for a person."""
    course, options, tempo = plan.setup.course, plan.setup.options, plan.setup.course.clock.tempo
    yield from plan_lines(plan)
    if tempo is not None:
        zero = float(tempo.seconds(Fraction(0)))
        yield f"tempo: {tempo.bpm:.4g} bpm, the first bar begins at {zero:.3f} s"
    yield _key_table(plan, course.name, course.curve)
    for reaction in options.react:
        yield f"+ {reaction}"
    yield from _curve(plan, course.name, course.values, course.curve.low, course.curve.high)
    if min(course.strengths) < 1.0:
        yield from _curve(plan, "strength", course.strengths, 0.0, 1.0)
    yield (
        f"about {minutes(estimate.seconds)} on this machine, and "
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


def _key_table(plan: Plan, name: str, curve: Schedule) -> Table:
    clip, tempo = plan.setup.clip, plan.setup.course.clock.tempo
    table = Table("time", "frame", *(["bar.beat"] if tempo else []), name, "easing", box=None)
    keys = [key for key in curve.keys if key.time <= clip.times.duration]
    for key in keys[:MOST_ROWS]:
        place = [tempo.position(key.time)] if tempo else []
        frame = min(clip.times.frame_at(key.time), clip.times.frames - 1)
        table.add_row(
            clock_time(float(key.time)), str(frame), *place, f"{key.value:g}", str(key.easing)
        )
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
    clip = plan.setup.clip
    marks = [" "] * width
    for shot in plan.analysis.shots[1:]:
        marks[min(shot.start * width // clip.times.frames, width - 1)] = "▲"
    cuts = "".join(marks).rstrip()
    if cuts:
        yield f"{'cuts':>8}  {cuts}"
    yield f"{'':8}  {clock_time(0.0)}{clock_time(float(clip.times.begins[-1])):>{width - 5}}"


def plan_lines(plan: Plan) -> list[str]:
    """What a render will do: the timeline, the clip, and notes."""
    setup = plan.setup
    clip, course, options = setup.clip, setup.course, setup.options
    sigma = "; ".join(", ".join(f"{value:.3g}" for value in pairs) for pairs in plan.sigma2)
    balanced = options.gamma_scale == "balanced"
    scale = f"σ {sigma}" if balanced else f"{options.gamma_scale} scale"
    sizes = f"{setup.size[0]}×{setup.size[1]}"
    if setup.size != (clip.width, clip.height):
        sizes += f" of {clip.width}×{clip.height} (--max-side)"
    if setup.output_size != setup.size:
        sizes += f", written at {setup.output_size[0]}×{setup.output_size[1]}"
    shots = f"{len(plan.shots)} shot" + ("s" if len(plan.shots) > 1 else "")
    if plan.alone:
        numbers = [shot.index + 1 for shot in plan.shots]
        shots = f"of them {plan.frames} in the shots {', '.join(map(str, numbers))}"
    cuts = [f"{float(clip.times.begins[shot.start]):.3f}" for shot in plan.shots[1:]]
    if cuts and not plan.alone:
        shots += f" (--cuts {','.join(cuts)})"
    fps = f"{clip.times.fps}" if clip.times.fps.denominator == 1 else f"{float(clip.times.fps):.3f}"
    values = [course.values[frame] for frame in setup.frames]
    way = f"{values[0]:.3g} → {values[-1]:.3g}"
    if len(values) > 1 and (min(values), max(values)) != tuple(sorted((values[0], values[-1]))):
        way += f", between {min(values):.3g} and {max(values):.3g}"
    if course.replaced:
        way = "by its mask"
    device = plan.place or describe(setup.network.device, setup.network.dtype)
    lines = [
        f"{course.name} {way} ({direction(options.styles, course.positions)}), {scale}",
        f"{clip.path.name}: {len(values)} frames at {fps} fps, {shots}, {sizes}, {device}",
    ]
    if shown := options.masks.shown:
        lines.append("; ".join(f"{name}: {text}" for name, text in shown.items()))
    if reused := plan.frames - len(plan.pending):
        lines.append(f"going on: {reused} of {plan.frames} frames are done already")
    return lines + [f"note: {note}" for note in plan.notes]


def direction(styles: Sequence[Path], positions: bool) -> str:
    """Which value shows which picture."""
    if positions:
        return ", ".join(f"{number} is {path.name}" for number, path in enumerate(styles, 1))
    return f"0 is {styles[1].name}, 1 is {styles[0].name}"
