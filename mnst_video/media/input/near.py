"""Some frames of a clip, found by their times, without decoding what lies before them."""

import contextlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import chain, groupby

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mnst_video.errors import InputError
from mnst_video.media.clip import Clip
from mnst_video.media.frames import Frame, resize
from mnst_video.media.images import Photo
from mnst_video.media.input.convert import deinterlaced, photo_of
from mnst_video.media.input.decode import decoded_frames
from mnst_video.media.input.demux import (
    Decoder,
    decoder_of,
    open_container,
    readable,
    stamp_of,
    stream_at,
)

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
    still = clip.decoding.pictures or clip.decoding.animated
    chosen = list(numbers) if still else _in_reach(clip, numbers)
    matte = clip.decoding.matte
    pictures = {
        number: resize(photo.on(matte), width, height) for number, photo in read_at(clip, chosen)
    }
    return [(number, pictures[number]) for number in chosen]


def read_at(clip: Clip, numbers: Sequence[int]) -> Iterator[tuple[int, Photo]]:
    """Some frames and their numbers, in order, each decoded from the keyframe before it on.

    Raises InputError where one cannot be decoded.
    """
    wanted = sorted({*numbers})
    if clip.decoding.pictures or clip.decoding.animated:
        by_number = {clip.times.number(number): number for number in wanted}
        for decoded, photo in enumerate(decoded_frames(clip, by_number)):
            if photo is not None:
                yield by_number[decoded], photo
        return
    number = wanted[0]
    try:
        with open_container(clip.path) as container:
            stream = stream_at(container, clip.decoding.stream)
            decoder = decoder_of(stream, clip.decoding)
            for key, group in groupby(wanted, partial(_key_before, clip)):
                inside = list(group)
                frames = _timed(container, stream, decoder, clip, key, inside[-1])
                found = next(frames, None)
                for number in inside:
                    begins = clip.decoding.origin + clip.times.begins[number]
                    while found is not None and found[0] < begins:
                        last, found = found, next(frames, None)
                        if found is None and last[0] > begins - LAST_FRAME:
                            found = begins, last[1]
                    if found is None:
                        raise _undecodable(clip, number)
                    yield number, photo_of(found[1], clip.decoding)
    except av.error.FFmpegError:
        raise _undecodable(clip, number) from None


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


def _timed(
    container: InputContainer,
    stream: VideoStream,
    decoder: Decoder,
    clip: Clip,
    key: int,
    last: int,
) -> Iterator[tuple[Fraction, VideoFrame]]:
    """The frames from a keyframe to another frame, with their times on the file's clock."""
    base = stream.time_base or Fraction(1)
    start, end = (clip.decoding.origin + clip.times.begins[number] for number in (key, last))
    places = (start, start - 1, clip.decoding.origin)
    packets = _packets_from(container, stream, decoder, places)
    frames = decoder.frames(_between(packets, base, start, end))
    for frame in deinterlaced(frames) if clip.decoding.interlaced else frames:
        stamp = stamp_of(frame)
        if stamp is not None:
            yield stamp * base, frame


def _between(
    packets: "Iterator[Packet[VideoStream]]", base: Fraction, start: Fraction, end: Fraction
) -> "Iterator[Packet[VideoStream]]":
    """The packets from that of a keyframe on, up to what is shown at a time."""
    begun = False
    for packet in packets:
        stamp = stamp_of(packet)
        if stamp is None:  # the end of the file
            return
        begun = begun or (packet.is_keyframe and stamp * base >= start)
        if not begun:
            continue
        yield packet
        if stamp * base == end or (packet.dts is not None and packet.dts * base > end):
            return


def _packets_from(
    container: InputContainer, stream: VideoStream, decoder: Decoder, places: Sequence[Fraction]
) -> "Iterator[Packet[VideoStream]]":
    """Packets from the first of some times on, or from before it: seeks in MPEG can end behind it.

    The other times are tried where it is missed.
    """
    base = stream.time_base or Fraction(1)
    for place in places:
        with contextlib.suppress(av.error.FFmpegError):  # what cannot seek is read on
            container.seek(round(place / base), stream=stream)
        decoder.restart()
        packets = readable(container.demux(stream))
        first = next(packets, None)
        if first is None:
            continue
        stamp = stamp_of(first)
        if stamp is not None and stamp * base <= places[0]:
            break
    return packets if first is None else chain([first], packets)
