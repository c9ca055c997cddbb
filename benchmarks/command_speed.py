"""Sections of speed.py: the command line in processes of its own, its time and its memory."""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import stability
from clips import looped, write
from others import OURS, Arguments, interleaved, sample, timed
from tables import Figures, markdown, ratio

from mnst_video.media.input.probe import probe
from mnst_video.options import Options

FRAMES_SIDE, JOBS_SIDE = 64, 128
# Starts a command and reports on it. A process of its own: the peak that the system tells of a
# child is never below what its parent held when it started it.
LAUNCHER = """
import json, os, subprocess, sys, time
begun = time.monotonic()
child = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
events, last = [], ""
for last in child.stderr:
    if last.startswith("{"):
        events.append({"at": time.monotonic() - begun, **json.loads(last)})
        if sys.argv[1] == "first":
            child.terminate()
_, code, usage = os.wait4(child.pid, 0)
peak = usage.ru_maxrss / 2 ** (20 if sys.platform == "darwin" else 10)
about = {"code": code, "seconds": time.monotonic() - begun, "peak": peak, "last": last}
print(json.dumps({"events": events, **about}))
"""


def rendered(arguments: Arguments, clip: Path, *given: object, until: str = "end") -> Figures:
    """What the launcher says of a render by the command line, and its median frame's seconds."""
    threads = ("--threads", arguments.threads) if arguments.threads else ()
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        given = ("--gamma", 0.5, "--device", "cpu", *threads, *given, "--progress", "json")
        render = ("-m", "mnst_video", clip, "--output", Path(folder) / "clip.mp4", *given)
        line = [sys.executable, "-c", LAUNCHER, until, sys.executable, *map(str, render)]
        about = json.loads(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout)
    if not about["events"] or (until == "end" and about["code"]):
        raise RuntimeError(f"{OURS} failed: {about['last'].strip()}")
    frames = [event["seconds"] for event in about["events"] if event["event"] == "frame"]
    return about | {"frame": median(frames) if frames else math.nan}


def frames(arguments: Arguments) -> Figures:
    points = {}
    for count in map(int, arguments.frames.split(",")):
        clip = looped(stability.SAMPLE, count, arguments.work / f"{count}.mkv")
        points[f"{count} frames"] = (count, [rendered(arguments, clip, "--max-side", FRAMES_SIDE)])
    return points


def pixels(arguments: Arguments) -> Figures:
    points = {}
    info = probe(stability.SAMPLE)
    for megapixels in map(float, arguments.pixels.split(",")):
        width = 2 * round(math.sqrt(megapixels * 1e6 * info.width / info.height) / 2)
        content, clip = sample(3, width), arguments.work / f"{width}-wide.mkv"
        write(clip, content, info.times.fps)
        # As many steps on the first frame as on later ones.
        about = rendered(arguments, clip, "--max-side", width, "--first-steps", Options().steps)
        area = content[0][..., 0].size / 1e6
        points[f"{area:.2f} megapixels"] = (area, [about])
    return points


def jobs(arguments: Arguments) -> Figures:
    points: dict[str, tuple[int, list[Figures]]] = {}
    for _ in range(arguments.repeats):
        for count in map(int, arguments.jobs.split(",")):
            given = ("--max-side", JOBS_SIDE, "--jobs", count)
            _, runs = points.setdefault(f"`--jobs {count}`", (count, []))
            runs.append(rendered(arguments, stability.SAMPLE, *given))
    return points


def show_cost(figures: Figures) -> str:
    rows = []
    first_amount, first = next(iter(figures.values()))
    for name, (amount, runs) in figures.items():
        keys = ("seconds", "frame", "peak")
        values, firsts = ([[run[key] for run in side] for key in keys] for side in (runs, first))
        total, frame, peak = map(median, values)
        times = (ratio(*pair) for pair in zip(values, firsts, strict=True))
        cells = f"{total:.1f}", f"{frame:.3f}", f"{peak:.0f}", f"{amount / first_amount:.2f}"
        rows.append([name, *cells, *(f"{value:.2f}" for value in times)])
    header = ("", "seconds", "a frame", "peak, MiB", "times the first row's size", "seconds")
    return markdown(*header, "a frame", "peak", rows=rows)


def start(arguments: Arguments) -> Figures:
    def first_event() -> float:
        about = rendered(arguments, stability.SAMPLE, until="first")
        return float(about["events"][0]["at"])

    bare = [sys.executable, "-c", "import torch"]
    sides = {
        "`import torch` alone": lambda: timed(lambda: subprocess.run(bare, check=True)),
        OURS: first_event,
    }
    return interleaved(sides, arguments.repeats)
