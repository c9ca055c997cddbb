"""The clip that the options make of a file or of pictures."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from mnst_video.errors import InputError, UsageError
from mnst_video.media.clip import Clip
from mnst_video.media.input.decode import decodable
from mnst_video.media.input.pictures import is_sequence, probe_sequence
from mnst_video.media.input.probe import probe
from mnst_video.media.input.settings import InputOptions
from mnst_video.media.input.sound import read_sound
from mnst_video.media.numbered import sequence_name
from mnst_video.timeline.envelope import Sound
from mnst_video.timeline.gamma import TimelineOptions


def clip_of(source: Path | str, options: InputOptions, *, quick: bool = False) -> Clip:
    """The clip that the options make of a file, or of pictures; quick: see `probe`.

    Raises InputError or UsageError.
    """
    source, rate = Path(source), options.fps
    if is_sequence(source):
        if rate == "vfr":
            raise UsageError("--fps vfr: pictures have no times; give frames a second")
        clip = probe_sequence(
            source,
            rate=None if rate == "source" else rate,
            seconds=options.seconds,
            max_pixels=options.max_pixels,
        )
    else:
        clip = probe(
            source,
            stream=options.stream,
            rate=rate,
            max_pixels=options.max_pixels,
            quick=quick,
        )
    if options.allow_partial:
        clip = _without_damage(clip)
    return replace(clip, decoding=replace(clip.decoding, matte=options.ground))


def _without_damage(clip: Clip) -> Clip:
    """The part of a clip before the first frame that cannot be decoded."""
    there, total = decodable(clip), clip.times.decoded
    if there >= total:
        return clip
    if there == 0:
        raise InputError(f"{clip.path}: not one of its frames can be decoded")
    note = f"damaged or cut off: the {there} of {total} frames that can be decoded are rendered"
    return replace(clip, times=clip.times.first(there), notes=(*clip.notes, note))


def default_output(source: Path, ending: str) -> Path:
    """Where a clip of `source` goes: beside it, and beside a folder of pictures, not into it."""
    if source.is_dir():
        folder = source.resolve()
        return folder.with_name(f"{folder.name}{ending}")
    name = source.stem if source.is_file() else sequence_name(source)
    return source.with_name(f"{name}{ending}")


def find_sound(audio: Path | None, clip: Clip) -> Sound | None:
    """The sound that belongs to the clip, on the clip's clock; None where there is none.

    audio: what replaces the clip's own.
    """
    if audio is not None:
        return read_sound(audio, origin=Fraction(0))
    return read_sound(clip.path, origin=clip.start) if clip.audio else None


def needed_sound(timeline: TimelineOptions, audio: Path | None, clip: Clip) -> Sound | None:
    """The sound, where the timeline asks for it. Raises InputError where there is none."""
    if timeline.needs_sound is None:
        return None
    sound = find_sound(audio, clip)
    if sound is None:
        raise InputError(
            f"{clip.path}: has no sound, which {timeline.needs_sound} needs; give one with "
            "--audio FILE"
        )
    return sound
