"""`live`: a model is played, and what moves γ moves the picture."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mnst_video.errors import MnstError, UsageError
from mnst_video.live.feed import CAMERA_FPS, CameraFeed, ClipFeed, Due
from mnst_video.live.hand import Hand
from mnst_video.live.loudspeaker import sounding
from mnst_video.live.microphone import Microphone
from mnst_video.live.midi import Control, Knob, open_port
from mnst_video.live.osc import listening
from mnst_video.live.player import Player
from mnst_video.live.session import Figures, Session
from mnst_video.live.sinks import Sink, raw, records, virtual_camera
from mnst_video.live.source import is_camera, open_source
from mnst_video.live.take import Kept, Take
from mnst_video.live.window import Window
from mnst_video.media.frames import Frame
from mnst_video.model.file import load_model
from mnst_video.options import Options
from mnst_video.painting.machine import prepare_machine
from mnst_video.plan.setup import with_model
from mnst_video.timeline.gamma import Course
from mnst_video.timeline.reaction import Reaction


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
        beats = tuple(one for one in options.react if one.kind == "beat")
        options = options.model_copy(update={"react": beats})
    once = not loop or kept.record is not None or kept.save_gamma is not None
    feed, course = open_source(source, options, once=once, whole=kept.input is not None)
    sources = (path,) if is_camera(source) else (path, Path(source))
    kept.check(sources, feed.clip if isinstance(feed, ClipFeed) else CAMERA_FPS)
    hand, take = Hand(controls.glide, time.monotonic), Take(len(model.paintings))
    player = Player(model, device, dtype)
    problem: MnstError | None = None
    with contextlib.ExitStack() as stack:
        context = _microphone(controls.mic, reactions, kept.record is not None)
        microphone = stack.enter_context(context)
        sinks = stack.enter_context(records(kept, feed, options.audio, microphone))
        # After the records: what it heard is whole before a record gets it.
        if microphone is not None:
            stack.enter_context(microphone)
        if kept.save_gamma is not None:
            sinks.append(_into(take))
        sinks += stack.enter_context(_shown(controls, hand, feed))
        session = Session(feed, player, hand, _timeline(course, microphone), sinks)
        stack.enter_context(_controlled(controls, session))
        if controls.sound:
            stack.enter_context(_sound(source, session, options.audio))
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


@contextlib.contextmanager
def _microphone(
    name: str | None, reactions: list[Reaction], keep: bool
) -> Iterator[Microphone | None]:
    """The microphone that is asked for, not yet open, with a file for what it hears."""
    if name is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Microphone(name, reactions, Path(folder) / "mic.wav" if keep else None)


def _timeline(course: Course, microphone: Microphone | None) -> Callable[[Due], float]:
    """Where γ is while nobody holds it, 0..1 over all paintings."""

    def place(due: Due) -> float:
        value = course.values[min(due.number, len(course.values) - 1)]
        place = (value - 1.0) / (course.styles - 1) if course.positions else value
        return min(1.0, max(0.0, place + (microphone.added if microphone else 0.0)))

    return place


def _into(take: Take) -> Sink:
    def note(_: Frame, due: Due, place: float, __: str) -> bool:
        take.places[due.number] = place
        return True

    return note


@contextlib.contextmanager
def _shown(controls: Controls, hand: Hand, feed: ClipFeed | CameraFeed) -> Iterator[list[Sink]]:
    """Sinks of those who see it now."""
    sinks: list[Sink] = [raw] if controls.raw else []
    with contextlib.ExitStack() as stack:
        if controls.virtual_camera:
            rate = feed.clip.times.fps if isinstance(feed, ClipFeed) else CAMERA_FPS
            sinks.append(stack.enter_context(virtual_camera(feed.size, float(rate))))
        if controls.window:
            window = Window(hand)
            stack.callback(window.close)
            sinks.append(lambda picture, _, __, words: window.show(picture, words))
        yield sinks


@contextlib.contextmanager
def _controlled(controls: Controls, session: Session) -> Iterator[None]:
    """MIDI and OSC are heard while the context lasts."""
    with contextlib.ExitStack() as stack:
        if controls.midi is not None:
            knob = Knob(controls.control)
            port = open_port(controls.midi, lambda message: _heard(knob, message, session.hand))
            stack.callback(port.close)
        if controls.osc is not None:
            stack.enter_context(listening(controls.osc, session.hand, session.status))
        yield


def _sound(
    source: str, session: Session, audio: Path | None
) -> contextlib.AbstractContextManager[None]:
    """The clip is heard while the context lasts, as late as its picture is."""
    feed = session.feed
    if not isinstance(feed, ClipFeed):
        raise UsageError(f"--sound: {source} has none")
    passage = feed.clip.times.span(feed.frames)
    return sounding(feed.clip, audio, passage, lambda now: feed.second(now - session.lag))


def _heard(knob: Knob, message: object, hand: Hand) -> None:
    if (value := knob.read(message)) is not None:
        hand.put(value, "MIDI")


def _passage(options: Options) -> dict[str, str]:
    """The options that say which part of a clip was played."""
    parts = {name: getattr(options, name) for name in ("start", "end")}
    return {name: str(value) for name, value in parts.items() if value is not None}
