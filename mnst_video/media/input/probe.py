"""What a clip is: facts from its packets and its first frame."""

import contextlib
import math
import statistics
import struct
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from av.video.stream import VideoStream

from mnst_video.errors import InputError, UsageError
from mnst_video.media.images import Frame, check_name

# As for OpenCV's complaints, see `decode`.
av.logging.set_level(None)

# Only these containers are opened: a playlist or an ffconcat script in a file called .mp4 would
# otherwise make ffmpeg read any other file.
FORMATS = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,flv,asf,mxf,gif,apng,nut,dv,wtv,ivf,h264"
MUSIC_FORMATS = f"{FORMATS},wav,w64,mp3,flac,aac,aiff,caf,ac3,eac3"

# The flag of a stream that is a music file's cover.
COVER = av.stream.Disposition.attached_pic

# The order of fields in a clip that has none (ffmpeg's AVFieldOrder); 0 is unknown.
PROGRESSIVE = 1

# What is opened without being asked: megapixels of a frame, frames, and seconds. A file of a few
# bytes can claim any of them. `max_pixels` raises all three in proportion.
MAX_PIXELS, MAX_FRAMES, MAX_SECONDS = 36.0, 1_000_000, 24 * 3600

# Seconds below which a late start is rounding.
EARLIEST = Fraction(1, 1000)

# The widest pixel that is believed; film scans have 2, damaged files anything.
WIDEST = Fraction(16)

# Rates that files mean when their timestamps say nearly so.
STANDARD_RATES = tuple(
    Fraction(rate) * factor
    for rate in (24, 25, 30, 48, 50, 60, 100, 120)
    for factor in (Fraction(1), Fraction(1000, 1001))
)

# The part by which a rate may differ from that of the median interval, and the parts of a tick from
# which on one fits uneven times better than another.
NEAR, ALIKE = Fraction(1, 10), 0.02

# "source": constant, as the clip's own; "vfr": its timestamps are kept; or frames a second.
Rate = Literal["source", "vfr"] | Fraction


@dataclass(frozen=True)
class Passage:
    """A part of a clip's time, in seconds from its first frame; its sound is cut to it."""

    start: Fraction
    end: Fraction


@dataclass(frozen=True)
class VideoInfo:
    """Facts about a clip, from its packets and its first frame.

    A frame here is one that is shown at the rate that the clip is read at; see `at_rate`.

    width, height: pixels of a displayed frame: upright, with square pixels.
    fps: the rate to encode at.
    times: each frame's seconds from the first frame.
    duration: seconds from the first frame's start to the last frame's end.
    start: seconds from the start of the file, where its sound may begin, to the first frame.
    origin: the first frame's seconds on the file's own clock.
    keyframes: the frames that can be decoded without those before them.
    audio: the codec of each sound track.
    notes: what is odd about the file, for a person to read.
    decoded: (width, height) of a decoded frame, upright.
    stream: the number, among all streams of the file, of the one with the frames.
    opencv: whether OpenCV decodes them faithfully, and can take the file's name.
    interlaced, alpha: whether they are so, alpha that they are transparent in places.
    colors: PQ or HLG where they are HDR, BT.2020 where their gamut is wide, else nothing.
    codec: of the frames, as ffmpeg calls it.
    numbers: which of the decoded frames each frame is; empty: all of them, in order.
    repeats: how often in a row each frame is shown; empty: once.
    vfr: whether timestamps are to be kept instead of a rate.
    pictures: the files of a clip that is a sequence of them, each a decoded frame.
    matte: the colour of the ground under what is transparent.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    times: tuple[Fraction, ...]
    duration: Fraction
    start: Fraction
    origin: Fraction
    keyframes: tuple[int, ...]
    audio: tuple[str, ...]
    notes: tuple[str, ...]
    decoded: tuple[int, int]
    stream: int = 0
    opencv: bool = True
    interlaced: bool = False
    alpha: bool = False
    colors: str = ""
    codec: str = ""
    numbers: tuple[int, ...] = ()
    repeats: tuple[int, ...] = ()
    vfr: bool = False
    pictures: tuple[Path, ...] = ()
    matte: str = "white"

    @property
    def frames(self) -> int:
        return len(self.times)

    def number(self, frame: int) -> int:
        """Which of the decoded frames a frame is."""
        return self.numbers[frame] if self.numbers else frame

    def shown(self, frame: int) -> int:
        """How often in a row a frame is shown."""
        return self.repeats[frame] if self.repeats else 1

    def frame_at(self, seconds: Fraction | float) -> int:
        """The frame that begins nearest to a time; `frames` where the clip's end is nearest."""
        after = bisect_left(self.times, Fraction(seconds))
        before = max(after - 1, 0)
        next_begins = self.times[after] if after < self.frames else self.duration
        return before if seconds - self.times[before] < next_begins - seconds else after

    def span(self, frames: range) -> Passage:
        """The time of some consecutive frames."""
        end = self.times[frames.stop] if frames.stop < self.frames else self.duration
        return Passage(self.times[frames.start], end)

    def passage(self, frames: range) -> Passage | None:
        """The same, or None where they are all that there are."""
        return None if len(frames) == self.frames else self.span(frames)

    def first(self, count: int) -> "VideoInfo":
        """The same clip, as if it ended after so many of its decoded frames."""
        kept = sum(self.number(frame) < count for frame in range(self.frames))
        if kept == self.frames:
            return self
        return replace(
            self,
            times=self.times[:kept],
            duration=self.times[kept],
            keyframes=tuple(key for key in self.keyframes if key < kept),
            numbers=self.numbers[:kept],
            repeats=self.repeats[:kept],
        )


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


def probe(
    path: Path | str,
    *,
    stream: int | None = None,
    rate: Rate = "source",
    max_pixels: float | None = None,
    quick: bool = False,
) -> VideoInfo:
    """What a clip is. Raises InputError, with a reason, where it cannot be read as a video.

    stream: which of the file's video streams, from 0; None is the one that the file says.
    rate: see `at_rate`.
    max_pixels: the most megapixels that a frame may have; default `MAX_PIXELS`.
    quick: where a file has an index of its frames, read that instead of the whole file. Where the
        frame rate varies, times can then be off by as much as it does.
    """
    path = Path(path)
    check_file(path)
    limits = Limits.of(max_pixels)
    try:
        with open_container(path) as container:
            chosen, notes = _choose(path, container, stream)
            base = chosen.time_base or Fraction(1, 1)
            context = chosen.codec_context
            if context is None:
                raise InputError(f"{path}: its video is of an unknown kind")
            limits.check_size(path, context.width, context.height)
            found = _index(container, chosen) if quick else []
            found = sorted(found or _packets(container, chosen, limits.frames))
            stamps = [stamp for stamp, _ in found]
            keyframes = tuple(number for number, (_, is_key) in enumerate(found) if is_key)
            indexed = 0
            if "mp4" in container.format.name:  # its index names also what was cut off
                entries = chosen.index_entries
                indexed = sum(not entry.is_discard for entry in entries[: limits.frames + 1])
            start = Fraction(0)
            if stamps and container.start_time is not None:
                start = stamps[0] * base - Fraction(container.start_time, av.time_base)
                start = start if start > EARLIEST else Fraction(0)
            declared = chosen.average_rate or chosen.guessed_rate
            aspect = chosen.sample_aspect_ratio or Fraction(1)
            contexts = [s.codec_context for s in container.streams.audio]
            audio = tuple(c.codec.canonical_name if c else "unknown" for c in contexts)
            videos = len(container.streams.video)
            index, codec = chosen.index, context.codec.canonical_name
            ordered = context.field_order
            opacity = chosen.metadata.get("alpha_mode") == "1"  # WebM has it beside the picture
    except av.error.FFmpegError as error:
        raise _unreadable(path, error) from None
    if not stamps:
        raise InputError(f"{path}: the video in this file has no frames")
    first = _first_frame(path, index)
    limits.check_size(path, first.width, first.height)
    turned = orientation(first)
    width, height = first.width, first.height
    if not 1 / WIDEST <= aspect <= WIDEST:
        aspect = Fraction(1)
    shown = max(1, round(width * aspect)), height
    limits.check_size(path, *shown)
    if turned.transposed:
        width, height, shown = height, width, (height, shown[0])
    times = tuple((stamp - stamps[0]) * base for stamp in stamps)
    fps, varies = _frame_rate(times, declared, base)
    times += tuple(times[-1] + (i + 1) / fps for i in range(indexed - len(times)))
    limits.check_length(path, len(times), times[-1])
    facts = _Facts.of(first, ordered > PROGRESSIVE, opacity)
    plain = not (facts.is_odd or turned.mirrored or start or aspect != 1 or videos > 1)
    info = VideoInfo(
        path=path,
        width=shown[0],
        height=shown[1],
        fps=fps,
        times=times,
        duration=times[-1] + 1 / fps,
        start=start,
        origin=stamps[0] * base,
        keyframes=keyframes or (0,),
        audio=audio,
        notes=notes + facts.notes,
        decoded=(width, height),
        stream=index,
        opencv=plain and _is_utf8(path),
        interlaced=facts.interlaced,
        alpha=facts.alpha,
        colors=facts.colors,
        codec=codec,
    )
    return at_rate(info, rate, varies, limits)


def at_rate(
    info: VideoInfo, rate: Rate, varies: bool = False, limits: "Limits | None" = None
) -> VideoInfo:
    """The clip as it is shown at a rate.

    info: the clip with all its frames, each shown once. varies: whether their times are uneven.
    rate: "source" is `info.fps`, which of uneven times is about that of their median interval. At
        each tick of the rate the last frame is shown that has begun, or begins within half a tick
        or half a frame; the others are left out. "vfr" shows each at its own time.
    """
    if rate == "vfr":
        return replace(info, vfr=True) if varies else info
    fps = info.fps if rate == "source" else rate
    if fps == info.fps and not varies:
        return info
    early = min(1 / fps, 1 / info.fps) / 2
    begins = [max(0, math.floor((time - early) * fps) + 1) for time in info.times]
    ticks = max(round(info.duration * fps), 1)
    (limits or Limits.of(None)).check_length(info.path, ticks, Fraction(0))
    begins = [min(begin, ticks) for begin in begins]
    ends = [*begins[1:], ticks]
    kept = [i for i, (begin, end) in enumerate(zip(begins, ends, strict=True)) if begin < end]
    repeats = tuple(ends[i] - begins[i] for i in kept)
    new_number = {old: new for new, old in enumerate(kept)}
    notes = info.notes
    repeated, left_out = sum(repeats) - len(kept), info.frames - len(kept)
    if (repeated or left_out) and rate == "source":
        notes += (
            f"the frame rate varies: written at {float(fps):.5g} fps, with {repeated} repeated and "
            f"{left_out} left out; --fps vfr keeps the timestamps",
        )
    return replace(
        info,
        fps=fps,
        times=tuple(begins[i] / fps for i in kept),
        duration=ticks / fps,
        keyframes=tuple(new_number[key] for key in info.keyframes if key in new_number) or (0,),
        numbers=tuple(kept) if len(kept) < info.frames else (),
        repeats=repeats if max(repeats) > 1 else (),
        notes=notes,
    )


@dataclass(frozen=True)
class Limits:
    """The most that is opened: pixels of a frame, frames, seconds."""

    pixels: float
    frames: int
    seconds: float

    @classmethod
    def of(cls, max_pixels: float | None) -> "Limits":
        """Those for a number of megapixels a frame, or the default ones."""
        factor = max(1.0, (max_pixels or MAX_PIXELS) / MAX_PIXELS)
        pixels = (max_pixels or MAX_PIXELS) * 1e6
        return cls(pixels, round(MAX_FRAMES * factor), MAX_SECONDS * factor)

    def check_size(self, path: Path, width: int, height: int) -> None:
        """Raise InputError for a frame that is too large."""
        if width * height > self.pixels:
            have = width * height / 1e6
            raise InputError(
                f"{path}: {width}×{height} is more than {self.pixels / 1e6:g} megapixels a frame; "
                f"if it is meant, give --max-pixels {have + 1:.0f}"
            )

    def check_length(self, path: Path, frames: int, seconds: Fraction) -> None:
        """Raise InputError for too many frames, or too long a time."""
        if frames > self.frames or seconds > self.seconds:
            raise InputError(
                f"{path}: has more than {self.frames} frames or {self.seconds / 3600:g} hours; if "
                f"it is meant, give --max-pixels {2 * max(self.pixels / 1e6, MAX_PIXELS):g}, which "
                "raises these limits too"
            )


@dataclass(frozen=True)
class _Facts:
    """What is odd about a clip's frames."""

    deep: bool
    interlaced: bool
    alpha: bool
    colors: str
    notes: tuple[str, ...]

    @property
    def is_odd(self) -> bool:
        return bool(self.deep or self.interlaced or self.alpha or self.colors)

    @classmethod
    def of(cls, frame: VideoFrame, interlaced: bool, alpha: bool) -> "_Facts":
        """Those of the first frame, and what is known of all."""
        curves: dict[int, str] = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}
        wide = "BT.2020" if frame.color_primaries == ColorPrimaries.BT2020 else ""
        colors = curves.get(frame.color_trc, wide)
        alpha = alpha or any(part.is_alpha for part in frame.format.components)
        interlaced = interlaced or bool(frame.interlaced_frame)
        notes = []
        if interlaced:
            notes.append("interlaced: each frame is deinterlaced")
        if colors:
            done = "wide colours (%s): converted" if colors == wide else "HDR (%s): tone-mapped"
            notes.append(f"{done % colors} to BT.709")
        deep = any(part.bits > 8 for part in frame.format.components)
        return cls(deep, interlaced, alpha, colors, tuple(notes))


def open_container(path: Path) -> InputContainer:
    """A local file of `FORMATS`. Raises FFmpegError."""
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    # Tags are not used, and those of old files are often not UTF-8.
    return av.open(f"file:{path.resolve()}", options=options, metadata_errors="replace")


def stream_at(container: InputContainer, index: int) -> VideoStream:
    """The video stream that has a number among all streams."""
    return next(stream for stream in container.streams.video if stream.index == index)


def stamp_of(timed: "Packet[VideoStream] | VideoFrame") -> int | None:
    """When a packet or a frame is shown, on the clock of its stream."""
    # AVI has no presentation times, and no reordered frames either.
    return timed.dts if timed.pts is None else timed.pts


def _choose(
    path: Path, container: InputContainer, wanted: int | None
) -> tuple[VideoStream, tuple[str, ...]]:
    """The video stream to read, and what is to be said about it."""
    streams = [s for s in container.streams.video if COVER not in s.disposition]
    if not streams:
        raise InputError(f"{path}: there is no video in this file")
    if wanted is not None:
        if wanted >= len(streams):
            there = "one, number 0" if len(streams) == 1 else f"0 to {len(streams) - 1}"
            raise UsageError(f"--stream {wanted}: {path} has no such video stream, only {there}")
        return streams[wanted], ()
    default = av.stream.Disposition.default
    chosen = next((s for s in streams if default in s.disposition), streams[0])
    if len(streams) == 1:
        return chosen, ()
    note = (
        f"{len(streams)} video streams: number {streams.index(chosen)} is taken, "
        "--stream takes another"
    )
    return chosen, (note,)


def _packets(container: InputContainer, stream: VideoStream, most: int) -> list[tuple[int, bool]]:
    """When each frame is shown, and whether it is a keyframe, from the whole file.

    Not much more than `most` of them.
    """
    found: list[tuple[int, bool]] = []
    for packet in container.demux(stream):
        stamp = stamp_of(packet)
        if packet.size and not packet.is_discard and stamp is not None:
            found.append((stamp, packet.is_keyframe))
            if len(found) > most:
                break
    return found


def _index(container: InputContainer, stream: VideoStream) -> list[tuple[int, bool]]:
    """The same from the index of an mp4; nothing where there is none, or not of all frames.

    The index has times of decoding: those of showing are the same ones later, in another order.
    """
    entries = stream.index_entries
    whole = "mp4" in container.format.name and len(entries) == stream.frames > 0
    if not whole or stream.start_time is None or any(entry.is_discard for entry in entries):
        return []
    later = stream.start_time - entries[0].timestamp
    return [(entry.timestamp + later, entry.is_keyframe) for entry in entries]


def _first_frame(path: Path, index: int) -> VideoFrame:
    """The first frame that can be decoded. Raises InputError."""
    with contextlib.suppress(av.error.FFmpegError), open_container(path) as container:
        for packet in container.demux(stream_at(container, index)):
            with contextlib.suppress(av.error.FFmpegError):  # what comes first may be damaged
                for frame in packet.decode():
                    return frame
    raise InputError(f"{path}: the video opens, but not one frame of it can be decoded")


def _unreadable(path: Path, error: av.error.FFmpegError) -> InputError:
    return InputError(f"{path}: this is not a video that can be read ({error.strerror})")


def _is_utf8(path: Path) -> bool:
    """Whether OpenCV can take a name."""
    try:
        str(path.resolve()).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_file(path: Path) -> None:
    """Raise InputError unless a path is that of a file with something in it."""
    check_name(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such file")
    if path.is_dir():
        raise InputError(f"{path}: this is a folder; give a video file")
    if not path.is_file():
        raise InputError(f"{path}: this is not a file")  # a pipe would be waited for
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if empty:
        raise InputError(f"{path}: the file is empty")


def _frame_rate(
    times: Sequence[Fraction], declared: Fraction | None, tick: Fraction
) -> tuple[Fraction, bool]:
    """The exact rate, and whether the times are uneven: then it is that of the median interval.

    A rate counts only where it fits the timestamps over the clip's whole length, to two ticks of
    the container's clock: Matroska rounds timestamps to 1 ms, and headers are often wrong.
    """
    for rate in STANDARD_RATES:  # Matroska says 19001/317 where 60000/1001 is meant
        if declared and abs(rate - declared) < declared / 5000:
            declared = rate
    if len(times) < 2:
        return declared or Fraction(25), False
    intervals = [b - a for a, b in pairwise(times)]
    median, mean = statistics.median(intervals), times[-1] / len(intervals)
    if any(abs(interval - median) > 2 * tick + median / 50 for interval in intervals):
        return _uneven_rate(times, median or mean or Fraction(1, 25), declared), True
    average = (1 / mean).limit_denominator(1001)
    candidates = sorted(STANDARD_RATES, key=lambda rate: abs(1 / rate - mean))
    if declared in STANDARD_RATES:
        candidates.insert(0, Fraction(declared))
    elif declared:
        candidates.append(Fraction(declared))
    fitting = (r for r in candidates if abs(len(intervals) / r - times[-1]) <= 2 * tick)
    return next(fitting, average), False


def _uneven_rate(
    times: Sequence[Fraction], interval: Fraction, declared: Fraction | None
) -> Fraction:
    """The rate that uneven times fit best, of the usual ones near to that of an interval."""
    rates = [rate for rate in STANDARD_RATES if abs(rate * interval - 1) < NEAR]
    # Which of 30 and 30000/1001 is meant cannot be told from uneven times.
    rates.sort(key=lambda r: (r != declared, r.denominator != 1, abs(r * interval - 1)))
    if declared and abs(declared * interval - 1) < NEAR:
        rates.append(declared)
    rates.append((1 / interval).limit_denominator(1001))
    beside = {rate: _beside(times, rate) for rate in rates}
    least = min(beside.values())
    return next(rate for rate in rates if beside[rate] <= least + ALIKE)


def _beside(times: Sequence[Fraction], rate: Fraction) -> float:
    """How far times are from the ticks of a rate, in ticks; 0.25 where they are anywhere."""
    ticks = np.array([float(time * rate) for time in times[1:]])
    return float(np.abs(ticks - ticks.round()).mean())
