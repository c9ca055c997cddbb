"""How a sound moves a value while it is heard: the envelopes of `envelope`, without the future.

Loudness and onsets are measured alike; what counts as loud is that of the last seconds instead of
the whole sound, and an onset is known when its peak is over, a hop late.
"""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnst_video.timeline.envelope import (
    APART,
    HOP,
    MEAN_BEFORE,
    SILENT_FLUX,
    STANDS_OUT,
    WINDOW,
    bins,
    magnitudes,
    normalised,
    parseval,
    rises,
)
from mnst_video.timeline.reaction import Reaction

Array = NDArray[np.float64]

# The rate that the measures of `envelope` are for, in Hz; a sound of more is thinned to about that.
RATE = 22050
# Seconds that decide what is loud, and how loud, of 1, the loudest has to be to count as such: a
# microphone in a silent room is not silent.
MEMORY, LOUD = 10.0, 0.01


class Hearing:
    """What reactions add to a value, while samples come in.

    reactions: `rms` and `onset`; beats come from a tempo, not from a sound. rate: of the samples
    that will be heard, in Hz.
    """

    def __init__(self, reactions: Sequence[Reaction], rate: int) -> None:
        self._thin = max(1, round(rate / RATE))
        self._rate = rate // self._thin
        self._rest = np.zeros(0)
        self._heard = np.zeros(WINDOW)
        self._levels = np.zeros(WINDOW // 2 + 1)
        self._followers = [_Follower(reaction, self._rate) for reaction in reactions]

    def hear(self, samples: NDArray[np.float32]) -> None:
        """Listen to the next samples, float32, mono."""
        new = np.concatenate([self._rest, samples])
        whole = len(new) // (self._thin * HOP) * self._thin * HOP
        new, self._rest = new[:whole], new[whole:]
        for hop in new.reshape(-1, HOP, self._thin).mean(axis=2):
            self._heard = np.concatenate([self._heard[HOP:], hop])
            spectrum = magnitudes(self._heard[None])
            levels, flux = rises(spectrum, self._levels)
            self._levels = levels
            for follower in self._followers:
                follower.hear(spectrum[0], flux[0])

    @property
    def added(self) -> float:
        """What the reactions add now."""
        return sum(follower.reaction.amount * follower.level for follower in self._followers)


class _Follower:
    """The envelope of one reaction, 0..1, as it is now: `level`."""

    def __init__(self, reaction: Reaction, rate: int) -> None:
        self.reaction, self.level = reaction, 0.0
        self._inside = bins(rate, reaction.band)
        self._weights = parseval(len(self._inside), self._inside)
        self._step = HOP / rate
        self._past: deque[float] = deque(maxlen=max(1, round(MEMORY / self._step)))
        self._strengths: deque[tuple[int, float]] = deque()
        self._hop, self._last, self._event = 0, -APART, (math.inf, 0.0)

    def hear(self, spectrum: Array, flux: Array) -> None:
        """Go on by a hop. spectrum: magnitudes; flux: the rise of each frequency."""
        self._hop += 1
        if self.reaction.kind == "rms":
            self._past.append(math.sqrt(float((spectrum**2 * self._weights).sum())))
            past = np.array(self._past)
            wanted = normalised(past, self.reaction.percentile)[-1]
            wanted *= min(1.0, float(past.max()) / LOUD)
            time = self.reaction.attack if wanted > self.level else self.reaction.release
            self.level += (1.0 - math.exp(-self._step / time) if time else 1.0) * (
                float(wanted) - self.level
            )
            return
        self._past.append(float(flux[self._inside].sum()))
        if (strength := self._onset()) is not None:
            self._event = 0.0, max(strength, self.level)
        self.level = self._shape()

    def _onset(self) -> float | None:
        """The strength of an onset whose peak was the hop before, 0..1."""
        curve = np.array(self._past)
        strongest = float(curve.max())
        if len(curve) < 3 or strongest < SILENT_FLUX:
            return None
        before, peak, after = curve[-3:]
        mean = curve[-2 - MEAN_BEFORE : -1].mean()
        if not before <= peak > after or peak < mean + STANDS_OUT * strongest:
            return None
        if self._hop - self._last < APART:
            return None
        self._last = self._hop
        self._strengths.append((self._hop, float(peak)))
        while self._hop - self._strengths[0][0] > (self._past.maxlen or 0):
            self._strengths.popleft()
        known = np.array([strength for _, strength in self._strengths])
        return float(normalised(known, self.reaction.percentile)[-1])

    def _shape(self) -> float:
        """What the last event has left: a straight rise, then a fall."""
        since, strength = self._event
        self._event = since + self._step, strength
        attack, release = self.reaction.attack, self.reaction.release
        if math.isinf(since):
            return 0.0
        if since < attack:
            return strength * since / attack
        return strength * math.exp((attack - since) / max(release, 1e-9))
