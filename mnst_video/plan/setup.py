"""What a render has to know before its first frame: its timeline, frames, size, shots and sigma."""

from bisect import bisect_left
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from mnst_video.errors import UsageError
from mnst_video.media.clip import Clip
from mnst_video.media.frames import Frame, working_size
from mnst_video.media.images import load_image
from mnst_video.media.input.sound import sound_codecs
from mnst_video.media.output.checks import output_notes
from mnst_video.media.output.soundtrack import Soundtrack
from mnst_video.method.vgg import VGG19
from mnst_video.model.file import Model, kept_size, load_model
from mnst_video.option_types import Mark
from mnst_video.options import Options, marked
from mnst_video.painting.areas import Masks
from mnst_video.painting.brief import Brief
from mnst_video.painting.machine import load_network
from mnst_video.painting.styles import Styles
from mnst_video.plan.course import course_on
from mnst_video.plan.masks import MaskSet, masks_of, read_masks
from mnst_video.plan.shots import Shot
from mnst_video.plan.source import check_whole
from mnst_video.timeline.clock import Clock, moment
from mnst_video.timeline.fader import Split
from mnst_video.timeline.gamma import Course
from mnst_video.timeline.timecode import END


@dataclass(frozen=True)
class Setup:
    """Everything that a render needs, but for the analysis of the clip.

    frames: those of the whole clip that are to be rendered.
    brief: what is painted with. network: what sees it on this machine.
    asked: the options before a model's own took their places, which make the same setup once more.
    model_digest: of the file of the network that paints, if one does.
    masks: what each part of a frame is painted with, if it is not all alike.
    """

    clip: Clip
    options: Options
    course: Course
    frames: range
    brief: Brief
    network: VGG19
    asked: Options
    model_digest: str | None = None
    masks: MaskSet | None = None

    @cached_property
    def styles(self) -> Styles:
        """What is painted with as this machine sees it: not where others paint."""
        return self.brief.styles(self.network)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) to work in."""
        return self.brief.size

    @property
    def pictures(self) -> tuple[Frame, ...]:
        """The style images as they are in their files."""
        return self.brief.pictures

    @property
    def output_size(self) -> tuple[int, int]:
        """(width, height) of the clip that is written."""
        if self.options.output_size == "source":
            return (self.clip.width, self.clip.height)
        return self.options.output_size or self.size

    @property
    def tiles(self) -> int:
        """In how many parts the network looks at a frame."""
        return len(self.network.tiles(self.size[1], self.size[0]))

    def masks_of(self, shots: Sequence[Shot], numbers: Sequence[int]) -> Iterator[Masks] | None:
        """The masks of some frames at the working size, if they have any; numbers: increasing."""
        pictures = self.mask_pictures(shots, numbers)
        if pictures is None:
            return None
        pairs = zip(pictures, numbers, strict=True)
        return (Masks(picture, self.split(number)) for picture, number in pairs)

    def mask_pictures(
        self, shots: Sequence[Shot], numbers: Sequence[int]
    ) -> Generator[Frame, None, None] | None:
        """The same as pictures, see `Masks`."""
        if self.masks is None:
            return None
        return read_masks(self.masks, self.clip, self.wiped, shots, self.size, numbers)

    @property
    def wiped(self) -> Sequence[float]:
        """The share of the picture that a wipe uncovers, of each frame of the clip."""
        return [self.course.fader(frame).gamma for frame in range(len(self.course.values))]

    def split(self, frame: int) -> Split:
        """What a frame's mask stands for."""
        return self.course.split(frame, self.options.masks.mode)

    def output_notes(self, output: Path) -> tuple[str, ...]:
        """What a person should know of the clip that is to be written."""
        passage = self.clip.times.passage(self.frames)
        return output_notes(output, self.clip, self.soundtrack, passage, self.options.encoder)

    @property
    def soundtrack(self) -> Soundtrack | None:
        """What replaces the clip's own sound, if anything."""
        audio = self.options.audio
        return Soundtrack(audio, sound_codecs(audio)) if audio is not None else None


def prepare(clip: Clip, options: Options, *, whole: bool = True) -> Setup:
    """Read the styles and the weights, and resolve what the options say of this clip.

    whole: whether damage in the files of masks is looked for.
    Raises UsageError, InputError or MachineError.
    """
    asked = options
    model = load_model(options.model) if options.model is not None else None
    if model is not None:
        options = with_model(options, model)
    if options.audio is not None:
        sound_codecs(options.audio)  # else it would fail after the last frame
    course = course_on(clip, options)
    frames = passage_frames(clip, options, course.clock)
    to_end = options.end is None or options.end == END
    elsewhere = check_whole(clip, frames, to_end=to_end)
    if elsewhere is not None:
        clip = replace(clip, notes=(*clip.notes, elsewhere))
    masks = masks_of(clip, options.masks, whole=whole)
    network = load_network(options.machine)
    size = working_size(clip.width, clip.height, options.side(network.device.type))
    if model is None:
        pictures = tuple(load_image(path) for path in options.styles)
        brief = Brief(options.paint, pictures, size, network.sha256)
    else:
        brief = Brief(
            options.paint, model.paintings, size, network.sha256, model.network, options.polish
        )
    digest = model.digest if model is not None else None
    return Setup(clip, options, course, frames, brief, network, asked, digest, masks)


def with_model(options: Options, model: Model) -> Options:
    """The options with those that a model has learned, and its size where none is given.

    Raises UsageError where they are others, InputError where a style cannot be read.
    """
    learned = set(marked(Mark.LEARNED))
    names = tuple(map(Path, model.names))
    styles = {"style1": names[0], "style2": names[1], "more_styles": names[2:]}
    theirs = Options(**model.options)
    for name in sorted(learned & options.model_fields_set - styles.keys()):
        if getattr(options, name) != (value := getattr(theirs, name)):
            raise UsageError(
                f"--{name.replace('_', '-')}: the model was trained with {value}; leave it out, or "
                "train another"
            )
    if styles.keys() & options.model_fields_set:
        pictures = tuple(kept_size(load_image(path)) for path in options.styles)
        if not model.shows(pictures):
            raise UsageError(
                f"the model was trained with other paintings, {', '.join(model.names)}; leave the "
                "styles out, or train another"
            )
    own = {name: getattr(theirs, name) for name in learned}
    own["max_side"] = options.max_side or model.training.side
    return options.model_copy(update=own | styles)


def passage_frames(clip: Clip, options: Options, clock: Clock) -> range:
    """The frames of the passage, half open."""
    start, end = 0, clip.times.frames
    if options.start is not None:
        start = clip.times.frame_at(moment("start", options.start, clock))
    if options.end is not None and options.end != END:  # which is the last frame's start
        # What begins before it: a frame that is held, or that others are lost after, is whole.
        seconds = moment("end", options.end, clock)
        end = bisect_left(clip.times.begins, seconds - 1 / (2 * clip.times.fps))
    if start >= end:
        first = options.start.shown if options.start else "start"
        last = options.end.shown if options.end else "end"
        raise UsageError(
            f"{clip.path}: no frame lies between {first} and {last}; "
            f"the clip lasts {float(clip.times.duration):.3f} s"
        )
    return range(start, end)
