"""The clips that stability.py paints: windows and loops of others, without loss."""

import subprocess
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

from mnst_video.media.frames import Frame, working_size
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.plan.shots import CutDetector, split

# Of what is painted: the longer side, and the frames of a window and of a loop.
SIDE, WINDOW, LONG = 256, 16, 100


def window(source: Path, start: float, frames: int, path: Path) -> Path:
    """`frames` frames of a clip from `start` seconds on, without loss, SIDE wide at most."""
    if not path.exists():
        info = probe(source)
        width, height = working_size(info.width, info.height, SIDE)
        first = info.times.frame_at(Fraction(start))
        write(path, read_frames(info, width, height, first, first + frames), info.times.fps)
    return path


def looped(source: Path, frames: int, path: Path) -> Path:
    """The longest shot of a clip, back and forth until there are `frames` frames."""
    if not path.exists():
        info = probe(source)
        size = working_size(info.width, info.height, SIDE)
        detector = CutDetector()
        for frame in read_frames(info, *size):
            detector.add(frame)
        shot = max(split(info.times.frames, detector.cuts()), key=lambda s: s.end - s.start)
        there = list(read_frames(info, *size, shot.start, shot.end))[:frames]
        period = there + there[-2:0:-1]
        write(path, (period[t % len(period)] for t in range(frames)), info.times.fps)
    return path


def write(path: Path, frames: Iterable[Frame], fps: Fraction) -> None:
    """Frames as a lossless clip."""
    partial = path.with_name(f"partial-{path.name}")
    first, *others = frames
    size = f"{first.shape[1]}x{first.shape[0]}"
    command = [
        *(imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", "-y"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", str(fps), "-i", "pipe:0"),
        *("-c:v", "ffv1", "-pix_fmt", "bgr0", f"file:{partial.resolve()}"),
    ]
    subprocess.run(command, check=True, input=b"".join(f.tobytes() for f in (first, *others)))
    partial.replace(path)
