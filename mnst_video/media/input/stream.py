"""What a file's headers and packets say of the video stream that is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream as AnyStream
from av.video.stream import VideoStream

from mnst_video.errors import InputError, UsageError
from mnst_video.media.clip import Extras
from mnst_video.media.input.demux import readable, stamp_of
from mnst_video.media.input.ends import ends_whole
from mnst_video.media.input.limits import Limits

# The flag of a stream that is a music file's cover.
COVER = av.stream.Disposition.attached_pic
# The order of fields in a clip that has none (ffmpeg's AVFieldOrder); 0 is unknown.
PROGRESSIVE = 1
# Seconds below which a late start is rounding, and by which a header may promise too much.
EARLIEST, PROMISED = Fraction(1, 1000), Fraction(1, 4)
# Streams without a header, which have no times: ffmpeg's names.
BARE = frozenset({"h264", "hevc", "m4v", "mpegvideo", "obu"})


@dataclass(frozen=True)
class Packets:
    """What the packets of a file say.

    stamps: when each frame of the video is shown, in ticks, increasing; empty where it is not said.
    count: how many packets it has. keys: the stamps of keyframes. durations: by stamp, in ticks.
    empty: whether some are so: they repeat the frame before them. broken: the stamps of those that
        were cut or damaged.
    ends: seconds on the file's clock at which the last packet of any stream ends.
    rising: whether the stamps are so in the order of the file.
    """

    stamps: tuple[int, ...]
    count: int
    keys: frozenset[int]
    durations: Mapping[int, int]
    empty: bool = False
    broken: frozenset[int] = frozenset()
    ends: Fraction | None = None
    rising: bool = False


@dataclass(frozen=True)
class Stream:
    """A video stream.

    index: its number among all streams. base: the seconds of a tick of its clock.
    opens: seconds on the file's clock at which its first stream begins.
    declared: the rate that is said. missing: the seconds that are promised and not there.
    videos: how many video streams there are. interlaced, opacity: whether they are said to be.
    bare: whether it has no times.
    """

    index: int
    codec: str
    base: Fraction
    packets: Packets
    opens: Fraction | None
    declared: Fraction | None
    missing: Fraction
    aspect: Fraction
    audio: tuple[str, ...]
    videos: int
    interlaced: bool
    opacity: bool
    bare: bool
    extras: Extras
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls, path: Path, container: InputContainer, wanted: int | None, index: bool, limits: Limits
    ) -> "Stream":
        """The stream of a file, by its number among video streams, or the default one.

        index: read that of an MP4 instead of all packets.
        Raises InputError, UsageError, or FFmpegError.
        """
        chosen, notes = _choose(path, container, wanted)
        context = chosen.codec_context
        if context is None:
            raise InputError(f"{path}: its video is of an unknown kind")
        limits.check_size(path, context.width, context.height)
        mp4 = "mp4" in container.format.name
        indexed = len(chosen.index_entries) if mp4 else 0
        if indexed > limits.frames:
            limits.check_length(path, indexed, Fraction(0))
        base = chosen.time_base or Fraction(1)
        packets = (_index(chosen) if index and mp4 else None) or _read(
            container, chosen, limits.frames
        )
        if not packets.count:
            raise InputError(f"{path}: the video in this file has no frames")
        declared = chosen.average_rate or chosen.guessed_rate
        contexts = [s.codec_context for s in container.streams.audio]
        return cls(
            index=chosen.index,
            codec=context.codec.canonical_name,
            base=base,
            packets=packets,
            opens=None
            if container.start_time is None
            else Fraction(container.start_time, av.time_base),
            declared=declared or None,
            missing=_missing(path, container, chosen, packets, declared or Fraction(25)),
            aspect=chosen.sample_aspect_ratio or Fraction(1),
            audio=tuple(c.codec.canonical_name if c else "unknown" for c in contexts),
            videos=len(container.streams.video),
            interlaced=context.field_order > PROGRESSIVE,
            opacity=chosen.metadata.get("alpha_mode") == "1",  # WebM has it beside the picture
            bare=container.format.name in BARE,
            extras=_extras(container),
            notes=notes,
        )


def _extras(container: InputContainer) -> Extras:
    contexts = [s.codec_context for s in container.streams.subtitles]
    return Extras(
        chapters=len(container.chapters()),
        subtitles=tuple(c.codec.canonical_name if c else "unknown" for c in contexts),
        covers=tuple(s.index for s in container.streams.video if COVER in s.disposition),
    )


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


def _read(container: InputContainer, stream: VideoStream, most: int) -> Packets:
    """What the packets of the whole file say; not much more than `most` frames."""
    stamps: list[int] = []
    keys: set[int] = set()
    broken: set[int] = set()
    durations: dict[int, int] = {}
    count, empty, ends = 0, False, None
    for packet in readable(container.demux()):
        end = _end(packet)
        if end is not None and (ends is None or end > ends):
            ends = end
        if packet.stream_index != stream.index or packet.is_discard:
            continue
        stamp = stamp_of(packet)
        if not packet.size:
            empty = empty or stamp is not None  # the last one of all has no time
            continue
        count += 1
        if stamp is not None:
            stamps.append(stamp)
            durations[stamp] = packet.duration or 0
            if packet.is_keyframe:
                keys.add(stamp)
            # Of MPEG-TS it says that something was missed around it: a decoder knows better.
            if packet.is_corrupt and container.format.name != "mpegts":
                broken.add(stamp)
        if count > most:
            break
    whole = tuple(sorted(stamps)) if len(stamps) == count else ()
    return Packets(
        whole,
        count,
        frozenset(keys),
        durations,
        empty,
        frozenset(broken),
        ends,
        rising=list(whole) == stamps,
    )


def _end(packet: "Packet[AnyStream]") -> Fraction | None:
    """When a packet of any stream ends, in seconds."""
    base = packet.time_base
    stamp = stamp_of(packet)
    return None if stamp is None or not base else (stamp + (packet.duration or 0)) * base


def _index(stream: VideoStream) -> Packets | None:
    """The same from the index of an MP4; None where there is none, or not of all frames.

    The index has times of decoding: those of showing are the same ones later, in another order.
    """
    entries = stream.index_entries
    if not len(entries) == stream.frames > 0 or stream.start_time is None:
        return None
    if any(entry.is_discard for entry in entries):
        return None
    later = stream.start_time - entries[0].timestamp
    stamps = [entry.timestamp + later for entry in entries]
    keys = frozenset(
        stamp for stamp, entry in zip(stamps, entries, strict=True) if entry.is_keyframe
    )
    durations = {a: b - a for a, b in pairwise(stamps)}
    return Packets(tuple(sorted(stamps)), len(stamps), keys, durations)


def _missing(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    packets: Packets,
    rate: Fraction,
) -> Fraction:
    """The seconds by which the file ends before its header, or its kind, says; 0 where it does not.

    What has no length anywhere, such as a broadcast, cannot be told from what was cut off.
    """
    name, base = container.format.name, stream.time_base or Fraction(1)
    if "mp4" in name:  # its index names also what was cut off
        there = sum(not entry.is_discard for entry in stream.index_entries)
        return max(there - packets.count, 0) / rate
    if packets.ends is None:
        return Fraction(0)
    opens = Fraction(container.start_time or 0, av.time_base)
    ends = [Fraction(0)]
    if container.duration and any(kind in name for kind in ("matroska", "flv", "mxf", "asf")):
        ends.append(opens + Fraction(container.duration, av.time_base))
    if name in ("avi", "ivf") and stream.frames and packets.stamps:
        ends.append(packets.stamps[0] * base + stream.frames / rate)
    missing = max(ends) - packets.ends
    if missing > max(PROMISED, 2 / rate):
        return missing
    return Fraction(0) if ends_whole(path, name) else 1 / rate


def steady(stamps: Sequence[int]) -> Fraction:
    """The median of the intervals, in ticks; 0 where there are none."""
    return Fraction(median([b - a for a, b in pairwise(stamps)] or [0]))
