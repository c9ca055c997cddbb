"""A clip's frames."""

import contextlib
import os
from collections.abc import Container, Generator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from mnst_video.errors import InputError
from mnst_video.media.clip import Clip
from mnst_video.media.ffmpeg import FORMATS, ffmpeg, local
from mnst_video.media.frames import Frame, resize
from mnst_video.media.images import Photo, load_photo

# OpenCV's own complaints would land in the middle of the progress display; what matters of them is
# raised as an error.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

# To the colours of SDR by `Clip.colors`. PQ: in display light with diffuse white, 203 cd/m²
# (ITU-R BT.2408), at 1, rolled off up to 1000 cd/m². HLG: as an SDR display shows it, which it was
# made for (ITU-R BT.2390); to roll it off anew would leave little between its light greys.
_LINEAR = ["zscale=transfer=linear:npl=203", "format=gbrpf32le", "zscale=primaries=bt709"]
_BT709 = ["zscale=transfer=bt709:matrix=gbr:range=full", "format=gbrp"]
TO_SDR = {
    "PQ": [*_LINEAR, "tonemap=mobius:desat=0:peak=4.93", *_BT709],
    "HLG": ["setparams=color_trc=bt2020-10", *_LINEAR, *_BT709],
    "BT.2020": [*_LINEAR, *_BT709],
}


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
    Raises InputError where the file yields fewer frames than it has.
    """
    with contextlib.closing(_photos(clip, start, end, only)) as photos:
        for photo in photos:
            yield resize(photo.on(clip.decoding.matte), width, height)


def read_opacity(
    clip: Clip, width: int, height: int, start: int = 0, end: int | None = None
) -> Generator[Frame, None, None]:
    """The opacity of frames, as `read_frames` has them: uint8 `(height, width)`, 255 is opaque."""
    with contextlib.closing(_photos(clip, start, end, None)) as photos:
        for photo in photos:
            opaque = np.full(photo.frame.shape[:2], 255, np.uint8)
            yield resize(opaque if photo.alpha is None else photo.alpha, width, height)


def decodable(clip: Clip) -> int:
    """How many of the decoded frames of a clip there really are."""
    with contextlib.closing(_decoded(clip, ())) as found:
        return sum(1 for _ in islice(found, clip.times.decoded))


def _photos(
    clip: Clip, start: int, end: int | None, only: Container[int] | None
) -> Generator[Photo, None, None]:
    """Some of the frames, as they are decoded."""
    end = clip.times.frames if end is None else end
    if start >= end:
        return
    frames = (frame for frame in range(start, end) if only is None or frame in only)
    wanted = {clip.times.number(frame) for frame in frames}
    total = clip.times.decoded
    with contextlib.closing(_decoded(clip, wanted)) as found:
        for number in range(clip.times.number(end - 1) + 1):
            try:
                photo = next(found)
            except StopIteration:
                whole = next(f for f in range(clip.times.frames) if clip.times.number(f) >= number)
                until = float(clip.times.begins[whole])
                raise InputError(
                    f"{clip.path}: damaged or cut off: only {number} of its {total} frames can be "
                    f"decoded; render what is whole with --end {until:.3f}, or with --allow-partial"
                ) from None
            if number in wanted:
                if photo is None:
                    raise InputError(f"{clip.path}: frame {number} cannot be decoded")
                yield photo


def _decoded(clip: Clip, wanted: Container[int]) -> Generator[Photo | None, None, None]:
    """All frames that can be decoded, in order; None for those that are not wanted."""
    if clip.decoding.pictures:
        return _from_pictures(clip, wanted)
    return _by_opencv(clip, wanted) if clip.decoding.opencv else _by_ffmpeg(clip, wanted)


def _by_opencv(clip: Clip, wanted: Container[int]) -> Generator[Photo | None, None, None]:
    capture = _capture(clip.path)
    number, more = 0, capture.grab()
    try:
        if not more:  # a kind that it lacks, or has and cannot decode
            yield from _by_ffmpeg(clip, wanted)
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


def _by_ffmpeg(clip: Clip, wanted: Container[int]) -> Generator[Photo | None, None, None]:
    """What OpenCV does not decode faithfully; see `Clip.opencv`. Raises MachineError."""
    width, height = clip.decoding.size
    channels = 4 if clip.decoding.alpha else 3
    filters = ["bwdif=mode=send_frame:deint=all"] if clip.decoding.interlaced else []
    filters += TO_SDR.get(clip.decoding.colors, [])
    # ffmpeg's own decoders drop the opacity of these.
    decoder = (
        {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(clip.decoding.codec)
        if clip.decoding.alpha
        else None
    )
    arguments = [
        *(("-c:v", decoder) if decoder else ()),
        *("-xerror", *local(clip.path), "-map", f"0:{clip.decoding.stream}"),
        *("-vf", ",".join(filters or ["null"]), "-fps_mode", "passthrough"),
        *("-f", "rawvideo", "-pix_fmt", "rgba" if channels == 4 else "rgb24", "pipe:1"),
    ]
    number, size = 0, width * height * channels
    with ffmpeg(arguments, writes=True) as decoder_process:
        while len(data := decoder_process.pipe.read(size)) == size:
            photo = None
            if number in wanted:
                pixels = np.frombuffer(data, np.uint8).reshape(height, width, channels)
                alpha = np.ascontiguousarray(pixels[..., 3]) if channels == 4 else None
                photo = Photo(np.ascontiguousarray(pixels[..., :3]), alpha)
            yield photo
            number += 1
        decoder_process.check_not_killed(clip.path)  # else the clip would look cut off


def _from_pictures(clip: Clip, wanted: Container[int]) -> Generator[Photo | None, None, None]:
    width, height = clip.decoding.size
    for number, path in enumerate(clip.decoding.pictures):
        photo = load_photo(path) if number in wanted else None
        if photo is not None and photo.frame.shape[:2] != (height, width):
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
