"""What can be known of an output before anything is painted."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from mnst_video.errors import MachineError, UsageError
from mnst_video.media.clip import Clip, Passage
from mnst_video.media.ffmpeg import ffmpeg
from mnst_video.media.files import check_target
from mnst_video.media.input.settings import GROUND
from mnst_video.media.output.containers import EncoderSettings, format_of
from mnst_video.media.output.encode import FINEST, picture_arguments
from mnst_video.media.output.extras import extra_notes
from mnst_video.media.output.pictures import check_series, is_series
from mnst_video.media.output.soundtrack import Soundtrack, becomes, codec_shown

# Frames a second, above which browsers slow a GIF down.
FASTEST_GIF = 50


def check_output(
    path: Path,
    sources: Iterable[Path],
    overwrite: bool,
    asked: EncoderSettings,
    source: Clip | Fraction,
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
    fastest, most = _fastest(source), most_frames(path, asked)
    if most is not None and fastest > most:
        raise UsageError(
            f"--fps {float(fastest):g}: a GIF has up to {FASTEST_GIF} frames a second; give a "
            "lower --fps"
        )


def share_of_frames(path: Path, asked: EncoderSettings) -> float:
    """How large a clip of this name is against its frames as PNG, about."""
    return 1.0 if is_series(path) else format_of(path, asked).codec.share


def most_frames(path: Path, asked: EncoderSettings) -> int | None:
    """The most frames a second that a clip of this name has, if there is a limit."""
    is_gif = not is_series(path) and format_of(path, asked).container.muxer == "gif"
    return FASTEST_GIF if is_gif else None


def _fastest(source: Clip | Fraction) -> Fraction:
    """The most frames a second."""
    if isinstance(source, Fraction):
        return source
    if not source.times.vfr or source.times.frames < 2:
        return source.times.fps
    return 1 / max(min(b - a for a, b in pairwise(source.times.begins)), Fraction(1, FINEST))


def check_encoder(path: Path, size: tuple[int, int], asked: EncoderSettings) -> None:
    """Raise MachineError where pictures of a size cannot be encoded on this machine."""
    if is_series(path):
        return
    kind = format_of(path, asked)
    width, height = kind.padded(size, False)
    one = ["-f", "lavfi", "-i", f"color=s={width}x{height},format=rgb24", "-frames:v", "1"]
    arguments = [
        *kind.codec.before.split(),
        *one,
        *picture_arguments(kind, Fraction(0), False, fine=False),
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
    source: Clip,
    sound: Soundtrack | None,
    passage: Passage | None,
    asked: EncoderSettings,
) -> tuple[str, ...]:
    """What a person should know of a clip that is to be written."""
    notes = []
    if source.decoding.alpha and source.decoding.matte == GROUND and not holds_opacity(path, asked):
        notes.append(f"transparent: put on white, as {path.name} does not keep opacity")
    if is_series(path):
        if source.times.vfr:
            notes.append(f"its timestamps are left out: {path.name} has none")
        container = None
    else:
        kind = format_of(path, asked)
        container = kind.container
        if asked.crf is not None and kind.codec.quality is None:
            notes.append(f"--crf {asked.crf} has no say: {kind.codec.family} has no such number")
    notes += extra_notes(container, path.suffix or path.name, source, passage)
    codecs = source.audio if sound is None else sound.codecs
    if not asked.audio or not codecs:
        return tuple(notes)
    if container is None or not container.lossy:
        return (*notes, f"its sound is left out: {path.name} has none")
    for codec in dict.fromkeys(codecs):
        other = becomes(container, codec, passage)
        if other is not None:
            why = "it is cut to the passage" if passage else f"{path.suffix} does not take it so"
            notes.append(f"its sound ({codec}) becomes {codec_shown(other)}: {why}")
    return tuple(notes)
