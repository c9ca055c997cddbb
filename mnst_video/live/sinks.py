"""Where pictures go: into clips that are kept, to other programs."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from mnst_video.errors import MachineError, UsageError
from mnst_video.live.feed import CAMERA_FPS, CameraFeed, ClipFeed, Due
from mnst_video.live.microphone import Microphone
from mnst_video.live.take import Kept, Record, recording
from mnst_video.media.frames import Frame
from mnst_video.media.input.sound import sound_codecs
from mnst_video.media.output.dub import dub_with
from mnst_video.media.output.soundtrack import Soundtrack

# Takes a picture, its frame, γ, and words on it; False ends it all.
Sink = Callable[[Frame, Due, float, str], bool]


@contextlib.contextmanager
def records(
    kept: Kept, feed: ClipFeed | CameraFeed, audio: Path | None, microphone: Microphone | None
) -> Iterator[list[Sink]]:
    """Sinks that write the clips that are kept.

    audio: what replaces a clip's sound in its record; that of a camera has what a microphone kept.
    Raises UsageError or MachineError.
    """
    sinks: list[Sink] = []
    with contextlib.ExitStack() as stack:
        if kept.record is not None and isinstance(feed, ClipFeed):
            sound = Soundtrack(audio, sound_codecs(audio)) if audio is not None else None
            context = recording(kept.record, feed.clip, feed.size, feed.frames, sound)
            sinks.append(_recorded(stack.enter_context(context)))
        elif kept.record is not None:
            record = stack.enter_context(recording(kept.record, CAMERA_FPS, feed.size))
            sinks.append(_recorded(record))
        if kept.input is not None:
            if not isinstance(feed, CameraFeed):
                raise UsageError("--record-input: is for a camera; a clip is there already")
            given = stack.enter_context(recording(kept.input, CAMERA_FPS, feed.whole_size))
            sinks.append(_given(given))
        yield sinks
    if kept.record is None or microphone is None or microphone.kept is None:
        return
    if isinstance(feed, CameraFeed) and feed.begun is not None and microphone.begun is not None:
        dub_with(kept.record, microphone.kept, max(0.0, feed.begun - microphone.begun))


def _recorded(record: Record) -> Sink:
    def write(picture: Frame, due: Due, _: float, __: str) -> bool:
        record.add(due.number, picture)
        return True

    return write


def _given(record: Record) -> Sink:
    def write(_: Frame, due: Due, __: float, ___: str) -> bool:
        assert due.whole is not None
        record.add(due.number, due.whole)
        return True

    return write


def raw(picture: Frame, _: Due, __: float, ___: str) -> bool:
    """RGB, 8 bits, row by row, to standard output; False where nobody reads it any more."""
    try:
        sys.stdout.buffer.write(np.ascontiguousarray(picture).data)
        sys.stdout.buffer.flush()
    except (BrokenPipeError, ValueError):
        return False
    return True


@contextlib.contextmanager
def virtual_camera(size: tuple[int, int], fps: float) -> Iterator[Sink]:
    """A camera that other programs see. Raises MachineError."""
    try:
        import pyvirtualcam
    except ImportError:
        raise MachineError(
            'a virtual camera needs pyvirtualcam: pip install "mnst-video[live]"'
        ) from None
    try:
        camera = pyvirtualcam.Camera(width=size[0], height=size[1], fps=fps)
    except RuntimeError as error:
        raise MachineError(f"--virtual-camera: this machine has none ({error})") from None
    with camera:

        def send(picture: Frame, _: Due, __: float, ___: str) -> bool:
            camera.send(np.ascontiguousarray(picture))
            return True

        yield send
