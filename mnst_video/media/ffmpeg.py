"""ffmpeg as a child process: it opens local media files only, and never outlives its work."""

import contextlib
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import imageio_ffmpeg

from mnst_video.errors import MachineError

# Only these containers are opened: a playlist or an ffconcat script in a file called .mp4 would
# otherwise make ffmpeg read any other file.
FORMATS = (
    "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,mxf,gif,apng,nut,dv,wtv,ivf,"
    "h264,hevc,m4v,obu"
)
MUSIC_FORMATS = f"{FORMATS},wav,w64,mp3,flac,aac,aiff,caf,ac3,eac3"


# What it exits with after a signal that it could take.
TERMINATED = 255


class Ffmpeg:
    """A running ffmpeg; `pipe` is its standard input or output."""

    def __init__(self, process: "subprocess.Popen[bytes]", pipe: IO[bytes], log: IO[bytes]) -> None:
        self._process, self.pipe, self._log = process, pipe, log

    def finish(self) -> bool:
        """Wait until it has ended; whether it says that all went well."""
        with contextlib.suppress(BrokenPipeError):
            self.pipe.close()
        return self._process.wait() == 0

    def reason(self) -> str:
        """Why it failed, after it has ended: its first complaint, from which the others follow."""
        code = self._process.wait()
        if code < 0 or code == TERMINATED:
            number = signal.SIGTERM if code == TERMINATED else -code
            return f"ended from outside: {signal.strsignal(number) or number}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        for line in lines:
            if not line.startswith("Svt["):  # which is never quiet
                return re.sub(r"^(\[[^]]*\] ?)+", "", line).strip()[:200]
        return "no reason given"


def local(path: Path) -> list[str]:
    """The arguments that make a local media file an input, and a script in it none."""
    restricted = ["-protocol_whitelist", "file,pipe", "-format_whitelist", MUSIC_FORMATS]
    return [*restricted, "-i", f"file:{path.resolve()}"]


@contextlib.contextmanager
def ffmpeg(arguments: Sequence[str], *, writes: bool) -> Iterator[Ffmpeg]:
    """ffmpeg while the block lasts; it is killed where it has not ended by then.

    writes: whether we read its standard output, instead of writing to its standard input.
    Raises MachineError where there is none, or where it does not start.
    """
    with tempfile.TemporaryFile() as log:
        try:
            command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-hide_banner"]
            streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
            if writes:
                streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
            process = subprocess.Popen(
                [*command, "-loglevel", "error", *arguments],
                stderr=log,
                # A session of its own: Ctrl-C is for us to handle, and must not look like a
                # failing ffmpeg.
                start_new_session=True,
                **streams,
            )
        except (RuntimeError, OSError) as error:
            raise MachineError(f"ffmpeg is not there, or does not start ({error})") from None
        pipe = process.stdout if writes else process.stdin
        assert pipe is not None
        try:
            yield Ffmpeg(process, pipe, log)
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                pipe.close()
