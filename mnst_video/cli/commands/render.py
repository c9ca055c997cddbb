"""`render`, the default command, with its preview, and `plan`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from mnst_video.cli.app import (
    AsJson,
    ClusterAddress,
    Debug,
    Jobs,
    Overwrite,
    ProgressStyle,
    Source,
    Style,
    app,
    err,
    for_people,
    option,
    show,
)
from mnst_video.cli.flags import options_of, takes_options
from mnst_video.errors import UsageError
from mnst_video.option_panels import MACHINE, MAIN
from mnst_video.options import Options

# What stands for a model that is trained on the clip.
AUTO = Path("auto")


@app.command(name="render")
@takes_options
def render_command(
    source: Source,
    *,
    output: Annotated[
        Path | None,
        option(
            MAIN,
            "The clip to write: .mp4, .mov, .mkv, .webm, .gif, .webp, or pictures: a folder, or a "
            "pattern, shot.%04d.png (default: INPUT_mnst.mp4 beside it).",
            *("--output", "-o"),
        ),
    ] = None,
    preview: Annotated[
        bool,
        option(
            MAIN,
            "A first impression in seconds: some frames, small, with few steps "
            "(default output: INPUT_preview.mp4).",
            "--preview",
        ),
    ] = False,
    overwrite: Overwrite = False,
    frames_dir: Annotated[
        Path | None, option(MACHINE, "Keep the frames, as PNG, in this folder.")
    ] = None,
    keep_frames: Annotated[
        bool,
        option(
            MACHINE, "Keep the frames in OUTPUT.mnst/ after the clip is written.", "--keep-frames"
        ),
    ] = False,
    restart: Annotated[
        bool,
        option(
            MACHINE, "Move the frames of an unfinished job with other settings aside.", "--restart"
        ),
    ] = False,
    shots: Annotated[
        str | None,
        option(
            MACHINE,
            "Paint these shots alone into --frames-dir, which other runs share: 3-5,8.",
            "--shots",
        ),
    ] = None,
    jobs: Jobs = 1,
    cluster: ClusterAddress = None,
    mixed_workers: Annotated[
        bool,
        option(
            MACHINE,
            "Take workers of a cluster that would not paint the same bytes.",
            "--mixed-workers",
        ),
    ] = False,
    cluster_timeout: Annotated[
        float | None,
        option(
            MACHINE,
            "Wait so many seconds where all workers have gone. [dim](default: 600)[/dim]",
            "--cluster-timeout",
        ),
    ] = None,
    progress: ProgressStyle = "auto",
    debug: Debug = False,
    **given: Any,
) -> None:
    """Stylize a clip (the default command).

    An interrupted render goes on where it stopped when the same command is given again.
    """
    after_interrupt = "the finished frames are kept; the same command goes on from there"
    with for_people(debug, "nothing was written" if preview else after_interrupt):
        options = options_of(given)
        # Imported here: torch takes seconds, which --help and a wrong option need not wait for.
        if preview:
            kept = {
                "--frames-dir": frames_dir,
                "--keep-frames": keep_frames,
                "--restart": restart,
                "--shots": shots,
                "--cluster": cluster,
            }
            _refuse(
                kept, "a preview keeps no frames, and is painted here; leave out one or the other"
            )
            if jobs > 1:
                raise UsageError(f"--jobs {jobs}: a preview's pictures are one job's; leave it out")
            _preview(source, output, options, overwrite, progress)
            return
        if shots is not None:
            kept = {
                "--output": output,
                "--overwrite": overwrite,
                "--restart": restart,
                "--keep-frames": keep_frames,
                "--cluster": cluster,
            }
            _refuse(kept, "--shots paints frames and nothing else; leave it out")
            numbers = numbers_of(shots)
            if frames_dir is None:
                raise UsageError(f"--shots {shots}: give the --frames-dir that the runs share")
            if options.model == AUTO:
                raise UsageError("--model auto: train the model before, for all runs of --shots")
            _shots(source, frames_dir, numbers, options, jobs, progress)
            return
        if cluster is None and cluster_timeout is not None:
            raise UsageError(f"--cluster-timeout {cluster_timeout:g}: is of a --cluster")
        if options.model == AUTO:
            options = _trained(source, options, progress)
        from mnst_video.cli.show.durations import minutes
        from mnst_video.cli.show.progress import make_display
        from mnst_video.job.render import WAIT, render

        with make_display(progress, err) as display:
            report = render(
                source,
                output,
                options,
                overwrite=overwrite,
                restart=restart,
                keep_frames=keep_frames,
                frames_dir=frames_dir,
                jobs=jobs,
                cluster=cluster,
                mixed_workers=mixed_workers,
                cluster_timeout=WAIT if cluster_timeout is None else cluster_timeout,
                observe=display,
            )
    reused = f", {report.reused} of them from before" if report.reused else ""
    print(
        f"{report.output}: {report.duration:.2f} s, {report.frames} frames{reused}, "
        f"in {minutes(report.seconds)}"
    )
    if report.kept:
        print(f"frames: {report.kept}")


def _refuse(flags: Mapping[str, object], why: str) -> None:
    """Raise UsageError for the first flag that is given."""
    for flag in (flag for flag, value in flags.items() if value):
        raise UsageError(f"{flag}: {why}")


def numbers_of(text: str) -> set[int]:
    """`3-5,8` as numbers. Raises UsageError."""
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6})\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not 0 < first <= last:
            raise UsageError(f"--shots {text}: write numbers from 1, such as 3, 3-5 or 1,4-6")
        found.update(range(first, last + 1))
    return found


def _shots(
    source: Path, folder: Path, numbers: set[int], options: Options, jobs: int, progress: Style
) -> None:
    """What `render --shots` does."""
    from mnst_video.cli.show.durations import minutes
    from mnst_video.cli.show.progress import make_display
    from mnst_video.job.render import paint_shots_alone

    with make_display(progress, err) as display:
        done = paint_shots_alone(source, folder, numbers, options, jobs=jobs, observe=display)
    word = "shot" if len(done.shots) == 1 else "shots"
    reused = f", {done.reused} of them from before" if done.reused else ""
    print(
        f"{done.folder}: {word} {', '.join(map(str, done.shots))}, {done.frames} frames{reused}, "
        f"in {minutes(done.seconds)}"
    )


def _trained(source: Path, options: Options, progress: Style) -> Options:
    """The options with a model that was trained on the clip, now if it is not there."""
    from mnst_video.cli.show.training import training_display
    from mnst_video.training.train import trained_on

    own = options.model_copy(update={"model": None, "polish": 0})
    with training_display(progress, err) as observe:
        model = trained_on(source, own, observe)
    err.print(f"model: {model}", markup=False, highlight=False, soft_wrap=True)
    return options.model_copy(update={"model": model})


def _preview(
    source: Path, output: Path | None, options: Options, overwrite: bool, progress: Style
) -> None:
    """What `render --preview` does."""
    from mnst_video.cli.show.durations import minutes
    from mnst_video.cli.show.plan import preview_report
    from mnst_video.cli.show.progress import count_display
    from mnst_video.job.preview import render_preview

    with count_display(progress, err) as observe:
        done = render_preview(source, output, options, overwrite=overwrite, observe=observe)
    for note in done.notes:
        err.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    print(
        f"{done.output}: {float(done.duration):.2f} s, {done.pictures} pictures, "
        f"in {minutes(done.seconds)}"
    )
    show(preview_report(done))


@app.command(name="plan")
@takes_options
def plan_command(
    source: Source,
    *,
    output: Annotated[
        Path | None,
        option(
            MAIN, "The clip that would be written, for its notes and size.", *("--output", "-o")
        ),
    ] = None,
    plot: Annotated[
        Path | None, option(MAIN, "Draw the curve, over the sound, into this .png, .svg or .pdf.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    debug: Debug = False,
    **given: Any,
) -> None:
    """Show what a render would do, frame by frame, and take, without rendering."""
    with for_people(debug, "nothing was changed"):
        options = options_of(given)
        from mnst_video.cli.show.plan import plan_json, plan_report
        from mnst_video.cli.show.plots import check_plot, draw_plan
        from mnst_video.plan.estimate import plan

        if plot is not None:
            check_plot(plot, (source, *options.styles), overwrite)
        resolved, estimate = plan(source, options, output)
        if plot is not None:
            draw_plan(resolved, plot)
    if as_json:
        print(plan_json(resolved, estimate))
        return
    show(plan_report(resolved, estimate))
    if plot is not None:
        print(f"curve: {plot}")
