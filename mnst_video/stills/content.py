"""The picture that a still is made of: a file's, or a frame of a clip."""

from dataclasses import dataclass
from pathlib import Path

from mnst_video.errors import InputError, UsageError
from mnst_video.media.clip import Clip
from mnst_video.media.frames import resize
from mnst_video.media.images import ADVICE, Photo, load_photo
from mnst_video.media.input.near import read_at
from mnst_video.media.input.pictures import PICTURES, is_sequence
from mnst_video.media.input.settings import InputOptions
from mnst_video.plan.source import clip_of, find_sound
from mnst_video.timeline.clock import Clock, moment
from mnst_video.timeline.gamma import TimelineOptions, tempo_of
from mnst_video.timeline.timecode import START, Time


def open_content(path: Path, options: InputOptions) -> Photo | Clip:
    """A picture, or else a clip: a file, or pictures in a folder or of a pattern.

    Raises InputError where it is neither, with the reason for what its name says it is, or
    UsageError.
    """
    if is_sequence(path) and not path.is_file():
        return clip_of(path, options)
    try:
        return load_photo(path)
    except InputError as error:
        if not path.is_file() or path.suffix.lower() in PICTURES:
            raise
        problem = error
    try:
        return clip_of(path, options, depth="packets")
    except InputError as error:
        raise (problem if path.suffix.lower() in ADVICE else error) from None


@dataclass(frozen=True)
class Content:
    """What a still is made of. clip: what it is a frame of, if of any; number: which one."""

    photo: Photo
    clip: Clip | None = None
    number: int = 0


def load_content(
    path: Path,
    options: InputOptions,
    timeline: TimelineOptions,
    audio: Path | None = None,
    at: Time = START,
) -> Content:
    """A picture, or the frame of a clip at a time, which may be in beats where there is a tempo.

    audio: what replaces the clip's own sound, where the tempo is found in it.
    Raises InputError, UsageError, or MachineError where bpm is "auto" without librosa.
    """
    content = open_content(path, options)
    if isinstance(content, Photo) and at == START:
        return Content(content)
    if isinstance(content, Photo):  # an animation can be either
        try:
            content = clip_of(path, options, depth="packets")
        except (InputError, UsageError):
            raise UsageError(f"{path}: is one picture; --at is for clips") from None
    tempo = None
    if at.unit in ("b", "bar", "position"):
        sound = find_sound(audio, content) if timeline.bpm == "auto" else None
        tempo = tempo_of(timeline, sound)
    times = content.times
    clock = Clock(times.begins, times.fps, tempo, times.duration)
    seconds = moment("at", at, clock)
    number = min(times.frame_at(seconds), times.frames - 1)
    ((_, photo),) = read_at(content, [number])
    size = content.width, content.height
    alpha = None if photo.alpha is None else resize(photo.alpha, *size)
    return Content(Photo(resize(photo.frame, *size), alpha), content, number)
