"""Work on a whole clip, each in a process of its own: a copy that browsers play, and its cuts."""

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import av

from mnst_video.errors import MnstError
from mnst_video.job.lock import alone, lock_of
from mnst_video.media.clip import Clip
from mnst_video.media.frames import working_size
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.demux import open_container
from mnst_video.media.output.encode import open_encoder
from mnst_video.options import Options
from mnst_video.plan.source import clip_of

# Longer side of the copy.
SIDE = 640
# What browsers play as it is.
ENDINGS = (".mp4", ".m4v", ".webm", ".mov")
VIDEO = ("h264", "vp8", "vp9", "av1", "libdav1d", "libvpx")
PIXELS = ("yuv420p", "yuvj420p")
SOUND = ("aac", "mp3", "opus", "vorbis", "flac")
# Frames after which it is told how far it is.
OFTEN = 25

# Called with what is done and all there is to do.
Tell = Callable[[int, int], None]
# What a chore does: a clip's file and options, another file, and how to tell.
Work = Callable[[Path, Options, Path, Tell], Any]


class Chore:
    """One piece of work. told: called from a thread when something is new."""

    def __init__(
        self, work: Work, source: Path, options: Options, path: Path, told: Callable[[], None]
    ) -> None:
        self.done, self.total = 0, 0
        self.result: Any = None
        self.problem: str | None = None
        self._told = told
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_do, args=(theirs, work, source, options, path), daemon=True
        )
        self._process.start()
        theirs.close()
        threading.Thread(target=self._hear, args=(ours,), daemon=True).start()

    @property
    def busy(self) -> bool:
        return self.result is None and self.problem is None

    @property
    def shown(self) -> dict[str, Any]:
        """For the page."""
        return {
            "busy": self.busy,
            "done": self.done,
            "total": self.total,
            "problem": self.problem,
        }

    def _hear(self, line: Connection) -> None:
        try:
            while self.busy:
                kind, about = line.recv()
                if kind == "count":
                    self.done, self.total = about
                elif kind == "result":
                    self.result = about
                else:
                    self.problem = about
                self._told()
        except (EOFError, OSError):
            if self.busy:
                self.problem = "its process ended without a word"
                self._told()

    def close(self) -> None:
        """End it, done or not."""
        self._process.terminate()


def _do(line: Connection, work: Work, source: Path, options: Options, path: Path) -> None:
    def tell(done: int, total: int) -> None:
        if done % OFTEN == 0 or done == total:
            line.send(("count", (done, total)))

    try:
        line.send(("result", work(source, options, path, tell)))
    except MnstError as error:
        line.send(("problem", str(error)))


def plays_itself(clip: Clip) -> bool:
    """Whether browsers play a clip as it is, with its frames where the program has them."""
    odd = clip.decoding.pictures or clip.damage or clip.decoding.interlaced or clip.start != 0
    if clip.path.suffix.lower() not in ENDINGS or odd:
        return False
    try:
        with open_container(clip.path) as container:
            found = [
                (s.codec_context.name, s.codec_context.pix_fmt) for s in container.streams.video
            ]
    except (av.error.FFmpegError, MnstError):
        return False
    (codec, pixels), *more = found
    known = codec.startswith(VIDEO) and pixels in PIXELS
    return known and not more and {*clip.audio} <= {*SOUND}


def make_copy(source: Path, options: Options, path: Path, tell: Tell) -> bool:
    """A small copy of a clip, with its sound, whose first frame is at 0."""
    with alone(lock_of(path), path, "--folder"):
        clip = clip_of(source, options.input)
        size = working_size(clip.width, clip.height, SIDE)
        with open_encoder(path, clip, size) as write:
            for number, frame in enumerate(read_frames(clip, *size), 1):
                write(frame)
                tell(number, clip.times.frames)
    return True


def find_cuts(source: Path, options: Options, _: Path, tell: Tell) -> list[float]:
    """Seconds at which shots begin."""
    from mnst_video.plan.analysis import found_cuts  # torch, which the server does without

    clip = clip_of(source, options.input)
    seen = 0

    def looked() -> None:
        nonlocal seen
        seen += 1
        tell(seen, clip.times.frames)

    return [float(clip.times.begins[frame]) for frame in found_cuts(clip, looked)]
