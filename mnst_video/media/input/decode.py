"""A clip's frames."""

import contextlib
import os
from collections.abc import Container, Generator
from pathlib import Path

import av
import cv2
import numpy as np

from mnst_video.errors import InputError
from mnst_video.media.clip import Clip
from mnst_video.media.ffmpeg import FORMATS
from mnst_video.media.frames import Frame, resize
from mnst_video.media.images import Photo, load_photo
from mnst_video.media.input.animation import read_animation
from mnst_video.media.input.convert import deinterlaced, photo_of
from mnst_video.media.input.demux import decoder_of, open_container, readable, stream_at

# OpenCV's own complaints would land in the middle of the progress display; what matters of them is
# raised as an error.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def read_frames(
    clip: Clip,
    width: int,
    height: int,
    start: int = 0,
    end: int | None = None,
    only: Container[int] | None = None,
) -> Generator[Frame, None, None]:
    """Frames `start` to `end` (half open) of a clip at a size: uint8 `(height, width, 3)`, RGB.

    What is transparent is on `clip.decoding.matte`.
    only: the numbers of those of them that are wanted; None is all.
    All frames before `start` are decoded too: a seek is not exact in every format.
    Raises InputError where the file yields fewer frames than it did when it was probed.
    """
    with contextlib.closing(_photos(clip, start, end, only)) as photos:
        for photo in photos:
            yield resize(photo.on(clip.decoding.matte), width, height)


def read_opacity(
    clip: Clip,
    width: int,
    height: int,
    start: int = 0,
    end: int | None = None,
    only: Container[int] | None = None,
) -> Generator[Frame, None, None]:
    """The opacity of frames, as `read_frames` has them: uint8 `(height, width)`, 255 is opaque."""
    with contextlib.closing(_photos(clip, start, end, only)) as photos:
        for photo in photos:
            yield resize(photo.opacity, width, height)


def _photos(
    clip: Clip, start: int, end: int | None, only: Container[int] | None
) -> Generator[Photo, None, None]:
    """Some of the frames, as they are decoded."""
    end = clip.times.frames if end is None else end
    if start >= end:
        return
    frames = (frame for frame in range(start, end) if only is None or frame in only)
    wanted = {clip.times.number(frame) for frame in frames}
    with contextlib.closing(decoded_frames(clip, wanted)) as found:
        for number in range(clip.times.number(end - 1) + 1):
            photo = next(found, None)
            if number in wanted:
                if photo is None:
                    raise InputError(
                        f"{clip.path}: frame {number}, which could be decoded before, no longer "
                        "can; has the file changed?"
                    )
                yield photo


def decoded_frames(clip: Clip, wanted: Container[int]) -> Generator[Photo | None, None, None]:
    """All frames that can be decoded, in order; None for those that are not wanted."""
    if clip.decoding.pictures:
        return _from_pictures(clip, wanted)
    if clip.decoding.animated:
        return read_animation(clip.path, wanted)
    return _by_opencv(clip, wanted) if clip.decoding.opencv else _by_pyav(clip, wanted)


def _by_opencv(clip: Clip, wanted: Container[int]) -> Generator[Photo | None, None, None]:
    capture = _capture(clip.path)
    number, more = 0, capture.grab()
    try:
        if not more:  # a kind that it lacks, or has and cannot decode
            yield from _by_pyav(clip, wanted)
        while more:
            photo = None
            if number in wanted:
                decoded, bgr = capture.retrieve()
                if decoded:
                    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
                    photo = Photo(np.asarray(rgb, np.uint8))
            yield photo
            number, more = number + 1, capture.grab()
    finally:
        capture.release()


def _by_pyav(clip: Clip, wanted: Container[int]) -> Generator[Photo | None, None, None]:
    """What OpenCV does not decode faithfully; see `Decoding.opencv`."""
    try:
        with open_container(clip.path) as container:
            stream = stream_at(container, clip.decoding.stream)
            frames = decoder_of(stream, clip.decoding).frames(readable(container.demux(stream)))
            if clip.decoding.interlaced:
                frames = deinterlaced(frames)
            for number, frame in enumerate(frames):
                yield photo_of(frame, clip.decoding) if number in wanted else None
    except av.error.FFmpegError as error:
        raise InputError(f"{clip.path}: cannot be decoded ({error.strerror})") from None


def _from_pictures(clip: Clip, wanted: Container[int]) -> Generator[Photo | None, None, None]:
    width, height = clip.decoding.size
    most = width * height / 1e6
    photo, read = None, None  # one picture may stand for many frames
    for number, path in enumerate(clip.decoding.pictures):
        if number not in wanted:
            yield None
            continue
        if path != read:
            photo, read = load_photo(path, most), path
            if photo.frame.shape[:2] != (height, width):
                have = f"{photo.frame.shape[1]}×{photo.frame.shape[0]}"
                raise InputError(f"{path}: is {have}, but the first picture is {width}×{height}")
        yield photo


def _capture(path: Path) -> cv2.VideoCapture:
    """An open OpenCV decoder, restricted to `FORMATS` in local files."""
    variable = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    before = os.environ.get(variable)
    os.environ[variable] = f"protocol_whitelist;file|format_whitelist;{FORMATS}"
    try:
        return cv2.VideoCapture(f"file:{path.resolve()}", cv2.CAP_FFMPEG)
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before
