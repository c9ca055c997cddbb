"""The hand on the crossfader: what moves γ, who has it, and how it glides."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

# The way that a key or a notch of the wheel moves γ.
NOTCH = 0.05
# What is so near to where it glides to has arrived.
ARRIVED = 1e-4


@dataclass
class Hand:
    """γ as it is played: between the timeline and whoever moved it last.

    Until something moves it γ follows the timeline. A key, the wheel, MIDI and OSC take it from
    there, the latest movement before an earlier one, and keep it until `release`: what a mixing
    desk calls latch. Messages may come from any thread.

    glide: the seconds in which γ goes 63 % of its way to where it was put; 0 is at once.
    now: a clock, in seconds.
    """

    glide: float
    now: Callable[[], float]
    value: float | None = None
    held_by: str | None = None
    # When the oldest message came that no frame has shown yet.
    waiting_since: float | None = None
    _wanted: float = 0.0
    _last: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, value: float, source: str) -> None:
        """Put γ to a value; beyond 0..1 it is at the nearer end."""
        if not math.isfinite(value):
            return
        with self._lock:
            self._take(min(1.0, max(0.0, value)), source)

    def push(self, by: float, source: str) -> None:
        """Move γ by some way from where it was put last."""
        with self._lock:
            start = self._wanted if self.held_by else (self.value or 0.0)
            self._take(min(1.0, max(0.0, start + by)), source)

    def release(self) -> None:
        """Give γ back to the timeline."""
        with self._lock:
            self.held_by = None

    def _take(self, value: float, source: str) -> None:
        self._wanted, self.held_by = value, source
        if self.waiting_since is None:
            self.waiting_since = self.now()

    def next(self, timeline: float) -> tuple[float, float | None]:
        """γ of the next frame, and when the oldest message that it is the first to show came.

        timeline: where that has γ.
        """
        with self._lock:
            now = self.now()
            wanted = self._wanted if self.held_by else timeline
            # The timeline has its own course; to it, and with a hand, γ glides.
            if self.value is None or self.glide <= 0.0:
                self.value = wanted
            else:
                share = -math.expm1(-(now - self._last) / self.glide)
                self.value += share * (wanted - self.value)
                if abs(wanted - self.value) < ARRIVED:
                    self.value = wanted
            self._last = now
            since, self.waiting_since = self.waiting_since, None
            return self.value, since
