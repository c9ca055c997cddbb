"""Renders on a Dask cluster: against one process, and how far it scales.

    python benchmarks/cluster.py real       # one process against 1 and 2 workers, of a thread each
    python benchmarks/cluster.py scale      # chunks that sleep, on up to 256 workers

Both start a real scheduler and real workers on this machine. `real` interleaves its sides; `scale`
has the program's own order of chunks, with chunks of a measured size that only sleep: what it finds
is bounded by this machine too, on which the client, the scheduler and all workers are.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from distributed import Client, Worker
from tables import compared, markdown

from mnst_video.job.chains import Chains
from mnst_video.job.chunk import Chunk, Painted
from mnst_video.job.cluster.remote import Done, Report
from mnst_video.job.cluster.survey import Worker as Known
from mnst_video.job.cluster.survey import present
from mnst_video.job.cluster.workers import Workers
from mnst_video.job.crew import CHUNK, Lost
from mnst_video.job.events import FrameDone, StepDone
from mnst_video.job.facts import Facts
from mnst_video.job.render import render
from mnst_video.media.frames import working_size
from mnst_video.media.images import encode_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.painting.brief import Brief
from mnst_video.painting.frame import Figures
from mnst_video.painting.settings import Machine
from mnst_video.plan.shots import split
from mnst_video.presets import make_options

SAMPLE = Path(__file__).parents[1] / "samples" / "clip.mp4"
# Eight shots of nine frames.
CUTS = ",".join(f"{frame / 24:.4f}" for frame in range(9, 72, 9))
# Of a frame of 384x216, the default size of a CPU: a PNG of content, and one of paint.
CONTENT_BYTES, PAINT_BYTES = 167_000, 224_000
# Seconds that a frame sleeps, and seconds between two cuts of clips of so many seconds.
SLEEP = 0.1
CLIPS = {"a cut every 2 s": (240, 2), "a cut every 8 s": (240, 8), "one take": (24, 24)}
# Processes that workers of the simulation share.
PROCESSES = 4


@contextmanager
def scheduler(folder: Path) -> Iterator[Path]:
    """A scheduler; yields its file."""
    file = folder / "scheduler.json"
    place = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"]
    process = dask("scheduler", *place, "--scheduler-file", str(file))
    try:
        while not (file.is_file() and file.read_text().endswith("}")):
            time.sleep(0.05)
        yield file
    finally:
        process.kill()
        process.wait()


def dask(*arguments: str) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", "dask", *arguments], stdout=quiet, stderr=quiet)


@contextmanager
def started(processes: Sequence[subprocess.Popen[bytes]], file: Path, count: int) -> Iterator[None]:
    """Until the block ends; in it, so many workers are there."""
    try:
        with Client(scheduler_file=str(file), set_as_default=False) as client:
            while len(present(client)) != count:
                time.sleep(0.1)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def real(rounds: int, side: int) -> None:
    """One process with a thread against 1 and 2 workers with a thread each.

    And against two processes without Dask: what two at once come to on this machine.
    """
    options = make_options((), {"cuts": CUTS, "max_side": side, "threads": 1})
    seconds: dict[str, list[float]] = {
        "one process": [],
        "1 worker": [],
        "2 workers": [],
        "--jobs 2": [],
    }
    overhead: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as name, scheduler(Path(name)) as file:
        place = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0"]
        for _ in range(rounds):
            for label, times in seconds.items():
                count = int(label[0]) if "worker" in label else 0
                jobs = 2 if "jobs" in label else 1
                processes = [
                    dask("worker", "--scheduler-file", str(file), *place) for _ in range(count)
                ]
                with started(processes, file, count):
                    cluster = str(file) if count else None
                    short = options.model_copy(update={"first_steps": 1, "steps": 1})
                    render(SAMPLE, Path(name) / "warm.mp4", short, cluster=cluster, overwrite=True)
                    took, painting = timed(Path(name), options, cluster, jobs)
                times.append(took)
                print(f"{label}: {took:.1f} s, {painting:.1f} s of it painting", file=sys.stderr)
                if count == 1:
                    overhead.append((took - painting, painting))
    print(markdown("side", "seconds", "times one process", rows=compared(seconds)))
    chunks = CUTS.count(",") + 2
    beside = sum(a for a, _ in overhead) / len(overhead) / chunks
    share = sum(a for a, _ in overhead) / sum(b for _, b in overhead)
    sent, received = moved(options)
    print(f"\nsent {sent / chunks / 1e3:.0f} kB a chunk, received {received / chunks / 1e3:.0f} kB")
    print(f"beside painting, a chunk of 9 frames: {1000 * beside:.0f} ms, {share:.1%}")


def moved(options: Options) -> tuple[int, int]:
    """Bytes of the frames that are sent, and of those that come back."""
    with tempfile.TemporaryDirectory() as name:
        quick = options.model_copy(update={"first_steps": 20, "steps": 1})
        frames = Path(name) / "frames"
        render(SAMPLE, Path(name) / "o.mp4", quick, frames_dir=frames)
        received = sum(path.stat().st_size for path in frames.glob("*.png"))
        clip = probe(SAMPLE)
        width, height = working_size(clip.width, clip.height, options.side("cpu"))
        content = read_frames(clip, width, height)
        return sum(len(encode_image(frame, ".png")) for frame in content), received


def timed(folder: Path, options: Options, cluster: str | None, jobs: int) -> tuple[float, float]:
    """Seconds from the plan to the last frame, and those of them in which frames were painted."""
    painting, marks = 0.0, [0.0]

    def observe(event: object) -> None:
        nonlocal painting
        if isinstance(event, FrameDone):
            painting += event.seconds
            marks.append(time.monotonic())
        elif not isinstance(event, StepDone):
            marks[0] = time.monotonic() if len(marks) == 1 else marks[0]

    output = folder / "o.mp4"
    render(SAMPLE, output, options, cluster=cluster, jobs=jobs, overwrite=True, observe=observe)
    return marks[-1] - marks[0], painting


def sleep(_brief: Brief, _machine: Machine, chunk: Chunk, _before: Painted | Done | None) -> Done:
    """What stands for painting."""
    time.sleep(SLEEP * len(chunk.frames))
    figures = Figures(6, 0.0, 0.0, 0.0)
    pictures = (os.urandom(PAINT_BYTES) for _ in chunk.frames)
    parts = zip(chunk.frames, pictures, strict=True)
    return Done(tuple(Painted(f, chunk.shot, p, figures, SLEEP) for f, p in parts), 0.0)


def scale(counts: Sequence[int]) -> None:
    """The speed-up of clips of three kinds on so many workers."""
    rows = []
    for count in counts:
        with tempfile.TemporaryDirectory() as name, scheduler(Path(name)) as file:
            shares = [count // PROCESSES + (i < count % PROCESSES) for i in range(PROCESSES)]
            processes = [
                subprocess.Popen([sys.executable, __file__, "sleepers", str(file), str(share)])
                for share in shares
                if share
            ]
            with started(processes, file, count):
                for kind, (length, cut) in CLIPS.items():
                    if count == 1:
                        length = cut * max(1, 24 // cut)
                    rows.append([kind, str(count), *simulated(file, length, cut, count)])
                    print(rows[-1], file=sys.stderr)
    header = ("clip", "workers", "frames", "speed-up", "ideal", "MB/s sent", "MB/s received")
    print(markdown(*header, rows=sorted(rows, key=lambda row: (row[0], int(row[1])))))


def simulated(file: Path, length: int, cut: int, count: int) -> list[str]:
    """A clip of so many seconds with a cut every so many."""
    frames = 24 * length
    shots = split(frames, range(24 * cut, frames, 24 * cut))
    chains = Chains(shots, frozenset(range(frames)), CHUNK, lambda _: True)
    facts = Facts("cpu", "", "", 1, 1.0, "", {})
    options = Options()
    with Client(scheduler_file=str(file), set_as_default=False) as client:
        known = [
            Known(address, str(info["name"]), report=Report(facts, ("cpu",)))
            for address, info in present(client).items()
        ]
        begun = time.monotonic()
        brief = Brief(options.paint, (), (384, 216))
        observe = list[object]().append
        machine = options.machine
        workers = Workers(client, brief, machine, known, None, 60.0, observe, sleep)
        with closing(workers) as hands:
            while chains:
                while any(given(chains, hands, *ready) for ready in hands.ready()):
                    pass
                for _, message in hands.wait():
                    if isinstance(message, Lost):
                        chains.lost(message.chain, message.until)
                    else:
                        chains.wrote(message.frame)
        took = time.monotonic() - begun
    alone = SLEEP * frames
    ideal = alone / max(alone / count, SLEEP * max(len(shot.frames) for shot in shots))
    sent, received = (size * frames / took / 1e6 for size in (CONTENT_BYTES, PAINT_BYTES))
    return [str(frames), f"{alone / took:.1f}", f"{ideal:.1f}", f"{sent:.0f}", f"{received:.0f}"]


def given(chains: Chains, hands: Workers, hand: object, kind: str) -> bool:
    """As a render gives chunks, with content that is noise."""
    if (taken := chains.take(hand, kind)) is None:
        return False
    chain, frames = taken
    goes_on = frames.start > chain.shot.start
    content = [os.urandom(CONTENT_BYTES) for _ in range(len(frames) + goes_on)]
    figures = Figures(6, 0.0, 0.0, 0.0)
    here = goes_on and chain.written == frames.start
    last = Painted(frames.start - 1, chain.shot.index, os.urandom(PAINT_BYTES), figures, SLEEP)
    chunk = Chunk(0, chain.number, frames, goes_on, content, [], [], None, ())
    hands.give(hand, chunk, last if here else None)
    return True


async def sleepers(file: str, count: int) -> None:
    """So many workers in this process, until it is killed."""
    address = json.loads(Path(file).read_text())["address"]
    for _ in range(count):
        await Worker(address, nthreads=1, dashboard=False, memory_limit=0)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    of_real = commands.add_parser("real")
    of_real.add_argument("--rounds", type=int, default=3)
    of_real.add_argument("--side", type=int, default=128)
    of_scale = commands.add_parser("scale")
    of_scale.add_argument("--workers", type=int, nargs="*", default=[1, 8, 64, 256])
    of_sleepers = commands.add_parser("sleepers")
    of_sleepers.add_argument("file")
    of_sleepers.add_argument("count", type=int)
    arguments = parser.parse_args()
    if arguments.command == "real":
        real(arguments.rounds, arguments.side)
    elif arguments.command == "scale":
        scale(arguments.workers)
    else:
        asyncio.run(sleepers(arguments.file, arguments.count))


if __name__ == "__main__":
    main()
