"""What a clip is: facts from its packets and its first frame."""

import contextlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from av.video.stream import VideoStream

from mnst_video.errors import InputError, UsageError
from mnst_video.media.clip import Clip, Decoding, Times
from mnst_video.media.files import check_file
from mnst_video.media.input.demux import open_container, orientation, stamp_of, stream_at
from mnst_video.media.input.limits import Limits
from mnst_video.media.input.rate import Rate, at_rate, frame_rate

# The flag of a stream that is a music file's cover.
COVER = av.stream.Disposition.attached_pic

# The order of fields in a clip that has none (ffmpeg's AVFieldOrder); 0 is unknown.
PROGRESSIVE = 1


# Seconds below which a late start is rounding.
EARLIEST = Fraction(1, 1000)

# The widest pixel that is believed; film scans have 2, damaged files anything.
WIDEST = Fraction(16)


def probe(
    path: Path | str,
    *,
    stream: int | None = None,
    rate: Rate = "source",
    max_pixels: float | None = None,
    quick: bool = False,
) -> Clip:
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
            found = _Stream.of(path, container, stream, quick, limits)
    except av.error.FFmpegError as error:
        raise _unreadable(path, error) from None
    first = _first_frame(path, found.index)
    limits.check_size(path, first.width, first.height)
    turned = orientation(first)
    width, height = first.width, first.height
    aspect = found.aspect if 1 / WIDEST <= found.aspect <= WIDEST else Fraction(1)
    shown = max(1, round(width * aspect)), height
    limits.check_size(path, *shown)
    if turned.transposed:
        width, height, shown = height, width, (height, shown[0])
    begins = tuple((stamp - found.stamps[0]) * found.base for stamp in found.stamps)
    fps, varies = frame_rate(begins, found.declared, found.base)
    begins += tuple(begins[-1] + (i + 1) / fps for i in range(found.indexed - len(begins)))
    limits.check_length(path, len(begins), begins[-1])
    facts = _Facts.of(first, found.interlaced, found.opacity)
    plain = not (facts.is_odd or turned.mirrored or found.start or aspect != 1 or found.videos > 1)
    decoding = Decoding(
        size=(width, height),
        stream=found.index,
        origin=found.stamps[0] * found.base,
        opencv=plain and _is_utf8(path),
        interlaced=facts.interlaced,
        alpha=facts.alpha,
        colors=facts.colors,
        codec=found.codec,
    )
    clip = Clip(
        path=path,
        width=shown[0],
        height=shown[1],
        times=Times(fps, begins, begins[-1] + 1 / fps, found.keyframes or (0,)),
        decoding=decoding,
        audio=found.audio,
        start=found.start,
        notes=found.notes + facts.notes,
    )
    return at_rate(clip, rate, varies, limits)


@dataclass(frozen=True)
class _Stream:
    """What a file's headers and packets say of the video stream that is read.

    index: its number among all streams. base: the seconds of a tick of its clock.
    stamps: when each frame is shown, in ticks, increasing. keyframes: by their number.
    indexed: how many frames the index of an MP4 names, which names also what was cut off.
    start: seconds from the start of the file to the first frame. declared: the rate that is said.
    videos: how many video streams there are. interlaced, opacity: whether they are said to be.
    """

    index: int
    codec: str
    base: Fraction
    stamps: tuple[int, ...]
    keyframes: tuple[int, ...]
    indexed: int
    start: Fraction
    declared: Fraction | None
    aspect: Fraction
    audio: tuple[str, ...]
    videos: int
    interlaced: bool
    opacity: bool
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, path: Path, container: InputContainer, wanted: int | None, quick: bool, limits: Limits
    ) -> "_Stream":
        """Raises InputError, UsageError, or FFmpegError."""
        chosen, notes = _choose(path, container, wanted)
        base = chosen.time_base or Fraction(1, 1)
        context = chosen.codec_context
        if context is None:
            raise InputError(f"{path}: its video is of an unknown kind")
        limits.check_size(path, context.width, context.height)
        found = _index(container, chosen) if quick else []
        found = sorted(found or _packets(container, chosen, limits.frames))
        if not found:
            raise InputError(f"{path}: the video in this file has no frames")
        indexed = 0
        if "mp4" in container.format.name:
            entries = chosen.index_entries
            indexed = sum(not entry.is_discard for entry in entries[: limits.frames + 1])
        start = Fraction(0)
        if container.start_time is not None:
            start = found[0][0] * base - Fraction(container.start_time, av.time_base)
        contexts = [s.codec_context for s in container.streams.audio]
        return cls(
            index=chosen.index,
            codec=context.codec.canonical_name,
            base=base,
            stamps=tuple(stamp for stamp, _ in found),
            keyframes=tuple(number for number, (_, is_key) in enumerate(found) if is_key),
            indexed=indexed,
            start=start if start > EARLIEST else Fraction(0),
            declared=chosen.average_rate or chosen.guessed_rate,
            aspect=chosen.sample_aspect_ratio or Fraction(1),
            audio=tuple(c.codec.canonical_name if c else "unknown" for c in contexts),
            videos=len(container.streams.video),
            interlaced=context.field_order > PROGRESSIVE,
            opacity=chosen.metadata.get("alpha_mode") == "1",  # WebM has it beside the picture
            notes=notes,
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
