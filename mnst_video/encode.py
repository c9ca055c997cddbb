"""Writing clips, with the sound of the clip that they were made from."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from mnst_video.errors import InputError, MachineError, UsageError, unwritten
from mnst_video.ffmpeg import ffmpeg, local
from mnst_video.images import Frame
from mnst_video.probe import Passage, VideoInfo, probe

# Megapixels, for what we have written.
UNLIMITED = 1e6

# What we write, and which sound each container takes as it is; any other becomes AAC.
CONTAINERS: dict[str, frozenset[str]] = {
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac"}),
    ".m4v": frozenset({"aac", "mp3", "ac3", "eac3", "alac"}),
    ".mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"}),
    ".mkv": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"})
    | frozenset({"flac", "opus", "vorbis", "dts"}),
}


def check_output(path: Path) -> None:
    """Raise UsageError unless `path` has an extension that we write."""
    if path.suffix.lower() not in CONTAINERS:
        known = ", ".join(CONTAINERS)
        raise UsageError(f"{path}: unknown kind of video; use one of {known}")


@dataclass(frozen=True)
class Soundtrack:
    """A file whose sound replaces the clip's own; both begin together. codecs: of each track."""

    path: Path
    codecs: tuple[str, ...]


@contextlib.contextmanager
def open_encoder(
    path: Path,
    source: VideoInfo | Fraction,
    size: tuple[int, int],
    *,
    sound: Soundtrack | None = None,
    passage: Passage | None = None,
    crf: int = 18,
) -> Iterator[Callable[[Frame], None]]:
    """A function that writes frames as H.264, BT.709, with the sound of the clip `source`.

    Frames are uint8 `(H, W, 3)`, RGB; `size` is (width, height). A passage's sound becomes AAC;
    another soundtrack is cut where the clip ends. A rate as `source` makes a silent clip.
    The file appears under its own name when the block ends without an error and it holds every
    frame that was written; otherwise nothing is left. ffmpeg never outlives the block.
    Only one at a time may write a file; see `alone`.
    Raises UsageError for an unknown extension, MachineError where ffmpeg fails.
    """
    check_output(path)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    arguments = _arguments(partial, source, size, sound, passage, crf)
    count = 0
    # An ffmpeg whose parent was killed may still write to it.
    with contextlib.suppress(OSError):
        partial.unlink()
    try:
        with ffmpeg(arguments, writes=False) as encoder:

            def write(frame: Frame) -> None:
                nonlocal count
                encoder.pipe.write(np.ascontiguousarray(frame).data)
                count += 1

            try:
                yield write
                if not encoder.finish():
                    raise BrokenPipeError
            except BrokenPipeError:
                raise MachineError(f"{path}: ffmpeg failed ({encoder.reason()})") from None
        written = 0
        with contextlib.suppress(InputError):
            written = probe(partial, rate="vfr", max_pixels=UNLIMITED).frames
        if not written == count > 0:  # ffmpeg reports success on input that was cut short
            raise MachineError(f"{path}: the encoder wrote {written} of {count} frames")
        try:
            partial.replace(path)
        except OSError as error:
            raise unwritten(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _arguments(
    partial: Path,
    source: VideoInfo | Fraction,
    size: tuple[int, int],
    sound: Soundtrack | None,
    passage: Passage | None,
    crf: int,
) -> list[str]:
    """Those of ffmpeg: raw frames on standard input, sound from the source."""
    fps = source if isinstance(source, Fraction) else source.fps
    rate = f"{fps.numerator}/{fps.denominator}"
    files: list[Path] = []
    delay, heard = Fraction(0), []
    if isinstance(source, VideoInfo):
        files = [] if source.pictures else [source.path]
        files += [] if sound is None else [sound.path]
        delay = source.start if sound is None else delay
        heard = ["-map", f"{len(files)}:a?"] if files else []
        heard += ["-map_metadata", "-1" if source.pictures else "1"]
        heard += _sound_options(partial, source, sound, passage, delay)
    # The colours are named on the input too: without that, RGB becomes untagged BT.601.
    # Padded as RGB: in 4:2:0, an odd picture would lose its last row and column.
    picture = ["pad=ceil(iw/2)*2:ceil(ih/2)*2", "scale=out_color_matrix=bt709:out_range=tv"]
    if passage is None and delay:
        # In a fine time base: in that of the frames it would be cut to whole frames.
        picture.append(f"settb=1/90000,setpts=PTS+{round(delay * 90000)}")
    return [
        *("-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"),
        *("-r", rate, "-color_primaries", "bt709", "-color_trc", "bt709", "-i", "pipe:0"),
        *(word for file in files for word in local(file)),
        *("-map", "0:v:0", *heard),
        *("-vf", ",".join(picture), "-fps_mode", "passthrough"),
        *(("-enc_time_base", "1/90000") if delay and passage is None else ()),
        *("-c:v", "libx264", "-crf", str(crf), "-pix_fmt", "yuv420p"),
        *("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"),
        *("-color_range", "tv", "-movflags", "+faststart"),
        # However long a picture takes to come, its sound is not written before it.
        *("-max_interleave_delta", "0"),
        f"file:{partial.resolve()}",
    ]


def _sound_options(
    partial: Path,
    source: VideoInfo,
    sound: Soundtrack | None,
    passage: Passage | None,
    delay: Fraction,
) -> list[str]:
    """What ffmpeg does with the sound: copied where it can be; cut to a passage."""
    if passage is not None:
        a, b = (float(delay + t) for t in (passage.start, passage.end))
        cut = f"atrim={a:.6f}:{b:.6f},asetpts=PTS-{a:.6f}/TB"
        return ["-af", cut, "-c:a", "aac", "-b:a", "256k"]
    codecs = source.audio if sound is None else sound.codecs
    fits = set(codecs) <= CONTAINERS[partial.suffix.lower()]
    kept = ["-c:a", "copy"] if fits else ["-c:a", "aac", "-b:a", "256k"]
    return kept if sound is None else [*kept, "-t", f"{float(source.duration):.6f}"]
