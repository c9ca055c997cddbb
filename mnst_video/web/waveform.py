"""The sound as the page draws it: its lowest and highest samples in equal parts of time."""

import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnst_video.errors import InputError
from mnst_video.media.input.sound import RATE, sound_blocks

# Samples of the finest part that is kept: an hour of sound is 5 MB.
FINEST = 32
# Each coarser level has this many parts of the finer one in one.
STEP = 8
# Seconds below which the samples themselves are read.
CLOSE = 4.0
# Parts that are sent at most.
MOST_BINS = 4096

Bins = NDArray[np.int8]


class Waveform:
    """The peaks of a sound, `(parts, 2)` in levels; the sound itself is not kept."""

    def __init__(self, path: Path, origin: Fraction) -> None:
        """origin: the second of the file that counts as 0. Nothing is read yet."""
        self.path, self.origin = path, origin
        self._levels: list[Bins] = []
        self._start = 0.0
        self._lock = threading.Lock()

    def _read(self) -> None:
        """Read all of the sound, a block at a time. Raises InputError."""
        pieces: list[tuple[int, Bins]] = []
        rest = np.zeros(0, np.float32)
        first: Fraction | None = None
        place = 0
        for start, samples in sound_blocks(self.path, origin=self.origin):
            first = start if first is None else first
            begins = round((start - first) * RATE)
            if begins > place + rest.size:  # a gap is silent
                pieces.append((place // FINEST, _peaks(rest, FINEST)))
                place, rest = begins, np.zeros(0, np.float32)
            rest = np.concatenate([rest, samples])
            if rest.size > RATE:
                whole = rest.size // FINEST * FINEST
                pieces.append((place // FINEST, _peaks(rest[:whole], FINEST)))
                place, rest = place + whole, rest[whole:]
        if rest.size:
            pieces.append((place // FINEST, _peaks(rest, FINEST)))
        if first is None:
            raise InputError(f"{self.path}: its sound cannot be decoded")
        size = max(at + len(peaks) for at, peaks in pieces)
        finest = np.zeros((size, 2), np.int8)
        for at, peaks in pieces:
            finest[at : at + len(peaks)] = peaks
        levels = [finest]
        while len(levels[-1]) > MOST_BINS:
            levels.append(_coarser(levels[-1]))
        self._start, self._levels = float(first), levels

    def peaks(self, start: float, end: float, count: int) -> Bins:
        """Lowest and highest of `count` equal parts of a time, `(count, 2)`, -127..127.

        Raises InputError where there is no sound.
        """
        with self._lock:
            if not self._levels:
                self._read()
        count = max(1, min(count, MOST_BINS))
        edges = np.linspace(start - self._start, end - self._start, count + 1)
        if end - start < CLOSE and (end - start) / count * RATE < FINEST:
            return self._close(start, end, count)
        width, level = (end - start) / count * RATE / FINEST, 0
        while width >= STEP and level + 1 < len(self._levels):
            width, level = width / STEP, level + 1
        bins = self._levels[level]
        places = edges * RATE / (FINEST * STEP**level)
        return _gathered(bins, places)

    def _close(self, start: float, end: float, count: int) -> Bins:
        """The same of few seconds, from the samples."""
        found = np.zeros((int((end - start) * RATE) + 2, 2), np.int8)
        for begins, samples in sound_blocks(
            self.path, origin=self.origin, start=max(Fraction(start) - 1, Fraction(0))
        ):
            at = round((float(begins) - start) * RATE)
            if at > len(found):
                break
            low, high = max(at, 0), min(at + samples.size, len(found))
            if low < high:
                part = _scaled(samples[low - at : high - at])
                found[low:high] = np.stack([part, part], axis=1)
        return _gathered(found, np.linspace(0.0, (end - start) * RATE, count + 1))


def _gathered(bins: Bins, places: NDArray[np.float64]) -> Bins:
    """The extremes of bins between places, of which each is in one bin at least."""
    low = np.floor(places[:-1]).astype(np.int64)
    high = np.maximum(np.ceil(places[1:]).astype(np.int64), low + 1)
    found = np.zeros((len(low), 2), np.int8)
    inside = np.flatnonzero((high > 0) & (low < len(bins)))
    for i in inside.tolist():
        part = bins[max(low[i], 0) : high[i]]
        found[i] = part[:, 0].min(), part[:, 1].max()
    return found


def _scaled(samples: NDArray[np.float32]) -> Bins:
    return np.asarray((np.nan_to_num(samples).clip(-1.0, 1.0) * 127.0).round(), np.int8)


def _peaks(samples: NDArray[np.float32], size: int) -> Bins:
    """The extremes of each `size` samples; the last ones may be fewer."""
    padded = np.pad(_scaled(samples), (0, -samples.size % size), mode="constant")
    parts = padded.reshape(-1, size)
    return np.stack([parts.min(axis=1), parts.max(axis=1)], axis=1)


def _coarser(bins: Bins) -> Bins:
    padded = np.pad(bins, ((0, -len(bins) % STEP), (0, 0)))
    parts = padded.reshape(-1, STEP, 2)
    return np.stack([parts[..., 0].min(axis=1), parts[..., 1].max(axis=1)], axis=1)
