"""How a sound moves a value: loudness, onsets and beats as envelopes over time, each 0..1.

Onsets are peaks of the spectral flux (Dixon, "Onset Detection Revisited", DAFx 2006, section 2) of
log-compressed magnitudes (Böck, Krebs and Schedl, "Evaluating the Online Capabilities of Onset
Detection Methods", ISMIR 2012, section 2).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnst_video.timeline.reaction import Reaction

Array = NDArray[np.float64]

# Samples of a window, 46 ms at 22050 Hz, and between two of them.
WINDOW, HOP = 1024, 256
# Windows that are transformed at once.
BLOCK = 512

# Peak picking, in hops of 12 ms: a peak is the greatest of its neighbours, stands out from the mean
# around it by a share of the strongest, and keeps its distance from the one before.
PEAK_NEIGHBOURS, MEAN_BEFORE, MEAN_AFTER, APART = 3, 10, 5, 4
STANDS_OUT = 0.1
# A flux below this is that of silence, or of the dither of 16 bits, of which it is 0.01.
SILENT_FLUX = 0.05
# Samples from the middle of the window where the flux peaks to the onset itself, measured.
ONSETS_LATE = 110


@dataclass(frozen=True)
class Sound:
    """samples: float32, mono. rate: Hz. start: seconds from a clip's first frame to the first."""

    samples: NDArray[np.float32]
    rate: int
    start: float


def envelope(
    reaction: Reaction, sound: Sound | None, beats: Sequence[float], times: Sequence[float]
) -> Array:
    """The envelope, 0..1, of shape `(len(times),)`; times in seconds from the first frame,
    increasing.

    beats: seconds of the beats, for `beat`, which needs no sound; the others do, and raise
    ValueError without one.
    """
    moments = np.asarray(times, dtype=np.float64)
    if reaction.kind == "beat":
        return _events(reaction, np.asarray(beats, np.float64), np.ones(len(beats)), moments)
    if sound is None:
        raise ValueError(f"{reaction} needs a sound")
    if reaction.kind == "onset":
        found, strengths = onsets(sound, reaction.band)
        return _events(reaction, found, normalised(strengths, reaction.percentile), moments)
    powers = [
        (block**2 * parseval(block.shape[1], bins(sound.rate, reaction.band))).sum(axis=1)
        for block in _spectra(sound)
    ]
    loudness = np.sqrt(np.concatenate(powers)) if powers else np.zeros(0)
    followed = _follow(normalised(loudness, reaction.percentile), reaction, HOP / sound.rate)
    if not followed.size:
        return np.zeros(len(moments))
    places = sound.start + np.arange(len(followed)) * HOP / sound.rate
    return np.interp(moments, places, followed, left=0.0, right=0.0)


def onsets(sound: Sound, band: tuple[float, float] | None = None) -> tuple[Array, Array]:
    """Times, in seconds from the first frame, at which something begins to sound, and how much.

    Only frequencies within `band`, in Hz, count. Strengths are above 0, without a unit.
    """
    inside = bins(sound.rate, band)
    flux: list[Array] = []
    last = np.zeros(WINDOW // 2 + 1)
    for block in _spectra(sound):
        last, rise = rises(block, last)
        flux.append(rise[:, inside].sum(axis=1))
    curve = np.concatenate(flux) if flux else np.zeros(0)
    # Where a window passes the end, what breaks off there would look like a hit.
    curve = curve[: max((len(sound.samples) - WINDOW // 2) // HOP + 1, 0)]
    strongest = float(curve.max(initial=0.0))
    if strongest < SILENT_FLUX:
        return np.zeros(0), np.zeros(0)
    found: list[int] = []
    for n in np.flatnonzero(curve > STANDS_OUT * strongest):
        neighbours = curve[max(n - PEAK_NEIGHBOURS, 0) : n + PEAK_NEIGHBOURS + 1]
        around = curve[max(n - MEAN_BEFORE, 0) : n + MEAN_AFTER + 1]
        stands_out = curve[n] >= around.mean() + STANDS_OUT * strongest
        if curve[n] == neighbours.max() and stands_out and (not found or n - found[-1] >= APART):
            found.append(int(n))
    places = np.array(found, dtype=np.int64)
    return sound.start + (places * HOP + ONSETS_LATE) / sound.rate, curve[places]


def _spectra(sound: Sound) -> Iterator[Array]:
    """Magnitudes `(windows, WINDOW // 2 + 1)`, 1 for a sine of amplitude 1, in blocks.

    Window n is centred on sample n * HOP.
    """
    count, windows = len(sound.samples), len(sound.samples) // HOP + 1
    for start in range(0, windows, BLOCK):
        first = start * HOP - WINDOW // 2
        last = (min(start + BLOCK, windows) - 1) * HOP + WINDOW // 2
        part = np.pad(sound.samples[max(first, 0) : last], (max(-first, 0), max(last - count, 0)))
        views = np.lib.stride_tricks.sliding_window_view(part, WINDOW)[::HOP]
        yield magnitudes(views)


def magnitudes(samples: NDArray[np.floating[Any]]) -> Array:
    """The spectra of windows, `(windows, WINDOW)`; 1 for a sine of amplitude 1."""
    window = np.hanning(WINDOW + 1)[:-1]
    return np.abs(np.fft.rfft(samples * window)) * (2.0 / float(window.sum()))


def rises(spectra: Array, last: Array) -> tuple[Array, Array]:
    """The levels of the last of some spectra, and how much each rose over the one before.

    last: the levels before the first.
    """
    levels = np.log1p(20.0 * spectra)
    return levels[-1], np.diff(levels, axis=0, prepend=last[None]).clip(0.0)


def bins(rate: int, band: tuple[float, float] | None) -> NDArray[np.bool_]:
    """Which frequencies of a spectrum lie in a band: at least one, unless all lie below it."""
    frequencies = np.fft.rfftfreq(WINDOW, 1.0 / rate)
    if band is None:
        return np.ones(len(frequencies), dtype=bool)
    inside = (frequencies >= band[0]) & (frequencies <= band[1])
    if not inside.any() and band[0] < frequencies[-1]:
        inside[np.abs(frequencies - sum(band) / 2.0).argmin()] = True
    return inside


def parseval(count: int, inside: NDArray[np.bool_]) -> Array:
    """The weight of each squared magnitude in the mean square of the signal."""
    window = np.hanning(WINDOW + 1)[:-1]
    weights = np.full(count, 2.0)  # each but the first and last stands for two frequencies
    weights[[0, -1]] = 1.0
    scale = float(window.sum() / 2.0) ** 2 / (WINDOW * float((window**2).sum()))
    return weights * inside * scale


def normalised(values: Array, percentile: float) -> Array:
    """Values over their percentile, at most 1."""
    loudest = float(values.max(initial=0.0))
    if loudest < 1e-4:  # -80 dB: silence, or the dither of 16 bits
        return np.zeros_like(values)
    # Not by less than a tenth of the greatest: a few hits in silence would raise the noise.
    return (values / max(float(np.percentile(values, percentile)), 0.1 * loudest)).clip(0.0, 1.0)


def _follow(values: Array, reaction: Reaction, step: float) -> Array:
    """The values with their rises and falls slowed down by a one-pole filter."""
    rise, fall = (
        1.0 - math.exp(-step / t) if t > 0.0 else 1.0 for t in (reaction.attack, reaction.release)
    )
    followed, level = np.empty_like(values), 0.0
    for index, value in enumerate(values.tolist()):
        level += (rise if value > level else fall) * (value - level)
        followed[index] = level
    return followed


def _events(reaction: Reaction, events: Array, strengths: Array, times: Array) -> Array:
    """At each time the greatest of what the events before it have left: a rise, then a fall.

    An event begins at the first of the times from it on, so that even a short one is seen.
    """
    result = np.zeros(len(times))
    for event, strength in zip(events.tolist(), strengths.tolist(), strict=True):
        first = int(np.searchsorted(times, event))
        last = int(np.searchsorted(times, event + reaction.reach, side="right"))
        begins = times[first] if 0 < first < len(times) else event
        since = times[first:last] - begins
        fall = np.exp((reaction.attack - since).clip(max=0.0) / max(reaction.release, 1e-9))
        shape = np.where(since < reaction.attack, since / max(reaction.attack, 1e-9), fall)
        result[first:last] = np.maximum(result[first:last], strength * shape)
    return result
