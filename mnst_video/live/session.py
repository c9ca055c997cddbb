"""What is played, frame by frame, and how well that goes."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from mnst_video.live.feed import CameraFeed, ClipFeed, Due
from mnst_video.live.hand import Hand
from mnst_video.live.player import Begun, Player
from mnst_video.live.sinks import Sink

# Frames that the figures are a mean over.
RECENT = 60


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
