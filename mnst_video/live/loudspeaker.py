"""The sound of a clip that is played, in time with its picture."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnst_video.errors import MachineError, UsageError
from mnst_video.live.devices import reason_of, sounddevice
from mnst_video.media.clip import Clip, Passage
from mnst_video.media.ffmpeg import ffmpeg, local

RATE, CHANNELS = 48_000, 2
# Seconds that the sound may be away from the picture before it jumps there.
APART = 0.05

Samples = NDArray[np.int16]


class Track:
    """The samples of a passage, int16 `(samples, 2)`, asked for block by block.

    length: seconds of the passage, after which it begins anew.
    """

    def __init__(self, samples: Samples, length: float) -> None:
        self.samples, self.length = samples, max(1, round(length * RATE))
        self._next = 0

    def block(self, count: int, second: float) -> Samples:
        """The next samples; those of a second of the passage where it is somewhere else."""
        place = round(second * RATE) % self.length
        apart = (place - self._next + self.length // 2) % self.length - self.length // 2
        if abs(apart) > APART * RATE:
            self._next = place
        places = (self._next + np.arange(count)) % self.length
        there = places < len(self.samples)
        found = np.zeros((count, CHANNELS), np.int16)
        found[there] = self.samples[places[there]]
        self._next = (self._next + count) % self.length
        return found


@contextlib.contextmanager
def sounding(
    clip: Clip, audio: Path | None, passage: Passage, where: Callable[[float], float | None]
) -> Iterator[None]:
    """Play the sound of a passage while the context lasts.

    audio: what replaces the clip's own sound. where: the second of the passage whose picture is
    shown at a moment of `time.monotonic`, None before the first.
    Raises UsageError where there is no sound, MachineError where none can be played.
    """
    if audio is None and not clip.audio:
        raise UsageError(f"--sound: {clip.path} has none; --audio FILE is played with it")
    device = sounddevice("--sound")
    # A file that is still mapped cannot be removed on Windows.
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        samples = _decoded(clip, audio, passage, Path(folder) / "sound.raw")
        track = Track(samples, float(passage.end - passage.start))

        def fill(block: Samples, count: int, times: Any, _: object) -> None:
            ahead = max(0.0, times.outputBufferDacTime - times.currentTime)
            second = where(time.monotonic() + ahead)
            block[:] = 0 if second is None else track.block(count, second)

        try:
            stream = device.OutputStream(RATE, channels=CHANNELS, dtype="int16", callback=fill)
            stack = contextlib.ExitStack()
            stack.enter_context(stream)
        except device.PortAudioError as error:
            raise MachineError(f"--sound: cannot be played ({reason_of(error)})") from None
        with stack:
            yield


def _decoded(clip: Clip, audio: Path | None, passage: Passage, path: Path) -> Samples:
    """The sound of a passage, from its first picture on. It stays in a file: it may be long."""
    begin = passage.start + (clip.start if audio is None else 0)
    end = begin + passage.end - passage.start
    cut = f"atrim={float(begin):.6f}:{float(end):.6f},asetpts=PTS-{float(begin):.6f}/TB"
    arguments = [
        *local(audio or clip.path),
        *("-map", "0:a:0", "-af", f"{cut},aresample={RATE}:first_pts=0"),
        *("-ac", str(CHANNELS), "-f", "s16le", "-y", f"file:{path}"),
    ]
    with ffmpeg(arguments, writes=False) as decoder:
        if not decoder.finish():
            raise MachineError(f"--sound: cannot be decoded ({decoder.reason()})")
    if path.stat().st_size < 2 * CHANNELS:
        return np.zeros((0, CHANNELS), np.int16)
    return np.memmap(path, np.int16, "r").reshape(-1, CHANNELS)
