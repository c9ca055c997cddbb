"""Containers, streams, packets and their decoding by PyAV, and how a decoded picture stands."""

import contextlib
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mnst_video.media.clip import Decoding
from mnst_video.media.ffmpeg import FORMATS
from mnst_video.media.frames import Frame

# As for OpenCV's complaints, see `decode`.
av.logging.set_level(None)

# The decoders of those whose opacity ffmpeg's own ones drop.
WITH_OPACITY = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


class Orientation(NamedTuple):
    """How a decoded picture is made upright: transposed, and then flipped.

    exact: whether that is all; else it is turned by an angle that is no multiple of 90°.
    """

    transposed: bool
    left_right: bool
    upside_down: bool
    exact: bool = True

    @property
    def mirrored(self) -> bool:
        return self.transposed ^ self.left_right ^ self.upside_down

    def upright(self, picture: Frame) -> Frame:
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        rows, columns = (-1 if self.upside_down else 1), (-1 if self.left_right else 1)
        return np.ascontiguousarray(picture[::rows, ::columns])


def orientation(frame: VideoFrame) -> Orientation:
    """What the file says of a frame's orientation, by its display matrix.

    Of an angle that is no multiple of 90° the nearest one that is.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, SideData):
        return Orientation(False, False, False)
    a, b, _, c, d, *_ = struct.unpack("9i", bytes(matrix))  # x' = ax + cy, y' = bx + dy
    less, more = sorted((abs(a), abs(b)))
    exact = less * 100 <= more  # half a degree
    if abs(b) > abs(a):
        return Orientation(True, c < 0, b < 0, exact)
    return Orientation(False, a < 0, d < 0, exact)


def open_container(path: Path, formats: str = FORMATS) -> InputContainer:
    """A local file of some formats. Raises FFmpegError."""
    options = {"format_whitelist": formats, "protocol_whitelist": "file"}
    # Tags are not used, and those of old files are often not UTF-8.
    return av.open(f"file:{path.resolve()}", options=options, metadata_errors="replace")


def stream_at(container: InputContainer, index: int) -> VideoStream:
    """The video stream that has a number among all streams."""
    return next(stream for stream in container.streams.video if stream.index == index)


class Timed(Protocol):
    """A packet or a frame."""

    @property
    def pts(self) -> int | None: ...

    @property
    def dts(self) -> int | None: ...


Item = TypeVar("Item")


def readable(packets: Iterator[Item]) -> Iterator[Item]:
    """Packets, as far as their file can be read."""
    # PyAV stumbles over an index where damage, or a broadcast, lets a stream appear late.
    with contextlib.suppress(av.error.FFmpegError, IndexError):
        yield from packets


def stamp_of(timed: Timed) -> int | None:
    """When a packet or a frame is shown, on the clock of its stream."""
    # AVI has no presentation times, and no reordered frames either.
    return timed.dts if timed.pts is None else timed.pts


class Decoder:
    """Decodes a stream. `reason` is what was said first of what it could not decode."""

    def __init__(self, stream: VideoStream, *, opacity: bool, damaged: bool) -> None:
        """opacity: whether that of WebM is to be decoded too. damaged: whether not all can be.

        Raises FFmpegError.
        """
        self.reason = ""
        self._context = stream.codec_context
        # Of frames that are decoded at once, those beside a damaged one would be lost too.
        self._context.thread_type = "SLICE" if damaged else "AUTO"
        name = WITH_OPACITY.get(self._context.name) if opacity else None
        if name is not None:
            own = av.CodecContext.create(name, "r")
            assert isinstance(own, VideoCodecContext)
            own.extradata = self._context.extradata
            self._context = own

    def frames(self, packets: "Iterable[Packet[VideoStream]]") -> Iterator[VideoFrame]:
        """The frames that come of packets, up to the end; what is damaged is left out."""
        for packet in packets:
            if packet.size:  # an empty one repeats the frame before it, and would end the decoding
                yield from self.decode(packet)
        yield from self.decode(None)

    def decode(self, packet: "Packet[VideoStream] | None") -> list[VideoFrame]:
        """The frames that a packet completes; None is the end."""
        try:
            return self._context.decode(packet)
        except av.error.FFmpegError as error:
            self.reason = self.reason or error.strerror or ""
            return []

    def restart(self) -> None:
        """Forget what came before: packets from another place follow."""
        self._context.flush_buffers()


def decoder_of(stream: VideoStream, decoding: Decoding) -> Decoder:
    """The decoder of a clip."""
    return Decoder(stream, opacity=decoding.alpha, damaged=decoding.damaged)
