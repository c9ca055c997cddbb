"""Writing clips, with the sound of the clip that they were made from."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import IO

import av
import numpy as np
from PIL import Image

from mnst_video.errors import InputError, MachineError, UsageError, unwritten
from mnst_video.media.ffmpeg import ffmpeg, local
from mnst_video.media.images import Frame, check_target
from mnst_video.media.input.probe import Passage, VideoInfo, probe
from mnst_video.media.output.containers import Container, EncoderSettings, Format, format_of
from mnst_video.media.output.pictures import check_series, is_series, open_series

# Megapixels, for what we have written.
UNLIMITED = 1e6
# Frames a second, above which browsers slow a GIF down.
FASTEST_GIF = 50
# The finest clock that timestamps are kept on exactly, in ticks a second, and the usual one of
# video, which stands for all that are finer.
FINEST, USUAL = 1_000_000, 90_000
# Sound that is without loss, besides PCM.
LOSSLESS = frozenset({"flac", "alac", "wavpack", "tta", "ape", "truehd", "mlp"})
# ffmpeg's encoders of sound, with their bits a second; and the layouts that libopus has.
SOUND_ENCODERS = {
    "aac": ("aac", "256k"),
    "opus": ("libopus", "192k"),
    "flac": ("flac", ""),
    "pcm_s24le": ("pcm_s24le", ""),
}
OPUS_LAYOUTS = "aformat=channel_layouts=7.1|6.1|5.1|5.0|quad|3.0|stereo|mono"


@dataclass(frozen=True)
class Soundtrack:
    """A file whose sound replaces the clip's own; both begin together. codecs: of each track."""

    path: Path
    codecs: tuple[str, ...]


def check_output(
    path: Path,
    sources: Iterable[Path],
    overwrite: bool,
    asked: EncoderSettings,
    source: VideoInfo | Fraction,
) -> None:
    """Raise UsageError where a clip cannot or must not be written.

    sources: what it is made from, which `overwrite` does not cover. source: as for `open_encoder`.
    """
    if is_series(path):
        check_series(path, sources, overwrite)
        for flag, value in (("codec", asked.codec), ("encoder-preset", asked.preset)):
            if value is not None:
                raise UsageError(f"--{flag} {value}: {path} is pictures; give a clip's extension")
        return
    check_target(path, sources, overwrite)
    fastest = _fastest(source)
    if format_of(path, asked).container.muxer == "gif" and fastest > FASTEST_GIF:
        raise UsageError(
            f"--fps {float(fastest):g}: a GIF has up to {FASTEST_GIF} frames a second; give a "
            "lower --fps"
        )


def _fastest(source: VideoInfo | Fraction) -> Fraction:
    """The most frames a second."""
    if isinstance(source, Fraction):
        return source
    if not source.vfr or source.frames < 2:
        return source.fps
    return 1 / max(min(b - a for a, b in pairwise(source.times)), Fraction(1, FINEST))


def check_encoder(path: Path, size: tuple[int, int], asked: EncoderSettings) -> None:
    """Raise MachineError where pictures of a size cannot be encoded on this machine."""
    if is_series(path):
        return
    kind = format_of(path, asked)
    one = ["-f", "lavfi", "-i", f"color=s={size[0]}x{size[1]},format=rgb24", "-frames:v", "1"]
    arguments = [
        *kind.codec.before.split(),
        *one,
        *_picture_options(kind, Fraction(0), False, fine=False),
    ]
    with ffmpeg([*arguments, "-f", "null", "-"], writes=True) as trial:
        if not trial.finish():
            name = asked.codec or kind.codec.family
            raise MachineError(
                f"--codec {name}: does not work on this machine ({trial.reason()}); use another"
            )


def holds_opacity(path: Path, asked: EncoderSettings) -> bool:
    """Whether a clip of this name keeps the opacity of its frames."""
    return is_series(path) or format_of(path, asked).holds_opacity


def output_notes(
    path: Path,
    source: VideoInfo,
    sound: Soundtrack | None,
    passage: Passage | None,
    asked: EncoderSettings,
) -> tuple[str, ...]:
    """What a person should know of a clip that is to be written."""
    notes = []
    if source.alpha and source.matte == "white" and not holds_opacity(path, asked):
        notes.append(f"transparent: put on white, as {path.name} does not keep opacity")
    if is_series(path):
        if source.vfr:
            notes.append(f"its timestamps are left out: {path.name} has none")
        container = None
    else:
        kind = format_of(path, asked)
        container = kind.container
        if asked.crf is not None and kind.codec.quality is None:
            notes.append(f"--crf {asked.crf} has no say: {kind.codec.family} has no such number")
    codecs = source.audio if sound is None else sound.codecs
    if not asked.audio or not codecs:
        return tuple(notes)
    if container is None or not container.lossy:
        return (*notes, f"its sound is left out: {path.name} has none")
    for codec in dict.fromkeys(codecs):
        becomes = _becomes(container, codec, passage)
        if becomes is not None:
            why = "it is cut to the passage" if passage else f"{path.suffix} does not take it so"
            notes.append(f"its sound ({codec}) becomes {_shown(becomes)}: {why}")
    return tuple(notes)


def _shown(codec: str) -> str:
    """A codec's name for people."""
    names = {"pcm_s24le": "PCM, 24 bits", "opus": "Opus"}
    return names.get(codec, codec.upper())


@contextlib.contextmanager
def open_encoder(
    path: Path,
    source: VideoInfo | Fraction,
    size: tuple[int, int],
    *,
    sound: Soundtrack | None = None,
    passage: Passage | None = None,
    asked: EncoderSettings | None = None,
    opacity: bool = False,
) -> Iterator[Callable[[Frame], None]]:
    """A function that writes frames into a clip, BT.709, with the sound of the clip `source`.

    Frames are uint8 `(H, W, 3)`, RGB, or with opacity `(H, W, 4)`; `size` is (width, height).
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
    delay = _delay(kind.container, source, sound, passage)
    pixels = "rgba" if opacity else "rgb24"
    arguments = [
        *("-y", *kind.codec.before.split()),
        *_picture_input(source, stamps, size, pixels),
        *_sound(kind.container, source, sound, passage, asked.audio),
        *_picture_options(kind, delay, opacity, fine=bool(stamps)),
        *_ending(kind, stamps),
        # However long a picture takes to come, its sound is not written before it.
        *("-max_interleave_delta", "0"),
        *("-f", kind.container.muxer, f"file:{partial.resolve()}"),
    ]
    count = 0
    # An ffmpeg whose parent was killed may still write to it.
    with contextlib.suppress(OSError):
        partial.unlink()
    try:
        with ffmpeg(arguments, writes=False) as encoder:
            try:
                with _feed(encoder.pipe, stamps, size, pixels, delay) as give:

                    def write(frame: Frame) -> None:
                        nonlocal count
                        give(frame)
                        count += 1

                    yield write
                if not encoder.finish():
                    raise BrokenPipeError
            except BrokenPipeError:
                raise MachineError(f"{path}: ffmpeg failed ({encoder.reason()})") from None
        written = _written(partial, count)
        if not written == count > 0:  # ffmpeg reports success on input that was cut short
            raise MachineError(f"{path}: the encoder wrote {written} of {count} frames")
        try:
            partial.replace(path)
        except OSError as error:
            raise unwritten(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _written(partial: Path, count: int) -> int:
    """How many frames are in a file; WebP may have left out what is like the frame before."""
    with contextlib.suppress(InputError, OSError):
        if partial.suffix.lower() != ".webp":
            return probe(partial, rate="vfr", max_pixels=UNLIMITED).frames
        with Image.open(partial) as picture:
            return count if getattr(picture, "n_frames", 1) <= count else 0
    return 0


# Pictures


def _stamps(source: VideoInfo | Fraction, passage: Passage | None) -> tuple[Fraction, ...]:
    """Where there is no constant rate, the time of each frame, and that of the end."""
    if isinstance(source, Fraction) or not source.vfr:
        return ()
    part = passage or Passage(Fraction(0), source.duration)
    shown = [time - part.start for time in source.times if part.start <= time < part.end]
    return (*shown, part.end - part.start)


def _tick(stamps: tuple[Fraction, ...]) -> Fraction:
    """A clock for times, exact where that does not take too fine a one."""
    ticks = math.lcm(*(stamp.denominator for stamp in stamps))
    return Fraction(1, ticks if ticks <= FINEST else USUAL)


def _picture_input(
    source: VideoInfo | Fraction, stamps: tuple[Fraction, ...], size: tuple[int, int], pixels: str
) -> list[str]:
    """Frames on standard input. Their colours are named here too: else they become BT.601."""
    fps = source if isinstance(source, Fraction) else source.fps
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


def _picture_options(kind: Format, delay: Fraction, opacity: bool, *, fine: bool) -> list[str]:
    """How pictures are encoded. delay: of the first one, in seconds; fine: their clock."""
    codec = kind.codec
    pixels = codec.alpha if opacity else codec.pixels
    filters = []
    if codec.is_yuv and "444" not in pixels:
        # As RGB: with colour at half the resolution, an odd picture would lose an edge.
        height = "ih" if "422" in pixels else "ceil(ih/2)*2"
        filters.append(f"pad=ceil(iw/2)*2:{height}:color=black@{0 if opacity else 1}")
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
        *("-map", "0:v:0", *(("-vf", ",".join(filters)) if filters else ())),
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
    return [*in_order, "-bsf:v", f"setts=pts=PTS:dts=DTS:duration={length}"]


def _delay(
    container: Container,
    source: VideoInfo | Fraction,
    sound: Soundtrack | None,
    passage: Passage | None,
) -> Fraction:
    """The seconds from the start of the file to its first frame: those of the source."""
    kept = sound is None and passage is None and container.lossy
    return source.start if isinstance(source, VideoInfo) and kept else Fraction(0)


# Sound


def _becomes(container: Container, codec: str, passage: Passage | None) -> str | None:
    """The codec that a track of sound becomes; None: it is copied."""
    if passage is None and codec in container.sounds:
        return None
    without_loss = codec in LOSSLESS or codec.startswith("pcm_")
    return container.lossless if without_loss else container.lossy


def _sound(
    container: Container,
    source: VideoInfo | Fraction,
    sound: Soundtrack | None,
    passage: Passage | None,
    audible: bool,
) -> list[str]:
    """The files that sound and metadata are from, and what becomes of each track."""
    if isinstance(source, Fraction):
        return []
    files = [] if source.pictures else [source.path]
    files += [] if sound is None else [sound.path]
    words = [word for file in files for word in local(file)]
    words += ["-map_metadata", "-1" if source.pictures else "1"]
    if not files or not audible or not container.lossy:
        return words
    words += ["-map", f"{len(files)}:a?"]
    filters = []
    if passage is not None:
        begin = source.start if sound is None else Fraction(0)
        a, b = (float(begin + t) for t in (passage.start, passage.end))
        filters = [f"atrim={a:.6f}:{b:.6f},asetpts=PTS-{a:.6f}/TB"]
    elif sound is not None:
        words += ["-t", f"{float(source.duration):.6f}"]
    for track, codec in enumerate(source.audio if sound is None else sound.codecs):
        becomes = _becomes(container, codec, passage)
        if becomes is None:
            words += [f"-c:a:{track}", "copy"]
            continue
        encoder, rate = SOUND_ENCODERS[becomes]
        words += [f"-c:a:{track}", encoder, *((f"-b:a:{track}", rate) if rate else ())]
        chain = filters + ([OPUS_LAYOUTS] if becomes == "opus" else [])
        words += [f"-filter:a:{track}", ",".join(chain)] if chain else []
    return words
