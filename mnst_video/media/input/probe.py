"""What a clip is: facts from its headers, its packets and its frames."""

import contextlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Literal

import av
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc

from mnst_video.errors import InputError
from mnst_video.media.clip import Clip, Damage, Decoding, Times
from mnst_video.media.files import check_file
from mnst_video.media.input.boxes import check_index
from mnst_video.media.input.demux import (
    Decoder,
    Orientation,
    open_container,
    orientation,
    readable,
    stream_at,
)
from mnst_video.media.input.limits import Limits
from mnst_video.media.input.rate import Rate, at_rate, frame_rate
from mnst_video.media.input.stream import EARLIEST, Packets, Stream, steady
from mnst_video.media.input.survey import Survey, survey

# The widest pixel that is believed; film scans have 2, damaged files anything.
WIDEST = Fraction(16)
# Parts of an interval from which on a last frame that lasts longer is held, and not rounded.
HELD = Fraction(5, 4)
# How far a clip is read: its index, where it has one, all its packets, or all its frames.
Depth = Literal["index", "packets", "frames"]


def probe(
    path: Path | str,
    *,
    stream: int | None = None,
    rate: Rate = "source",
    max_pixels: float | None = None,
    depth: Depth = "frames",
) -> Clip:
    """What a clip is. Raises InputError, with a reason, where it cannot be read as a video.

    stream: which of the file's video streams, from 0; None is the one that the file says.
    rate: see `at_rate`; of a stream that has no times, the rate that it has.
    max_pixels: the most megapixels that a frame may have; default `MAX_PIXELS`.
    depth: "frames" decodes them all: only then it is known which there are, and `read_frames` can
        read them. From packets `read_near` can; from the index it can where times are even, else
        they are off by as much as they vary.
    """
    path = Path(path)
    check_file(path)
    limits = Limits.of(max_pixels)
    check_index(path, limits.frames)
    try:
        with open_container(path) as container:
            found = Stream.of(path, container, stream, depth == "index", limits)
    except av.error.FFmpegError as error:
        raise _unreadable(path, error) from None
    first = _first_frame(path, found)
    limits.check_size(path, first.width, first.height)
    turned = orientation(first)
    width, height = first.width, first.height
    aspect = found.aspect if 1 / WIDEST <= found.aspect <= WIDEST else Fraction(1)
    # Even, as it is resampled anyway, and most files need it.
    shown = (width if aspect == 1 else max(2, 2 * round(width * aspect / 2))), height
    limits.check_size(path, *shown)
    if turned.transposed:
        width, height, shown = height, width, (height, shown[0])
    said = rate if isinstance(rate, Fraction) else None
    frames = _Frames.of_packets(found, said)
    if depth == "frames" or found.bare:
        looked = survey(path, found.index, opacity=found.opacity, most=limits.frames)
        frames = _Frames.of_survey(path, found, looked, said)
    begins = tuple(time - frames.times[0] for time in frames.times)
    fps, varies = frame_rate(begins, found.declared, found.base)
    held = frames.held if frames.held > HELD / fps or (varies and frames.held) else 1 / fps
    varies = varies or held > HELD / fps
    limits.check_length(path, len(begins), begins[-1] + held)
    facts = _Facts.of(first, found, frames, turned)
    start = Fraction(0) if found.opens is None else frames.times[0] - found.opens
    start = start if start > EARLIEST else Fraction(0)
    plain = not (facts.is_odd or start or aspect != 1 or found.videos > 1)
    decoding = Decoding(
        size=(width, height),
        stream=found.index,
        origin=frames.times[0],
        opencv=plain and frames.whole and _is_utf8(path),
        interlaced=facts.interlaced,
        alpha=facts.alpha,
        colors=facts.colors,
        damaged=frames.damaged,
    )
    clip = Clip(
        path=path,
        width=shown[0],
        height=shown[1],
        times=Times(fps, begins, begins[-1] + held, frames.keys, frames.numbers),
        decoding=decoding,
        audio=found.audio,
        start=start,
        notes=found.notes + facts.notes + frames.notes,
        damage=frames.damage,
        extras=found.extras,
    )
    return clip if found.bare else at_rate(clip, rate, varies, limits)


@dataclass(frozen=True)
class _Frames:
    """The frames of a clip.

    times: when each begins, in seconds on the file's clock. keys: the numbers of keyframes.
    held: seconds that the last one lasts, 0 where that is not said.
    numbers: which of the decoded frames each is; empty: all of them.
    whole: whether each packet is a frame, and all are known to be alike. damaged: whether one is.
    """

    times: tuple[Fraction, ...]
    keys: tuple[int, ...]
    held: Fraction
    numbers: tuple[int, ...] = ()
    whole: bool = False
    damaged: bool = False
    interlaced: bool = False
    damage: Damage | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of_packets(cls, found: Stream, rate: Fraction | None) -> "_Frames":
        """What the packets promise."""
        packets = found.packets
        if not packets.stamps:
            step = 1 / (rate or found.declared or Fraction(25))
            return cls(tuple(i * step for i in range(packets.count)), (0,), step)
        # What is shown before the first keyframe needs what was before the file began.
        begin = min(packets.keys, default=packets.stamps[0])
        stamps = [stamp for stamp in packets.stamps if stamp >= begin]
        keys = tuple(i for i, stamp in enumerate(stamps) if stamp in packets.keys)
        return cls(
            times=tuple(stamp * found.base for stamp in stamps),
            keys=keys or (0,),
            held=packets.durations.get(stamps[-1], 0) * found.base,
            damage=Damage(missing=found.missing) if found.missing else None,
        )

    @classmethod
    def of_survey(
        cls, path: Path, found: Stream, looked: Survey, rate: Fraction | None
    ) -> "_Frames":
        """What came out of the decoder, each frame at its own time. Raises InputError."""
        packets, base = found.packets, found.base
        good = [i for i in range(len(looked.stamps)) if i not in looked.broken]
        if not good:
            raise _no_frame(path, looked.reason)
        missing = found.missing
        stamps, notes = _in_order(looked, packets), []
        keys: tuple[int, ...] = (0,)
        if stamps is None:
            step = 1 / (rate or found.declared or Fraction(25))
            if not (found.bare and rate):
                what = "has no timestamps" if found.bare else "its timestamps are not in order"
                notes.append(f"{what}: read at {float(1 / step):g} fps, --fps takes another")
            times = tuple(i * step for i in good)
            lost = tuple((i - good[0]) * step for i in sorted(looked.broken) if i > good[0])
            held = step
        else:
            lacking = {*packets.stamps, *packets.broken}.difference(stamps)
            bad = lacking.union(stamps[i] for i in looked.broken).union(packets.broken)
            if looked.interlaced:
                bad -= second_fields(bad, stamps)
            good = [i for i in good if stamps[i] not in bad]
            if not good:
                raise _no_frame(path, looked.reason)
            # What is shown before the first keyframe needs what was before the file began.
            begin = min(packets.keys, default=stamps[good[0]])
            early = sum(stamp < begin for stamp in bad)
            if early:
                notes.append(
                    f"begins in the middle of a group of pictures: its first {early} frames cannot "
                    "be decoded, and are left out"
                )
            times = tuple(stamps[i] * base for i in good)
            if missing and bad and max(bad) > stamps[good[-1]]:  # the last packet was cut through
                missing += max(bad) * base - times[-1]
                bad = {stamp for stamp in bad if stamp < stamps[good[-1]]}
            lost = tuple(s * base - times[0] for s in sorted(bad) if s >= begin)
            keys = tuple(n for n, i in enumerate(good) if stamps[i] in packets.keys) or keys
            held = packets.durations.get(stamps[good[-1]], 0) * base
        damage = Damage(lost, missing, looked.reason) if lost or missing else None
        if looked.resized is not None:
            notes.append(
                f"its pictures change their size at frame {looked.resized}: all are scaled to "
                "that of the first"
            )
        whole = len(good) == len(looked.stamps) == packets.count and stamps is not None
        return cls(
            times,
            keys,
            held,
            numbers=tuple(good) if len(good) < len(looked.stamps) else (),
            whole=whole and not packets.empty and damage is None and looked.resized is None,
            damaged=bool(looked.reason),
            interlaced=looked.interlaced > 0,
            damage=damage,
            notes=tuple(notes),
        )


def _in_order(looked: Survey, packets: Packets) -> tuple[int, ...] | None:
    """When each frame is shown, where that can be: its own stamp, or in turn those of packets.

    AVI has the times at which frames are decoded: those of showing are the same, in another order.
    """
    stamps = [stamp for stamp in looked.stamps if stamp is not None]
    if len(stamps) < len(looked.stamps) or any(b < a for a, b in pairwise(stamps)):
        same = packets.rising and len(packets.stamps) == len(looked.stamps)
        stamps = list(packets.stamps) if same else []
    if not stamps or (len(stamps) > 1 and stamps[0] == stamps[-1]):
        return None
    return tuple(stamps)


def second_fields(bad: Iterable[int], stamps: Sequence[int]) -> set[int]:
    """Of packets that made no frame those that lie inside one: each the other field of its frame.

    stamps: of the frames, increasing.
    """
    longest = steady(stamps) * 3 / 2
    after = ((stamp, bisect_right(stamps, stamp)) for stamp in bad)
    return {
        stamp
        for stamp, place in after
        if 0 < place < len(stamps)
        and stamps[place - 1] < stamp
        and stamps[place] - stamps[place - 1] <= longest
    }


@dataclass(frozen=True)
class _Facts:
    """What is odd about a clip's frames."""

    interlaced: bool
    alpha: bool
    colors: str
    is_odd: bool
    notes: tuple[str, ...]

    @classmethod
    def of(cls, frame: VideoFrame, found: Stream, frames: _Frames, turned: Orientation) -> "_Facts":
        """Those of the first frame, and what is known of all."""
        curves: dict[int, str] = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}
        wide = "BT.2020" if frame.color_primaries == ColorPrimaries.BT2020 else ""
        colors = curves.get(frame.color_trc, wide)
        alpha = found.opacity or any(part.is_alpha for part in frame.format.components)
        interlaced = found.interlaced or frames.interlaced or bool(frame.interlaced_frame)
        done = {
            "PQ": "HDR (PQ): tone-mapped to BT.709",
            "HLG": "HDR (HLG): shown as an SDR display shows it, in BT.709",
            "BT.2020": "wide colours (BT.2020): converted to BT.709",
        }
        notes = [done[colors]] if colors else []
        if interlaced:
            notes.insert(0, "interlaced: each frame is deinterlaced")
        if not turned.exact:
            notes.append("turned by an angle that is no multiple of 90°: by the nearest one")
        deep = any(part.bits > 8 for part in frame.format.components)
        odd = deep or interlaced or alpha or colors or turned.mirrored or not turned.exact
        return cls(interlaced, alpha, colors, bool(odd), tuple(notes))


def _first_frame(path: Path, found: Stream) -> VideoFrame:
    """The first frame that can be decoded, whole if there is a whole one. Raises InputError."""
    reason = ""
    with contextlib.suppress(av.error.FFmpegError), open_container(path) as container:
        stream = stream_at(container, found.index)
        decoder = Decoder(stream, opacity=found.opacity, damaged=True)
        for frame in decoder.frames(readable(container.demux(stream))):
            return frame
        reason = decoder.reason
    raise _no_frame(path, reason)


def _no_frame(path: Path, reason: str) -> InputError:
    why = f" ({reason})" if reason else ""
    return InputError(f"{path}: the video opens, but not one frame of it can be decoded{why}")


def _unreadable(path: Path, error: av.error.FFmpegError) -> InputError:
    return InputError(f"{path}: this is not a video that can be read ({error.strerror})")


def _is_utf8(path: Path) -> bool:
    """Whether OpenCV can take a name."""
    try:
        str(path.resolve()).encode()
    except UnicodeEncodeError:
        return False
    return True
