"""Containers, streams and packets by PyAV, and how a decoded picture stands."""

import struct
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mnst_video.media.ffmpeg import FORMATS
from mnst_video.media.frames import Frame

# As for OpenCV's complaints, see `decode`.
av.logging.set_level(None)


class Orientation(NamedTuple):
    """How a decoded picture is made upright: transposed, and then flipped."""

    transposed: bool
    left_right: bool
    upside_down: bool

    @property
    def mirrored(self) -> bool:
        return self.transposed ^ self.left_right ^ self.upside_down

    def upright(self, picture: Frame) -> Frame:
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        rows, columns = (-1 if self.upside_down else 1), (-1 if self.left_right else 1)
        return np.ascontiguousarray(picture[::rows, ::columns])


def orientation(frame: VideoFrame) -> Orientation:
    """What the file says of a frame's orientation, by its display matrix."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, SideData):
        return Orientation(False, False, False)
    a, b, _, c, d, *_ = struct.unpack("9i", bytes(matrix))  # x' = ax + cy, y' = bx + dy
    if abs(b) > abs(a):
        return Orientation(True, c < 0, b < 0)
    return Orientation(False, a < 0, d < 0)


def open_container(path: Path, formats: str = FORMATS) -> InputContainer:
    """A local file of some formats. Raises FFmpegError."""
    options = {"format_whitelist": formats, "protocol_whitelist": "file"}
    # Tags are not used, and those of old files are often not UTF-8.
    return av.open(f"file:{path.resolve()}", options=options, metadata_errors="replace")


def stream_at(container: InputContainer, index: int) -> VideoStream:
    """The video stream that has a number among all streams."""
    return next(stream for stream in container.streams.video if stream.index == index)


def stamp_of(timed: "Packet[VideoStream] | VideoFrame") -> int | None:
    """When a packet or a frame is shown, on the clock of its stream."""
    # AVI has no presentation times, and no reordered frames either.
    return timed.dts if timed.pts is None else timed.pts
