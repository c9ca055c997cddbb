"""Sound for a clip that was written without."""

from collections.abc import Sequence
from pathlib import Path

from mnst_video.errors import MachineError
from mnst_video.media.clip import Clip, Passage
from mnst_video.media.ffmpeg import ffmpeg, local
from mnst_video.media.files import whole
from mnst_video.media.output.containers import SOUND_ENCODERS, EncoderSettings, format_of
from mnst_video.media.output.soundtrack import Soundtrack, sound_arguments, source_inputs


def dub(path: Path, clip: Clip, sound: Soundtrack | None, passage: Passage) -> None:
    """Give a clip the sound of a passage of the clip that it was made from, or of a soundtrack.

    Raises MachineError; it stays silent then. So it does where its format has no sound.
    """
    container = format_of(path, EncoderSettings()).container
    arguments = sound_arguments(container, clip, sound, passage, True)
    if arguments:
        _add(path, source_inputs(clip, sound), arguments)


def dub_with(path: Path, heard: Path, late: float) -> None:
    """Give a clip a sound that began some seconds before it, and ends with it.

    Raises MachineError; it stays silent then.
    """
    container = format_of(path, EncoderSettings()).container
    if container.lossy:
        encoder, rate = SOUND_ENCODERS[container.lossy]
        coded = ["-c:a", encoder, *(("-b:a", rate) if rate else ())]
        skipped = ["-ss", f"{late:.6f}", *local(heard)]
        _add(path, skipped, ["-map", "1:a", "-shortest", *coded])


def _add(path: Path, inputs: Sequence[str], sound: Sequence[str]) -> None:
    """Add sound from other inputs to a clip, which takes the place of what it was."""
    container = format_of(path, EncoderSettings()).container
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    kept = ["-map", "0", "-c", "copy", *container.more.split()]
    target = ["-f", container.muxer, f"file:{partial.resolve()}"]
    arguments = ["-y", *local(path), *inputs, *kept, *sound, *target]
    with whole(path, partial), ffmpeg(arguments, writes=False) as muxer:
        if not muxer.finish():
            raise MachineError(
                f"{path}: is silent, as ffmpeg could not add its sound ({muxer.reason()})"
            )
