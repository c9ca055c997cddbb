"""The clip that the options make of a file or of pictures."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from mnst_video.errors import InputError, UsageError
from mnst_video.media.clip import Clip, Damage
from mnst_video.media.input.animation import is_animation, probe_animation
from mnst_video.media.input.pictures import is_sequence, probe_sequence
from mnst_video.media.input.probe import Depth, probe
from mnst_video.media.input.settings import InputOptions
from mnst_video.media.input.sound import read_sound
from mnst_video.media.numbered import sequence_name
from mnst_video.timeline.envelope import Sound
from mnst_video.timeline.gamma import TimelineOptions


def clip_of(source: Path | str, options: InputOptions, *, depth: Depth = "frames") -> Clip:
    """The clip that the options make of a file, or of pictures; depth: see `probe`.

    Raises InputError or UsageError.
    """
    source, rate = Path(source), options.fps
    if is_sequence(source):
        if rate == "vfr":
            raise UsageError("--fps vfr: pictures have no times; give frames a second")
        if options.stream is not None:
            raise UsageError(f"--stream {options.stream}: {source} is pictures, which have none")
        clip = probe_sequence(
            source,
            rate=None if rate == "source" else rate,
            seconds=options.seconds,
            max_pixels=options.max_pixels,
        )
    else:
        if options.seconds is not None:
            raise UsageError(
                f"--seconds {options.seconds:g}: {source} is a clip, which has its own length; "
                "--start and --end take a part of it"
            )
        if is_animation(source):
            clip = probe_animation(source, rate=rate, max_pixels=options.max_pixels)
        else:
            clip = probe(
                source,
                stream=options.stream,
                rate=rate,
                max_pixels=options.max_pixels,
                depth=depth,
            )
    if clip.damage is not None and (options.allow_partial or depth != "frames"):
        clip = replace(clip, damage=None, notes=(*clip.notes, damage_shown(clip)))
    return replace(clip, decoding=replace(clip.decoding, matte=options.ground))


def damage_shown(clip: Clip) -> str:
    """What is lost of a clip, in words."""
    damage, times = clip.damage or Damage(), clip.times
    words = []
    if damage.lost:
        why = f" ({damage.reason})" if damage.reason else ""
        words.append(
            f"damaged: {len(damage.lost)} of its {len(damage.lost) + times.frames} frames cannot "
            f"be decoded, the first at {max(0.0, float(damage.lost[0])):.3f} s{why}"
        )
    if damage.missing:
        there = float(times.duration)
        words.append(f"cut off: {there:.3f} of {there + float(damage.missing):.3f} s are there")
    return "; ".join(words)


def check_whole(clip: Clip, frames: range, *, to_end: bool) -> str | None:
    """Raise InputError where something is lost among frames; else what is lost elsewhere, if so.

    to_end: whether they go on to wherever the clip ends.
    """
    damage, begins = clip.damage, clip.times.begins
    if damage is None:
        return None
    first, last = begins[frames.start], begins[frames.stop - 1]
    after = (time for time in damage.lost if time > first or frames.start == 0)
    within = [time for time in after if to_end or time < last]
    if not within and not (to_end and damage.missing):
        return damage_shown(clip)
    whole = within[0] if within else clip.times.duration
    before = f"with --end {float(whole):.3f}, or " if whole > first else ""
    raise InputError(
        f"{clip.path}: {damage_shown(clip)}; render what is whole {before}with --allow-partial"
    )


def default_output(source: Path, ending: str) -> Path:
    """Where a clip of `source` goes: beside it, and beside a folder of pictures, not into it."""
    if source.is_dir():
        folder = source.resolve()
        if not folder.name:
            raise UsageError(f"{source}: give an --output, as nothing can lie beside this folder")
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
