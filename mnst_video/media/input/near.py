"""Some frames of a clip in a time that does not grow with it."""

import contextlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import chain, groupby

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from av.video.stream import VideoStream

from mnst_video.errors import InputError
from mnst_video.media.clip import Clip
from mnst_video.media.frames import Frame, resize
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.demux import open_container, orientation, stamp_of, stream_at

# Pixels that `read_near` decodes: two or three seconds of work for two cores.
DECODED = 10**9
# Seconds by which a clip's last frame may come before the time that its index has for it.
LAST_FRAME = 1


def read_near(
    clip: Clip, numbers: Sequence[int], width: int, height: int
) -> list[tuple[int, Frame]]:
    """For each of some frames it or one near it, in a time that does not grow with the clip.

    Decoding begins at keyframes, and about `DECODED` pixels are decoded in all: for a frame that
    lies too far behind its keyframe stands the nearest one that can be had.
    Returns the number of the frame that was taken, and it, as `read_frames` has it.
    Raises InputError where one cannot be decoded.
    """
    if clip.decoding.pictures:
        read = read_frames(clip, width, height, only={*numbers})
        loaded = dict(zip(sorted({*numbers}), read, strict=True))
        return [(number, loaded[number]) for number in numbers]
    chosen = _in_reach(clip, numbers)
    pictures: dict[int, Frame] = {}
    number = chosen[0]
    try:
        with open_container(clip.path) as container:
            stream = stream_at(container, clip.decoding.stream)
            stream.thread_type = "AUTO"
            for key, group in groupby(sorted(set(chosen)), partial(_key_before, clip)):
                wanted = list(group)
                frames = _decode(container, stream, clip, key, wanted[-1])
                found = next(frames, None)
                for number in wanted:
                    begins = clip.decoding.origin + clip.times.begins[number]
                    while found is not None and found[0] < begins:
                        last, found = found, next(frames, None)
                        if found is None and last[0] > begins - LAST_FRAME:
                            found = begins, last[1]
                    if found is None:
                        raise _undecodable(clip, number)
                    pictures[number] = resize(_upright(found[1]), width, height)
    except av.error.FFmpegError:
        raise _undecodable(clip, number) from None
    return [(number, pictures[number]) for number in chosen]


def _undecodable(clip: Clip, number: int) -> InputError:
    begins = float(clip.times.begins[number])
    return InputError(
        f"{clip.path}: damaged or cut off: its frame at {begins:.3f} s cannot "
        "be decoded; take what is whole with --start and --end"
    )


def _in_reach(clip: Clip, numbers: Sequence[int]) -> list[int]:
    """For each of some frames it, or the nearest one that `read_near` has the time for."""
    keys = [_key_before(clip, number) for number in numbers]
    reach = DECODED // (clip.width * clip.height) // len(set(keys))
    chosen = []
    for number, key in zip(numbers, keys, strict=True):
        after = bisect_right(clip.times.keyframes, number)
        nearest = min(number, key + reach), *clip.times.keyframes[after : after + 1]
        chosen.append(min(nearest, key=lambda near: abs(near - number)))
    return chosen


def _key_before(clip: Clip, number: int) -> int:
    """The last keyframe up to a frame; the clip's first one where there is none."""
    return clip.times.keyframes[max(bisect_right(clip.times.keyframes, number) - 1, 0)]


def _decode(
    container: InputContainer, stream: VideoStream, clip: Clip, key: int, last: int
) -> Iterator[tuple[Fraction, VideoFrame]]:
    """The frames from a keyframe to another frame, with their times on the file's clock."""
    base = stream.time_base or Fraction(1)
    start, end = (clip.decoding.origin + clip.times.begins[number] for number in (key, last))
    begun = False
    for packet in _packets_from(container, stream, (start, start - 1, clip.decoding.origin)):
        stamp = stamp_of(packet)
        if stamp is None:  # the end of the file
            break
        begun = begun or (packet.is_keyframe and stamp * base >= start)
        if not begun:
            continue
        yield from _timed(packet.decode(), base)
        if stamp * base == end or (packet.dts is not None and packet.dts * base > end):
            break
    yield from _timed(stream.codec_context.decode(None), base)


def _packets_from(
    container: InputContainer, stream: VideoStream, places: Sequence[Fraction]
) -> Iterator["Packet[VideoStream]"]:
    """Packets from the first of some times on, or from before it: seeks in MPEG can end behind it.

    The other times are tried where it is missed.
    """
    base = stream.time_base or Fraction(1)
    for place in places:
        with contextlib.suppress(av.error.FFmpegError):  # what cannot seek is read on
            container.seek(round(place / base), stream=stream)
        stream.codec_context.flush_buffers()
        packets = container.demux(stream)
        first = next(packets)
        stamp = stamp_of(first)
        if stamp is not None and stamp * base <= places[0]:
            break
    return chain([first], packets)


def _timed(frames: list[VideoFrame], base: Fraction) -> Iterator[tuple[Fraction, VideoFrame]]:
    for frame in frames:
        stamp = stamp_of(frame)
        if stamp is not None:
            yield stamp * base, frame


def _upright(frame: VideoFrame) -> Frame:
    """A decoded frame as `read_frames` has it, but for opacity: RGB, BT.709, upright."""
    rgb = frame.to_ndarray(
        format="rgb24",
        dst_color_trc=ColorTrc.BT709,
        dst_color_primaries=ColorPrimaries.BT709,
    )
    return orientation(frame).upright(np.asarray(rgb, np.uint8))
