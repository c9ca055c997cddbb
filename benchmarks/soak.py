"""Renders of generated and damaged clips, one after another in one process: what is left behind.

    python benchmarks/soak.py --renders 200

Counts open files, child processes, temporary files and locks, and the memory of the process, and
exits with 1 where anything has stayed, or memory grew by more than a tenth after the first quarter.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import imageio_ffmpeg
import numpy as np
import psutil

from mnst_video.errors import MnstError
from mnst_video.job.render import render
from mnst_video.media.images import save_image
from mnst_video.options import Options

# Name and ffmpeg's output options of the clips.
KINDS = {
    "a.mp4": ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
    "b.mp4": ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
    "a.mkv": ("-c:v", "ffv1"),
    "a.webm": ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-pix_fmt", "yuva420p"),
    "a.avi": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"),
    "a.ts": ("-c:v", "mpeg2video", "-flags", "+ilme+ildct"),
    "a.mov": ("-c:v", "prores_ks"),
    "a.gif": ("-an",),
    "a.flv": ("-c:v", "flv", "-ar", "44100"),
    "a.ogv": ("-c:v", "libtheora"),
}
OUTPUTS = (".mp4", ".mkv", ".webm", ".gif", ".webp", "")
FRAMES, SIZE = 4, "32x32"
# By how much memory may grow after the first quarter of the renders.
GROWTH = 1.1


def made(folder: Path) -> list[Path]:
    """One clip of each kind, and two styles."""
    for number in (1, 2):
        noise = np.random.default_rng(number).integers(0, 256, (32, 32, 3), np.uint8)
        save_image(noise, folder / f"style{number}.png")
    paths = []
    for name, options in KINDS.items():
        path = folder / name
        source = ["-f", "lavfi", "-i", f"testsrc2=s={SIZE}:r=24", "-f", "lavfi", "-i", "sine"]
        length = ["-t", str(FRAMES / 24), *options, str(path)]
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *source, *length],
            check=True,
        )
        paths.append(path)
    return paths


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A file as it is, cut off, overwritten, or without a piece."""
    kind, at, length = rng.randrange(4), rng.randrange(len(data)), rng.randrange(1, 200)
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:at] + rng.randbytes(length) + data[at + length :]
    return data[:at] + data[at + length :] if kind == 3 else data


def left(work: Path, temporary: set[str]) -> list[str]:
    """What a render has left behind beside its output."""
    process = psutil.Process()
    found = [f"process {child.name()}" for child in process.children(recursive=True)]
    found += [p.name for p in work.rglob("*") if p.name.startswith(".") or p.suffix == ".lock"]
    found += [name for name in _temporary() - temporary if name.startswith(("tmp", "pymp"))]
    return found


def _temporary() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).iterdir()}


@dataclass(frozen=True)
class Row:
    """What became of a clip, and what there is after it: open files, and mebibytes of memory."""

    clip: str
    output: str
    became: str
    left: list[str]
    files: int
    mebibytes: int


def soak(count: int, seed: int) -> Iterator[Row]:
    """Render `count` clips; of each what became of it, and what there is after it."""
    rng, process = random.Random(seed), psutil.Process()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = [(path.name, path.read_bytes()) for path in made(folder)]
        for number in range(count):
            work = folder / f"work{number}"
            work.mkdir()
            temporary = _temporary()
            name, data = clips[number % len(clips)]
            (work / name).write_bytes(damaged(data, rng))
            output = work / f"out{rng.choice(OUTPUTS)}"
            options = Options(
                style1=folder / "style1.png",
                style2=folder / "style2.png",
                first_steps=2,
                steps=1,
                max_side=32,
                threads=1,
                allow_partial=rng.random() < 0.5,
            )
            try:
                became = f"{render(work / name, output, options, overwrite=True).frames} frames"
            except MnstError as error:
                became = f"refused: {str(error).replace(str(work), '')[:100]}"
            yield Row(
                clip=name,
                output=output.name,
                became=became,
                left=left(work, temporary),
                files=process.num_fds(),
                mebibytes=process.memory_info().rss >> 20,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rows = []
    for row in soak(asked.renders, asked.seed):
        print(json.dumps(asdict(row)), flush=True)
        rows.append(row)
    quarter = max(1, len(rows) // 4)
    memory = [row.mebibytes for row in rows]
    before, after = (median(part) for part in (memory[quarter : 2 * quarter], memory[-quarter:]))
    files = [row.files for row in rows]
    stayed = [name for row in rows for name in row.left]
    refused = sum(row.became.startswith("refused") for row in rows)
    print(
        f"{len(rows)} renders, {refused} refused; left: {stayed or 'nothing'}; open files "
        f"{files[quarter]} then {files[-1]}; {before:.0f} then {after:.0f} MiB"
    )
    if stayed or files[-1] > files[quarter] or after > GROWTH * before:
        sys.exit(1)


if __name__ == "__main__":
    main()
