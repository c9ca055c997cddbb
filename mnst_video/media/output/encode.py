"""Writing clips, with the sound of the clip that they were made from."""

import contextlib
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
import numpy as np
from PIL import Image

from mnst_video.errors import InputError, MachineError
from mnst_video.media.clip import Clip, Passage
from mnst_video.media.ffmpeg import ffmpeg
from mnst_video.media.files import whole
from mnst_video.media.frames import Frame
from mnst_video.media.input.probe import probe
from mnst_video.media.output.containers import EncoderSettings, Format, format_of
from mnst_video.media.output.extras import extra_arguments
from mnst_video.media.output.pictures import is_series, open_series
from mnst_video.media.output.soundtrack import (
    Soundtrack,
    sound_arguments,
    sound_delay,
    source_inputs,
)

# Megapixels, for what we have written.
UNLIMITED = 1e6
# The finest clock that timestamps are kept on exactly, in ticks a second, and the usual one of
# video, which stands for all that are finer.
FINEST, USUAL = 1_000_000, 90_000


@contextlib.contextmanager
def open_encoder(
    path: Path,
    source: Clip | Fraction,
    size: tuple[int, int],
    *,
    sound: Soundtrack | None = None,
    passage: Passage | None = None,
    asked: EncoderSettings | None = None,
    opacity: bool = False,
) -> Iterator[Callable[[Frame], None]]:
    """A function that writes frames into a clip, BT.709, with the sound of the clip `source`.

    Frames are uint8 `(H, W, 3)`, RGB, or with opacity `(H, W, 4)`; `size` is (width, height). Where
    the file needs even sizes the last row or column is repeated.
    A passage's sound is encoded anew; another soundtrack is cut where the clip ends. A rate as
    `source` makes a silent clip.
    It appears under its own name when the block ends without an error and it holds every frame
    that was written; otherwise nothing is left. ffmpeg never outlives the block.
    Only one at a time may write a file; see `alone`.
    Raises UsageError for a format that cannot be, MachineError where ffmpeg fails.
    """
    if is_series(path):
        with open_series(path) as write_picture:
            yield write_picture
        return
    asked = asked or EncoderSettings()
    kind = format_of(path, asked)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    stamps = _stamps(source, passage)
    delay = sound_delay(kind.container, source, sound, passage)
    pixels = "rgba" if opacity else "rgb24"
    padded = kind.padded(size, opacity)
    edges = ((0, padded[1] - size[1]), (0, padded[0] - size[0]), (0, 0))
    arguments = [
        *("-y", *kind.codec.before.split()),
        *_picture_input(source, stamps, padded, pixels),
        *source_inputs(source, sound),
        *picture_arguments(kind, delay, opacity, fine=bool(stamps)),  # first, as editors expect it
        *sound_arguments(kind.container, source, sound, passage, asked.audio),
        *_extras(kind, source, passage),
        *_ending(kind, stamps),
        # However long a picture takes to come, its sound is not written before it.
        *("-max_interleave_delta", "0"),
        *("-f", kind.container.muxer, f"file:{partial.resolve()}"),
    ]
    count = 0
    # An ffmpeg whose parent was killed may still write to it.
    with contextlib.suppress(OSError):
        partial.unlink()
    with whole(path, partial):
        with ffmpeg(arguments, writes=False) as encoder:
            try:
                with _feed(encoder.pipe, stamps, padded, pixels, delay) as give:

                    def write(frame: Frame) -> None:
                        nonlocal count
                        give(np.pad(frame, edges, mode="edge") if padded != size else frame)
                        count += 1

                    yield write
                if not encoder.finish():
                    raise BrokenPipeError
            except BrokenPipeError:
                raise MachineError(f"{path}: ffmpeg failed ({encoder.reason()})") from None
        written = _written(partial, count)
        if not written == count > 0:  # ffmpeg reports success on input that was cut short
            raise MachineError(f"{path}: the encoder wrote {written} of {count} frames")


def _written(partial: Path, count: int) -> int:
    """How many frames are in a file; WebP may have left out what is like the frame before."""
    with contextlib.suppress(InputError, OSError):
        if partial.suffix.lower() != ".webp":
            return probe(partial, rate="vfr", max_pixels=UNLIMITED, depth="packets").times.frames
        with Image.open(partial) as picture:
            return count if getattr(picture, "n_frames", 1) <= count else 0
    return 0


def _extras(kind: Format, source: Clip | Fraction, passage: Passage | None) -> list[str]:
    if isinstance(source, Fraction) or source.decoding.pictures:
        return []
    return extra_arguments(kind.container, source, passage)


# Pictures


def _stamps(source: Clip | Fraction, passage: Passage | None) -> tuple[Fraction, ...]:
    """Where there is no constant rate, the time of each frame, and that of the end."""
    if isinstance(source, Fraction) or not source.times.vfr:
        return ()
    part = passage or Passage(Fraction(0), source.times.duration)
    shown = [time - part.start for time in source.times.begins if part.start <= time < part.end]
    return (*shown, part.end - part.start)


def _tick(stamps: tuple[Fraction, ...]) -> Fraction:
    """A clock for times, exact where that does not take too fine a one."""
    ticks = math.lcm(*(stamp.denominator for stamp in stamps))
    return Fraction(1, ticks if ticks <= FINEST else USUAL)


def _picture_input(
    source: Clip | Fraction, stamps: tuple[Fraction, ...], size: tuple[int, int], pixels: str
) -> list[str]:
    """Frames on standard input. Their colours are named here too: else they become BT.601."""
    fps = source if isinstance(source, Fraction) else source.times.fps
    raw = ["-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{size[0]}x{size[1]}", "-r", str(fps)]
    colors = ["-color_primaries", "bt709", "-color_trc", "bt709"]
    return [*(("-f", "nut") if stamps else raw), *colors, "-i", "pipe:0"]


@contextlib.contextmanager
def _feed(
    pipe: IO[bytes],
    stamps: tuple[Fraction, ...],
    size: tuple[int, int],
    pixels: str,
    delay: Fraction,
) -> Iterator[Callable[[Frame], None]]:
    """A function that gives ffmpeg frames: bare ones, or where they have times in NUT."""
    if not stamps:

        def give(frame: Frame) -> None:
            pipe.write(np.ascontiguousarray(frame).data)

        yield give
        return
    times, tick = iter(stamps), _tick((*stamps, delay))
    nut = av.open(pipe, "w", format="nut")
    stream = nut.add_stream("rawvideo")
    stream.width, stream.height = size
    stream.pix_fmt = pixels
    stream.time_base = stream.codec_context.time_base = tick

    def give_timed(frame: Frame) -> None:
        packet = av.Packet(np.ascontiguousarray(frame).tobytes())
        packet.stream, packet.time_base = stream, tick
        packet.pts = packet.dts = round(next(times) / tick)
        packet.is_keyframe = True
        nut.mux(packet)

    yield give_timed
    nut.close()


def picture_arguments(kind: Format, delay: Fraction, opacity: bool, *, fine: bool) -> list[str]:
    """How pictures are encoded. delay: of the first one, in seconds; fine: their clock."""
    codec = kind.codec
    pixels = codec.alpha if opacity else codec.pixels
    filters = []
    if codec.is_yuv:
        filters.append("scale=out_color_matrix=bt709:out_range=tv")
    if delay and not fine:  # on the clock of a rate it would be cut to whole frames
        filters.append(f"settb=1/{USUAL}")
    if delay:
        filters.append(f"setpts=round(PTS+{delay}/TB)")
    filters += [f"format={pixels}"] if pixels else []
    filters += [codec.filters] if codec.filters else []
    tags = ["-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"]
    return [
        *("-map", "0:v:0", *(("-filter:v:0", ",".join(filters)) if filters else ())),
        *("-fps_mode", "passthrough", "-enc_time_base", "filter", *kind.arguments),
        *((*tags, "-color_range", "tv") if codec.is_yuv else ()),
    ]


def _ending(kind: Format, stamps: tuple[Fraction, ...]) -> list[str]:
    """The length of the last frame, where no constant rate says it."""
    if not stamps or not kind.container.lossy:
        return []
    last, end = (float(stamp) for stamp in stamps[-2:])
    length = rf"if(gte(PTS*TB\,{last - 1e-6})\,{end - last}/TB\,DURATION)"
    # MP4 with frames out of order would be as long as those in order: too short.
    in_order = ["-bf", "0"] if kind.codec.family in ("h264", "h265") else []
    return [*in_order, "-bsf:v:0", f"setts=pts=PTS:dts=DTS:duration={length}"]


# Sound
