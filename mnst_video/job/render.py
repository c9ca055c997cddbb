"""A render: plan, paint or reuse each frame, encode, record."""

import contextlib
import threading
import time
from collections.abc import Collection
from functools import partial
from pathlib import Path

from mnst_video.errors import UsageError
from mnst_video.job.events import (
    Encoding,
    FrameDone,
    Observer,
    Report,
    ShotsReport,
    StepDone,
    nobody,
)
from mnst_video.job.finish import encode
from mnst_video.job.folder import held, job_folder, record_path, shot_held
from mnst_video.job.processes import divide, on_device, run, share
from mnst_video.job.record import write_record
from mnst_video.job.resume import Job
from mnst_video.job.worker import Painted, Part, paint_part, paint_shots
from mnst_video.job.workplace import at_work
from mnst_video.media.files import check_name, check_source
from mnst_video.media.output.checks import check_encoder, check_output
from mnst_video.options import Options
from mnst_video.painting.machine import memory_errors
from mnst_video.plan.plan import Plan
from mnst_video.plan.setup import prepare
from mnst_video.plan.shots import Shot
from mnst_video.plan.source import clip_of, default_output

# Seconds that runs of shots wait for the one that looks at the clip for all of them.
PATIENCE = 3600.0


def render(
    source: Path | str,
    output: Path | str | None = None,
    options: Options | None = None,
    *,
    overwrite: bool = False,
    restart: bool = False,
    keep_frames: bool = False,
    frames_dir: Path | str | None = None,
    jobs: int = 1,
    observe: Observer | None = None,
) -> Report:
    """Stylize a clip, with its sound, into `output` (default: `NAME_mnst.mp4` beside the source).

    overwrite: replace an existing output.
    restart: move the frames of a job with other settings aside instead of refusing.
    jobs: shots rendered at once, each with its part of the threads: the same bytes as one job with
        so many threads.
    keep_frames, frames_dir: keep the frames, in the job folder or in a folder of your own.
    observe: called with each `Event`.

    An interrupted render goes on where it stopped when it is called again with the same settings.
    Raises UsageError, InputError, MachineError or DivergedError, each with an exit code.
    """
    begun = time.monotonic()
    source, asked = Path(source), options or Options()
    options = asked.on(share(asked.machine, jobs))
    check_source(source)
    output = Path(output) if output else default_output(source, "_mnst.mp4")
    if frames_dir:
        check_name(Path(frames_dir).absolute())
    clip = clip_of(source, options.input)
    sound = [options.audio] if options.audio else []
    sources = (*clip.files, *options.styles, *sound)
    check_output(output, sources, overwrite, options.encoder, clip)
    if record_path(output).is_dir():
        raise UsageError(f"{record_path(output)}: is a folder, where the render's record goes")
    folder = job_folder(output, Path(frames_dir) if frames_dir else None)
    observe = observe or nobody
    keep = keep_frames or frames_dir is not None
    with at_work(output, options.machine), held(folder, frames_dir is not None):
        setup = prepare(clip, options)
        check_encoder(output, setup.output_size, options.encoder)
        job = Job(setup, folder, jobs, restart, observe, partial(_all_free, folder))
        plan = Plan(setup, job.analysis, job.shots, job.pending, output, jobs)
        observe(plan)
        _paint_pending(job, jobs, observe)
        observe(Encoding(len(setup.frames)))
        encode(job, output)
        write_record(job, output, asked, plan.sigma2)
        if not keep:
            job.remove()
    span = clip.times.span(setup.frames)
    return Report(
        output=output,
        frames=len(setup.frames),
        reused=job.reused,
        duration=float(span.end - span.start),
        seconds=time.monotonic() - begun,
        kept=folder if keep else None,
    )


def paint_shots_alone(
    source: Path | str,
    frames_dir: Path | str,
    numbers: Collection[int],
    options: Options | None = None,
    *,
    jobs: int = 1,
    observe: Observer | None = None,
) -> ShotsReport:
    """Paint some shots of a clip into a folder that other runs paint other shots into.

    numbers: of the shots, from 1, as `plan` lists them. `render` with the same settings and
    `frames_dir` verifies all frames, paints what is missing, and encodes. See `render`.
    """
    begun = time.monotonic()
    source, asked = Path(source), options or Options()
    options = asked.on(share(asked.machine, jobs))
    check_source(source)
    check_name(Path(frames_dir).absolute())
    clip = clip_of(source, options.input)
    folder, observe = Path(frames_dir).resolve(), observe or nobody
    with memory_errors(options.machine), contextlib.ExitStack() as locks:
        # Whoever comes first looks at the clip for all; the rest wait for what it finds.
        with held(folder, True, PATIENCE):
            setup = prepare(clip, options)
            claim = partial(_claimed, folder, numbers, locks)
            job = Job(setup, folder, jobs, False, observe, claim, some=True)
        observe(Plan(setup, job.analysis, job.shots, job.pending, None, jobs, True))
        _paint_pending(job, jobs, observe)
    return ShotsReport(
        folder=folder,
        shots=tuple(shot.index + 1 for shot in job.shots),
        frames=len(job.log),
        reused=job.reused,
        seconds=time.monotonic() - begun,
    )


def _all_free(folder: Path, shots: tuple[Shot, ...]) -> tuple[Shot, ...]:
    """All shots. Raises UsageError where another run paints one."""
    for shot in shots:
        with shot_held(folder, shot.index):
            pass
    return shots


def _claimed(
    folder: Path,
    numbers: Collection[int],
    locks: contextlib.ExitStack,
    shots: tuple[Shot, ...],
) -> tuple[Shot, ...]:
    """Some shots, held by `locks`. Raises UsageError where there are none of these numbers, or
    where another run paints one."""
    there = {shot.index + 1: shot for shot in shots}
    if unknown := sorted({*numbers} - {*there}):
        raise UsageError(
            f"--shots {unknown[0]}: the clip has the shots {min(there)} to {max(there)}; "
            "mnst-video plan lists them"
        )
    for number in sorted(numbers):
        locks.enter_context(shot_held(folder, number - 1))
    return tuple(there[number] for number in sorted(numbers))


def _paint_pending(job: Job, jobs: int, observe: Observer) -> None:
    """Render what is missing, each frame of a shot on disk before the next begins."""
    setup, missing = job.setup, {*job.pending}
    shots = [shot for shot in job.shots if missing.intersection(shot.frames)]
    if not shots:
        return
    parts = [
        Part(
            clip=setup.clip,
            options=setup.asked.on(on_device(setup.asked.machine, number)),
            analysis=job.analysis,
            folder=job.folder,
            log=job.log,
            shots=[shots[i] for i in numbers],
        )
        for number, numbers in enumerate(
            divide([len(missing.intersection(shot.frames)) for shot in shots], jobs)
        )
    ]
    one_by_one = threading.Lock()  # steps may be told from another thread than frames

    def take(message: StepDone | Painted) -> None:
        with one_by_one:
            if isinstance(message, StepDone):
                observe(message)
                return
            job.keep(message)
            fader = setup.course.fader(message.frame)
            done = len(job.log)
            observe(
                FrameDone(message.frame, done, message.shot, fader, message.result, message.seconds)
            )

    with job.watched.unchanged():
        if len(parts) == 1:  # everything it needs is here already
            paint_shots(setup, parts[0], take)
        else:
            run(paint_part, parts, take)
