"""`live`: a model is played, and what moves γ moves the picture."""

import contextlib
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np

from mnst_video.errors import MachineError, MnstError, UsageError
from mnst_video.live.feed import CameraFeed, ClipFeed, Due
from mnst_video.live.hand import Hand
from mnst_video.live.midi import Control, Knob, open_port
from mnst_video.live.osc import listening
from mnst_video.live.player import Begun, Player
from mnst_video.live.take import Record, Take, recording
from mnst_video.live.window import Window
from mnst_video.media.clip import Clip
from mnst_video.media.files import check_target
from mnst_video.media.frames import Frame, working_size
from mnst_video.media.output.checks import check_output
from mnst_video.model.file import load_model
from mnst_video.options import Options
from mnst_video.painting.machine import prepare_machine
from mnst_video.plan.setup import passage_frames, with_model
from mnst_video.plan.source import clip_of, needed_sound
from mnst_video.timeline.gamma import Course, course_of

# The longer side of what is played, where none is given.
SIDE = 640
# Frames a second of a camera's take, whose frames come as they come.
CAMERA_FPS = Fraction(30)
# Frames that the figures are a mean over.
RECENT = 60


@dataclass(frozen=True)
class Controls:
    """What moves γ, and where it goes.

    midi: a part of a port's name; control: None learns. osc: address and port.
    glide: seconds, see `Hand`. raw: RGB bytes of each frame go to standard output.
    virtual_camera: other programs see a camera.
    """

    midi: str | None = None
    control: Control | None = None
    osc: tuple[str, int] | None = None
    glide: float = 0.0
    window: bool = True
    raw: bool = False
    virtual_camera: bool = False


@dataclass
class Figures:
    """What was played. latencies: from a message to the first frame that shows it, in frames and
    in seconds."""

    frames: int = 0
    dropped: int = 0
    seconds: float = 0.0
    latencies: list[tuple[int, float]] = field(default_factory=list)
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


def live(
    source: str,
    options: Options,
    controls: Controls,
    *,
    record: Path | None = None,
    save_gamma: Path | None = None,
    loop: bool = True,
    overwrite: bool = False,
) -> Figures:
    """Play a clip, or a camera (`camera:0`), with the model of the options.

    record: a clip of what was shown. save_gamma: the course of γ, as a preset. With either a clip
    plays once. Raises UsageError, InputError or MachineError.
    """
    path = options.model
    if path is None:
        raise UsageError("give --model FILE, which mnst-video train makes")
    sources = (path, *([Path(source)] if not _is_camera(source) else []))
    if save_gamma is not None:
        check_target(save_gamma, sources, overwrite)
    model = load_model(path)
    options = with_model(options, model)
    device, dtype = prepare_machine(options.machine)
    side = options.max_side or SIDE
    once = not loop or record is not None or save_gamma is not None
    feed, course, fps = _open(source, options, side, once)
    if record is not None:
        check_output(record, sources, overwrite, options.encoder, fps)
    hand = Hand(controls.glide, time.monotonic)
    player, take = Player(model, device, dtype), Take(len(model.paintings))
    first = feed.frames.start if isinstance(feed, ClipFeed) else 0

    def timeline(due: Due) -> float:
        if course is None:
            return 0.5
        value = course.values[min(due.number, len(course.values) - 1)]
        return (value - 1.0) / (course.styles - 1) if course.positions else value

    def taken(_: Frame, due: Due, place: float, __: str) -> bool:
        take.places[due.number - first] = place
        return True

    with contextlib.ExitStack() as stack:
        sinks: list[Sink] = [taken] if save_gamma else []
        if record is not None:
            to_record = stack.enter_context(recording(record, fps, feed.size))
            sinks.append(_recorded(to_record, first))
        if controls.raw:
            sinks.append(_raw)
        if controls.virtual_camera:
            sinks.append(stack.enter_context(_virtual_camera(feed.size, float(fps))))
        if controls.window:
            window = Window(hand)
            stack.callback(window.close)
            sinks.append(lambda picture, _, __, words: window.show(picture, words))
        session = Session(feed, player, hand, timeline, sinks)
        if controls.midi is not None:
            knob = Knob(controls.control)
            port = open_port(controls.midi, lambda message: _heard(knob, message, hand))
            stack.callback(port.close)
        if controls.osc is not None:
            stack.enter_context(listening(controls.osc, hand, session.status))
        stack.enter_context(feed)
        problem: MnstError | None = None
        try:
            figures = session.run()
        except KeyboardInterrupt:  # as good an end as any
            figures = session.ended()
        except MnstError as error:  # a camera that was unplugged: what was played is kept
            figures, problem = session.ended(), error
    if save_gamma is not None and take.places:
        take.save(save_gamma, path)
    if problem is not None:
        raise problem
    return figures


def _is_camera(source: str) -> bool:
    return source.startswith("camera:")


def _open(
    source: str, options: Options, side: int, once: bool
) -> tuple[ClipFeed | CameraFeed, Course | None, Fraction]:
    """The feed, the course of γ on it, and its rate."""
    if _is_camera(source):
        number = source.removeprefix("camera:")
        if not number.isdecimal():
            raise UsageError(f"{source}: write camera:0 for the first, camera:1 for the next")
        return CameraFeed(int(number), side), None, CAMERA_FPS
    clip: Clip = clip_of(Path(source), options.input)
    timeline = options.timeline
    sound = needed_sound(timeline, options.audio, clip)
    times = clip.times
    course = course_of(timeline, times.begins, times.fps, sound, times.duration)
    frames = passage_frames(clip, options, course.clock)
    size = working_size(clip.width, clip.height, side)
    return ClipFeed(clip, size, frames, not once), course, times.fps


def _heard(knob: Knob, message: object, hand: Hand) -> None:
    if (value := knob.read(message)) is not None:
        hand.put(value, "MIDI")


def _recorded(record: Record, first: int) -> Sink:
    def write(picture: Frame, due: Due, _: float, __: str) -> bool:
        record.add(due.number - first, picture)
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
