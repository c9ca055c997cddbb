"""A render: plan, paint or reuse each frame, encode, record."""

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mnst_video.errors import MachineError, UsageError
from mnst_video.job.chains import Chain, Chains, Hand
from mnst_video.job.chunk import Chunk, Painted
from mnst_video.job.crew import Crew, Lost
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
from mnst_video.job.footage import Footage
from mnst_video.job.record import write_record
from mnst_video.job.resume import Job
from mnst_video.job.site import Here, Site
from mnst_video.job.workplace import at_work
from mnst_video.media.files import check_name, check_source
from mnst_video.media.frames import Frame
from mnst_video.media.input.decode import read_frames
from mnst_video.media.output.checks import check_encoder, check_output
from mnst_video.options import Options
from mnst_video.painting.machine import memory_errors
from mnst_video.plan.plan import Plan
from mnst_video.plan.setup import prepare
from mnst_video.plan.shots import Shot
from mnst_video.plan.source import clip_of, default_output

if TYPE_CHECKING:
    from mnst_video.job.cluster.connection import Cluster

# Seconds that runs of shots wait for the one that looks at the clip for all of them.
PATIENCE = 3600.0
# How often in a row the same frame may fail, on one worker or another.
MOST_FAILURES = 3
# Seconds that a render waits for workers of a cluster, where all have gone.
WAIT = 600.0


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
    cluster: "Cluster | None" = None,
    mixed_workers: bool = False,
    cluster_timeout: float = WAIT,
    observe: Observer | None = None,
) -> Report:
    """Stylize a clip, with its sound, into `output` (default: `NAME_mnst.mp4` beside the source).

    overwrite: replace an existing output.
    restart: move the frames of a job with other settings aside instead of refusing.
    jobs: shots rendered at once, each with its part of the threads: the same bytes as one job with
        so many threads.
    cluster: a Dask scheduler's address, its file, or a `distributed.Client`: its workers paint.
    mixed_workers: also such as would not paint the same bytes.
    cluster_timeout: seconds to wait for workers, where all have gone.
    keep_frames, frames_dir: keep the frames, in the job folder or in a folder of your own.
    observe: called with each `Event`.

    An interrupted render goes on where it stopped when it is called again with the same settings.
    Raises UsageError, InputError, MachineError or DivergedError, each with an exit code.
    """
    begun = time.monotonic()
    source, options, observe = Path(source), options or Options(), observe or nobody
    check_source(source)
    output = Path(output) if output else default_output(source, "_mnst.mp4")
    if frames_dir:
        check_name(Path(frames_dir).absolute())
    clip = clip_of(source, options.input)
    sound = [options.audio] if options.audio else []
    sources = (*clip.files, *options.styles, *options.masks.paths, *sound)
    check_output(output, sources, overwrite, options.encoder, clip)
    if record_path(output).is_dir():
        raise UsageError(f"{record_path(output)}: is a folder, where the render's record goes")
    folder = job_folder(output, Path(frames_dir) if frames_dir else None)
    where = _site(jobs, cluster, mixed_workers, cluster_timeout, observe)
    keep = keep_frames or frames_dir is not None
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(where)
        asked, options = options, site.options(options)
        stack.enter_context(at_work(output, options.machine))
        stack.enter_context(held(folder, frames_dir is not None))
        setup = prepare(clip, options)
        check_encoder(output, setup.output_size, options.encoder)
        claim = partial(_all_free, folder)
        job = Job(setup, folder, site, restart, observe, claim)
        plan = _plan(job, site, output)
        observe(plan)
        _paint_pending(job, site, plan.busy, observe)
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


def _site(
    jobs: int, cluster: "Cluster | None", mixed: bool, timeout: float, observe: Observer
) -> contextlib.AbstractContextManager[Site]:
    """Where to paint. Raises UsageError for what does not go together."""
    if cluster is None:
        if mixed:
            raise UsageError("--mixed-workers: are those of a --cluster")
        return contextlib.nullcontext(Here(jobs))
    if jobs > 1:
        raise UsageError(f"--jobs {jobs}: a --cluster has its own workers; leave one or other out")
    with cluster_extra():
        from mnst_video.job.cluster.site import away
    return away(cluster, mixed, timeout, observe)


@contextlib.contextmanager
def cluster_extra() -> Iterator[None]:
    """Raise MachineError where an import in the block lacks Dask."""
    try:
        yield
    except ImportError:
        raise MachineError("--cluster needs: pip install 'mnst-video[cluster]'") from None


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
    source, options, site = Path(source), options or Options(), Here(jobs)
    options = site.options(options)
    check_source(source)
    check_name(Path(frames_dir).absolute())
    clip = clip_of(source, options.input)
    folder, observe = Path(frames_dir).resolve(), observe or nobody
    with memory_errors(options.machine), contextlib.ExitStack() as locks:
        # Whoever comes first looks at the clip for all; the rest wait for what it finds.
        with held(folder, True, PATIENCE):
            setup = prepare(clip, options)
            claim = partial(_claimed, folder, numbers, locks)
            job = Job(setup, folder, site, False, observe, claim, some=True)
        plan = _plan(job, site, None)
        observe(plan)
        _paint_pending(job, site, plan.busy, observe)
    return ShotsReport(
        folder=folder,
        shots=tuple(shot.index + 1 for shot in job.shots),
        frames=len(job.log),
        reused=job.reused,
        seconds=time.monotonic() - begun,
    )


def _plan(job: Job, site: Site, output: Path | None) -> Plan:
    return Plan(
        setup=job.setup,
        analysis=job.analysis,
        shots=job.shots,
        pending=job.pending,
        output=output,
        jobs=site.at_once,
        alone=output is None,
        place=site.shown,
        remarks=site.notes,
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


def _paint_pending(job: Job, site: Site, busy: int, observe: Observer) -> None:
    """Render what is missing, each frame of a shot on disk before it counts."""
    if not job.pending:
        job.let_go()
        return
    one_by_one = threading.Lock()  # steps may be told from another thread than frames

    def tell(event: StepDone | FrameDone) -> None:
        with one_by_one:
            observe(event)

    with job.watched.unchanged(), site.crew(job.setup, busy, tell) as crew:
        for shots, missing, are_seams in job.phases():
            if missing:
                _paint_chains(job, crew, shots, missing, are_seams, tell)
    job.let_go()


def _paint_chains(
    job: Job,
    crew: Crew,
    shots: Sequence[Shot],
    missing: frozenset[int],
    are_seams: bool,
    tell: Callable[[StepDone | FrameDone], None],
) -> None:
    """Paint what is missing of shots, or of pieces or seams of them, each as a chain."""
    # To go on inside one, the frame before is needed too; a seam always goes on.
    starts = set() if are_seams else {shot.start for shot in shots}
    wanted = missing | {frame - 1 for frame in missing - starts}
    first = f"{job.shots[0].index + 1:04d}"
    own = frozenset() if are_seams else job.segments.own
    lazy = crew.most is None
    with contextlib.ExitStack() as stack:

        def spooled(frames: Generator[Frame, None, None], name: str) -> Footage:
            waiting = job.folder / f".{name}-{first}"
            return stack.enter_context(
                contextlib.closing(Footage(frames, job.setup.size, wanted, waiting))
            )

        numbers = sorted(wanted)
        clip, size = job.setup.clip, job.setup.size
        footage = spooled(
            read_frames(clip, *size, end=numbers[-1] + 1, only=frozenset(wanted)), "content"
        )
        pictures = job.setup.mask_pictures(job.analysis.shots, numbers)
        masks = None if pictures is None else spooled(pictures, "masks")
        can_wait = (lambda _: False) if lazy else footage.can_wait
        chains = Chains(shots, missing, crew.most, can_wait)

        def give(hand: Hand, kind: str) -> bool:
            """Whether there was something for a hand."""
            if (taken := chains.take(hand, kind)) is None:
                return False
            chain, frames = taken
            goes_on = are_seams or frames.start > chain.shot.start
            chunk = _chunk(job, chain, frames, goes_on, footage, masks, lazy)
            if are_seams:
                chunk = _of_seam(job, chain.shot, chunk)
            before, last = None, frames.start - 1
            if goes_on and chain.written == frames.start:
                before = job.kept(last, chain.shot, last in own)
            crew.give(hand, chunk, before)
            return True

        while chains:
            while any(give(*ready) for ready in crew.ready()):
                pass  # until nobody has room, or nothing is left
            for hand, message in crew.wait():
                if isinstance(message, Lost):
                    if message.why:
                        chains.failed(message.chain, message.why, MOST_FAILURES, message.until)
                    else:
                        chains.lost(message.chain, message.until)
                    continue
                painted = replace(message, own=message.frame in own)
                job.keep(painted)
                done = chains.wrote(painted.frame)
                for reader in (footage, masks):
                    if reader is not None:
                        reader.let_go(done)
                if not painted.own:
                    tell(_done(job, painted, crew.name(hand)))


def _done(job: Job, painted: Painted, worker: str | None) -> FrameDone:
    return FrameDone(
        frame=painted.frame,
        done=len(job.log),
        shot=painted.shot,
        fader=job.setup.course.fader(painted.frame),
        figures=painted.figures,
        seconds=painted.seconds,
        worker=worker,
    )


def _chunk(
    job: Job,
    chain: Chain,
    frames: range,
    goes_on: bool,
    footage: Footage,
    masks: Footage | None,
    lazy: bool,
) -> Chunk:
    """Frames of a chain to paint. lazy: their content is read as it is needed."""
    wanted, shot = range(frames.start - goes_on, frames.stop), chain.shot

    def read(reader: Footage) -> Iterable[Frame | bytes]:
        return reader.frames(wanted) if lazy else reader.kept(wanted)

    return Chunk(
        shot=shot.index,
        chain=chain.number,
        frames=frames,
        goes_on=goes_on,
        content=read(footage),
        faders=[job.setup.course.fader(frame) for frame in wanted],
        faces=[job.analysis.faces.get(frame, ()) for frame in frames],
        palette=job.analysis.palette(shot),
        calibrations=job.analysis.calibration(shot),
        masks=None if masks is None else read(masks),
        splits=() if masks is None else [job.setup.split(frame) for frame in wanted],
    )


def _of_seam(job: Job, seam: Shot, chunk: Chunk) -> Chunk:
    """The chunk with what it is drawn to: the piece's own frames."""
    own = [
        job.kept(frame - 1, seam, own=True).picture if frame > seam.start else None
        for frame in chunk.frames
    ]
    return replace(chunk, own=own, left=seam.end - chunk.frames.start)
