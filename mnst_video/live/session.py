"""`live`: a model is played, and what moves γ moves the picture."""

import contextlib
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np

from mnst_video.errors import MachineError, MnstError, UsageError
from mnst_video.live.feed import CAMERA_FPS, CameraFeed, ClipFeed, Due
from mnst_video.live.hand import Hand
from mnst_video.live.loudspeaker import sounding
from mnst_video.live.microphone import Microphone
from mnst_video.live.midi import Control, Knob, open_port
from mnst_video.live.osc import listening
from mnst_video.live.player import Begun, Player
from mnst_video.live.take import Record, Take, recording
from mnst_video.live.window import Window
from mnst_video.media.clip import Clip
from mnst_video.media.files import check_target
from mnst_video.media.frames import Frame, working_size
from mnst_video.media.input.sound import sound_codecs
from mnst_video.media.output.checks import check_output
from mnst_video.media.output.containers import EncoderSettings
from mnst_video.media.output.dub import dub_with
from mnst_video.media.output.soundtrack import Soundtrack
from mnst_video.model.file import load_model
from mnst_video.options import Options
from mnst_video.painting.machine import prepare_machine
from mnst_video.plan.setup import passage_frames, with_model
from mnst_video.plan.source import clip_of, needed_sound
from mnst_video.timeline.gamma import Course, course_of
from mnst_video.timeline.keys import Timeline
from mnst_video.timeline.reaction import Reaction

# The longer side of what is played, where none is given.
SIDE = 640
# Frames that the figures are a mean over.
RECENT = 60


@dataclass(frozen=True)
class Controls:
    """What moves γ, and where it goes.

    midi: a part of a port's name; control: None learns. osc: address and port. mic: a part of the
        name of a sound input, or "default": what the options' reactions to sound hear. sound: that
        of the clip is played.
    glide: seconds, see `Hand`. raw: RGB bytes of each frame go to standard output.
    virtual_camera: other programs see a camera.
    """

    midi: str | None = None
    control: Control | None = None
    osc: tuple[str, int] | None = None
    mic: str | None = None
    sound: bool = False
    glide: float = 0.0
    window: bool = True
    raw: bool = False
    virtual_camera: bool = False


@dataclass
class Figures:
    """What was played. latencies: from a message to the first frame that shows it, in frames and
    in seconds. lags: the seconds from when the last frames were due until they were shown."""

    frames: int = 0
    dropped: int = 0
    seconds: float = 0.0
    latencies: list[tuple[int, float]] = field(default_factory=list)
    lags: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    recent: list[float] = field(default_factory=list)

    @property
    def fps(self) -> float:
        """Of the last frames."""
        if len(self.recent) < 2:
            return 0.0
        return (len(self.recent) - 1) / max(1e-9, self.recent[-1] - self.recent[0])

    @property
    def latency(self) -> float:
        """The median of the last ones, in milliseconds; 0 where none is known."""
        last = [seconds for _, seconds in self.latencies[-RECENT:]]
        return 1000.0 * median(last) if last else 0.0


@dataclass(frozen=True)
class _Begun:
    """A frame that is being painted: γ, since when a message waits, how many were shown before."""

    due: Due
    place: float
    since: float | None
    shown_before: int
    begun: Begun


# Takes a picture, its frame, γ, and words on it; False ends it all.
Sink = Callable[[Frame, Due, float, str], bool]


class Session:
    """What is played, step by step: call `step` for each frame until it says that it is over."""

    def __init__(
        self,
        feed: ClipFeed | CameraFeed,
        player: Player,
        hand: Hand,
        timeline: Callable[[Due], float],
        sinks: list[Sink],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.feed, self.player, self.hand = feed, player, hand
        self.timeline, self.sinks, self.now = timeline, sinks, now
        self.figures, self._begun = Figures(), now()
        # How late the picture is, in seconds; read by the thread that plays the sound.
        self.lag = 0.0
        self._begun_frames: deque[_Begun] = deque()

    @property
    def words(self) -> str:
        """What a person wants to know at a glance."""
        value, figures = self.hand.value or 0.0, self.figures
        held = self.hand.held_by or "timeline"
        delay = f"  {figures.latency:.0f} ms" if figures.latency else ""
        return f"gamma {value:.3f} ({held})  {figures.fps:.0f} fps{delay}"

    def status(self) -> list[float]:
        """γ, frames a second, latency in ms, and frames dropped: what `/status` answers."""
        figures = self.figures
        return [self.hand.value or 0.0, figures.fps, figures.latency, float(figures.dropped)]

    def step(self) -> bool:
        """Play the next frame; False after the last, or where a sink has enough."""
        due = self.feed.next()
        if due is not None:
            place, since = self.hand.next(self.timeline(due))
            begun = self.player.begin(due.frame, place)
            self._begun_frames.append(_Begun(due, place, since, self.figures.frames, begun))
            if len(self._begun_frames) < self.player.at_once:
                return True
        if not self._begun_frames:
            return False
        now = self._begun_frames.popleft()
        picture = self.player.end(now.begun)
        goes_on = [sink(picture, now.due, now.place, self.words) for sink in self.sinks]
        shown, figures = self.now(), self.figures
        figures.frames += 1
        figures.dropped += now.due.dropped
        figures.recent = [*figures.recent[-RECENT:], shown]
        figures.lags.append(shown - now.due.at)
        self.lag = median(figures.lags)
        if now.since is not None:
            frames = figures.frames - now.shown_before
            figures.latencies.append((frames, shown - now.since))
        return all(goes_on)

    def run(self) -> Figures:
        """Play to the end."""
        while self.step():
            pass
        return self.ended()

    def ended(self) -> Figures:
        """What was played until now."""
        self.figures.seconds = self.now() - self._begun
        return self.figures


@dataclass(frozen=True)
class Kept:
    """What is kept of a session, each as a file or not at all.

    record: a clip of what was shown. save_gamma: the course of γ, as a preset. input: a clip of
    what a camera gave. Only in place of what was there before where `overwrite` says so.
    """

    record: Path | None = None
    save_gamma: Path | None = None
    input: Path | None = None
    overwrite: bool = False

    def check(self, sources: Sequence[Path], source: Clip | Fraction) -> None:
        """Raise UsageError where a file cannot or must not be written."""
        for path in filter(None, (self.record, self.input)):
            check_output(path, sources, self.overwrite, EncoderSettings(), source)
        if self.save_gamma is not None:
            check_target(self.save_gamma, sources, self.overwrite)
        paths = [p for p in (self.record, self.save_gamma, self.input) if p is not None]
        if len({path.resolve() for path in paths}) < len(paths):
            raise UsageError("the files that are kept of a session need names of their own")


def live(
    source: str,
    options: Options,
    controls: Controls,
    kept: Kept | None = None,
    *,
    loop: bool = True,
) -> Figures:
    """Play a clip, or a camera (`camera:0`), with the model of the options.

    A clip of which something is kept plays once. Raises UsageError, InputError or MachineError.
    """
    path, kept = options.model, kept or Kept()
    if path is None:
        raise UsageError("give --model FILE, which mnst-video train makes")
    model = load_model(path)
    options = with_model(options, model)
    device, dtype = prepare_machine(options.machine)
    reactions = _heard_reactions(options, controls.mic)
    if controls.mic is not None:
        beats = [one for one in options.react if one.kind == "beat"]
        options = options.model_copy(update={"react": tuple(beats)})
    once = not loop or kept.record is not None or kept.save_gamma is not None
    camera = source.startswith("camera:")
    feed, course = _camera(source, options, kept) if camera else _clip(source, options, once)
    sources = (path,) if camera else (path, Path(source))
    kept.check(sources, feed.clip if isinstance(feed, ClipFeed) else CAMERA_FPS)
    hand = Hand(controls.glide, time.monotonic)
    player, take = Player(model, device, dtype), Take(len(model.paintings))

    def taken(_: Frame, due: Due, place: float, __: str) -> bool:
        take.places[due.number] = place
        return True

    problem: MnstError | None = None
    with contextlib.ExitStack() as stack:
        microphone: Microphone | None = None
        if controls.mic is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            wanted = kept.record is not None and camera
            microphone = Microphone(controls.mic, reactions, folder / "mic.wav" if wanted else None)
        records = stack.enter_context(_records(kept, feed, options, microphone))
        if microphone is not None:
            stack.enter_context(microphone)
        sinks: list[Sink] = [*records, *([taken] if kept.save_gamma else [])]
        if controls.raw:
            sinks.append(_raw)
        if controls.virtual_camera:
            rate = CAMERA_FPS if isinstance(feed, CameraFeed) else feed.clip.times.fps
            sinks.append(stack.enter_context(_virtual_camera(feed.size, float(rate))))
        if controls.window:
            window = Window(hand)
            stack.callback(window.close)
            sinks.append(lambda picture, _, __, words: window.show(picture, words))

        def timeline(due: Due) -> float:
            value = course.values[min(due.number, len(course.values) - 1)]
            place = (value - 1.0) / (course.styles - 1) if course.positions else value
            return min(1.0, max(0.0, place + (microphone.added if microphone else 0.0)))

        session = Session(feed, player, hand, timeline, sinks)
        if controls.midi is not None:
            knob = Knob(controls.control)
            port = open_port(controls.midi, lambda message: _heard(knob, message, hand))
            stack.callback(port.close)
        if controls.osc is not None:
            stack.enter_context(listening(controls.osc, hand, session.status))
        if controls.sound:
            if not isinstance(feed, ClipFeed):
                raise UsageError(f"--sound: {source} has none")
            passage = feed.clip.times.span(feed.frames)
            shown = feed.second
            context = sounding(
                feed.clip, options.audio, passage, lambda moment: shown(moment - session.lag)
            )
            stack.enter_context(context)
        player.warm_up(feed.size)
        stack.enter_context(feed)
        try:
            figures = session.run()
        except KeyboardInterrupt:  # as good an end as any
            figures = session.ended()
        except MnstError as error:  # a camera that was unplugged: what was played is kept
            figures, problem = session.ended(), error
    if kept.save_gamma is not None and take.places:
        take.save(kept.save_gamma, path, _passage(options))
    if problem is not None:
        raise problem
    return figures


def _heard_reactions(options: Options, mic: str | None) -> list[Reaction]:
    """The reactions to sound, which a microphone hears. Raises UsageError where there are none."""
    reactions = [one for one in options.react if one.kind != "beat"]
    if mic is not None and not reactions:
        raise UsageError("--mic: say what the sound does: --react rms:0.5, or --react onset:0.5")
    if mic is not None and options.bpm == "auto":
        raise UsageError("--bpm auto: beats are found in a clip's sound, not in a microphone's")
    return reactions


def _clip(source: str, options: Options, once: bool) -> tuple[ClipFeed, Course]:
    clip = clip_of(Path(source), options.input)
    timeline = options.timeline
    sound = needed_sound(timeline, options.audio, clip)
    times = clip.times
    course = course_of(timeline, times.begins, times.fps, sound, times.duration)
    frames = passage_frames(clip, options, course.clock)
    size = working_size(clip.width, clip.height, options.max_side or SIDE)
    return ClipFeed(clip, size, frames, not once), course


def _camera(source: str, options: Options, kept: Kept) -> tuple[CameraFeed, Course]:
    """A camera, and γ where it rests: the first key's, or the middle."""
    number = source.removeprefix("camera:")
    if not number.isdecimal():
        raise UsageError(f"{source}: write camera:0 for the first, camera:1 for the next")
    if options.react:
        raise UsageError(f"react = {options.react[0]}: a camera has no sound and no beats; --mic")
    for name in ("start", "end", "audio"):
        if getattr(options, name) is not None:
            raise UsageError(f"{name}: is for clips, not for a camera")
    timeline = options.timeline
    if timeline.gamma is None and timeline.position is None:
        if timeline.styles == 2:
            timeline = replace(timeline, gamma=Timeline.constant(0.5))
        else:
            timeline = replace(timeline, position=Timeline.constant((1 + timeline.styles) / 2))
    course = course_of(timeline, (Fraction(0),), CAMERA_FPS, None)
    side = options.max_side or SIDE
    return CameraFeed(int(number), side, kept.input is not None), course


def _passage(options: Options) -> dict[str, str]:
    """The options that say which part of a clip was played."""
    parts = {name: getattr(options, name) for name in ("start", "end")}
    return {name: str(value) for name, value in parts.items() if value is not None}


@contextlib.contextmanager
def _records(
    kept: Kept, feed: ClipFeed | CameraFeed, options: Options, microphone: Microphone | None
) -> Iterator[list[Sink]]:
    """Sinks that write the clips that are kept; a camera's record has what a microphone kept."""
    sinks: list[Sink] = []
    with contextlib.ExitStack() as stack:
        if kept.record is not None and isinstance(feed, ClipFeed):
            audio = options.audio
            sound = Soundtrack(audio, sound_codecs(audio)) if audio is not None else None
            context = recording(kept.record, feed.clip, feed.size, feed.frames, sound)
            sinks.append(_recorded(stack.enter_context(context)))
        elif kept.record is not None:
            record = stack.enter_context(recording(kept.record, CAMERA_FPS, feed.size))
            sinks.append(_recorded(record))
        if kept.input is not None:
            if not isinstance(feed, CameraFeed):
                raise UsageError("--record-input: is for a camera; a clip is there already")
            given = stack.enter_context(recording(kept.input, CAMERA_FPS, feed.whole_size))
            sinks.append(_given(given))
        yield sinks
    if kept.record is None or microphone is None or microphone.kept is None:
        return
    if isinstance(feed, CameraFeed) and feed.begun is not None and microphone.begun is not None:
        dub_with(kept.record, microphone.kept, max(0.0, feed.begun - microphone.begun))


def _heard(knob: Knob, message: object, hand: Hand) -> None:
    if (value := knob.read(message)) is not None:
        hand.put(value, "MIDI")


def _recorded(record: Record) -> Sink:
    def write(picture: Frame, due: Due, _: float, __: str) -> bool:
        record.add(due.number, picture)
        return True

    return write


def _given(record: Record) -> Sink:
    def write(_: Frame, due: Due, __: float, ___: str) -> bool:
        assert due.whole is not None
        record.add(due.number, due.whole)
        return True

    return write


def _raw(picture: Frame, _: Due, __: float, ___: str) -> bool:
    """RGB, 8 bits, row by row, to standard output; False where nobody reads it any more."""
    try:
        sys.stdout.buffer.write(np.ascontiguousarray(picture).data)
        sys.stdout.buffer.flush()
    except (BrokenPipeError, ValueError):
        return False
    return True


@contextlib.contextmanager
def _virtual_camera(size: tuple[int, int], fps: float) -> Iterator[Sink]:
    """A camera that other programs see. Raises MachineError."""
    try:
        import pyvirtualcam
    except ImportError:
        raise MachineError(
            'a virtual camera needs pyvirtualcam: pip install "mnst-video[live]"'
        ) from None
    try:
        camera = pyvirtualcam.Camera(width=size[0], height=size[1], fps=fps)
    except RuntimeError as error:
        raise MachineError(f"--virtual-camera: this machine has none ({error})") from None
    with camera:

        def send(picture: Frame, _: Due, __: float, ___: str) -> bool:
            camera.send(np.ascontiguousarray(picture))
            return True

        yield send
