"""Frames as they are due: a clip that plays in time, or a camera."""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

import cv2
import numpy as np

from mnst_video.errors import InputError
from mnst_video.media.clip import Clip
from mnst_video.media.frames import Frame, resize, working_size
from mnst_video.media.input.decode import read_frames

# Frames that are decoded ahead, and how long a camera may take for one, in seconds.
AHEAD, PATIENCE = 8, 5.0
# Frames a second of what is kept of a camera.
CAMERA_FPS = Fraction(30)


@dataclass(frozen=True)
class Due:
    """A frame whose time has come. number: in the clip, or since the camera began.

    round: how often the clip has begun anew. dropped: frames that were due before it, and that
    nobody asked for in time. at: the second of the feed's clock at which it was due. whole: the
    frame as the camera gave it, where that is asked for.
    """

    frame: Frame
    number: int
    round: int = 0
    dropped: int = 0
    at: float = 0.0
    whole: Frame | None = None


class ClipFeed:
    """A clip in time: `next` waits for the newest frame that is due, and drops what came before.

    Where decoding is slower than the clip its clock waits, so that nothing is left behind.
    """

    def __init__(
        self,
        clip: Clip,
        size: tuple[int, int],
        frames: range,
        loop: bool,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.clip, self.size, self.frames, self.loop = clip, size, frames, loop
        self.now, self.sleep = now, sleep
        span = clip.times.span(frames)
        self.length = float(span.end - span.start)
        begin = clip.times.begins[frames.start]
        self._begins = [float(clip.times.begins[number] - begin) for number in frames]
        self._queue: deque[tuple[int, int, Frame]] = deque()
        self._changed = threading.Condition()
        self._ended = self._stopped = False
        self._failure: Exception | None = None
        self._zero: float | None = None
        self._thread = threading.Thread(target=self._decode, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def _decode(self) -> None:
        try:
            turn = 0
            while not self._stopped and (turn == 0 or self.loop):
                frames = self.frames
                content = read_frames(self.clip, *self.size, frames.start, frames.stop)
                with closing(content):
                    for number, frame in zip(frames, content, strict=True):
                        with self._changed:
                            self._changed.wait_for(
                                lambda: self._stopped or len(self._queue) < AHEAD
                            )
                            if self._stopped:
                                return
                            self._queue.append((turn, number, frame))
                            self._changed.notify_all()
                turn += 1
        except Exception as error:  # told where frames are asked for
            self._failure = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _due(self, turn: int, number: int) -> float:
        assert self._zero is not None
        return self._zero + turn * self.length + self._begins[number - self.frames.start]

    def second(self, moment: float) -> float | None:
        """The second of the passage that is due at a moment of the clock, None before the first."""
        return None if self._zero is None else max(0.0, moment - self._zero) % self.length

    def next(self) -> Due | None:
        """The newest frame that is due; None after the last. Raises what decoding raised."""
        late = False
        with self._changed:
            while not self._queue:
                if self._ended:
                    if self._failure is not None:
                        raise self._failure
                    return None
                late = True
                self._changed.wait()
            turn, number, frame = self._queue.popleft()
            self._changed.notify_all()
        now = self.now()
        if self._zero is None:
            self._zero = now
        wait = self._due(turn, number) - now
        if wait > 0.0:
            self.sleep(wait)
        elif late:
            self._zero -= wait  # the clip could not be decoded in time
        dropped = 0
        with self._changed:
            while self._queue and self._due(*self._queue[0][:2]) <= self.now():
                turn, number, frame = self._queue.popleft()
                dropped += 1
            self._changed.notify_all()
        return Due(frame, number, turn, dropped, self._due(turn, number))


class CameraFeed:
    """A camera: `next` gives its newest frame.

    A camera gives frames as it can, fewer in the dark: a frame's number is that of its time at
    `CAMERA_FPS`, so that a take of it is as long as it was. Two may have the same.
    """

    def __init__(
        self,
        number: int,
        side: int,
        keep_whole: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises InputError where there is no such camera."""
        self._camera = cv2.VideoCapture(number)
        if not self._camera.isOpened():
            raise InputError(
                f"camera:{number}: there is no such camera, or another program has it; the first "
                "is camera:0"
            )
        width, height = (
            int(self._camera.get(what))
            for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        self.name, self.now = f"camera:{number}", now
        self.whole_size, self.size = (width, height), working_size(width, height, side)
        self._keep_whole = keep_whole
        self._changed = threading.Condition()
        self._newest: tuple[int, int, Frame] | None = None
        # The second at which the first frame came.
        self.begun: float | None = None
        # How many frames have come, and which of them was given last.
        self._come, self._given = 0, 0
        self._ended = self._stopped = False
        self._thread = threading.Thread(target=self._grab, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._thread.join()
        self._camera.release()

    def _grab(self) -> None:
        while not self._stopped:
            there, picture = self._camera.read()
            if not there:
                break
            now = self.now()
            self.begun = now if self.begun is None else self.begun
            number = round((now - self.begun) * CAMERA_FPS)
            frame = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
            with self._changed:
                self._come += 1
                self._newest = self._come, number, frame
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def next(self) -> Due | None:
        """The newest frame. Raises InputError where none comes any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._come > self._given, PATIENCE)
            if self._newest is None or self._come <= self._given:
                raise InputError(f"{self.name}: gives no more frames; is it still connected?")
            come, number, frame = self._newest
            dropped, self._given = come - self._given - 1, come
        whole = frame if self._keep_whole else None
        return Due(resize(frame, *self.size), number, 0, dropped, self.now(), whole)
