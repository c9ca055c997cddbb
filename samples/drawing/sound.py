"""The clip's sound."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .common import BEAT, BPM, CUT, FPS, FRAMES, Array

AUDIO_RATE = 48000  # samples a second


def strike(length: float, decay: float) -> tuple[Array, Array]:
    """Give the times (n,) in seconds of a struck note, and its fading loudness (n,)."""
    time = np.arange(int(length * AUDIO_RATE)) / AUDIO_RATE
    return time, np.exp(-time / decay) * np.clip((length - time) / 0.01, 0, 1)


def kick(rng: np.random.Generator) -> Array:
    """Make a drum beat (n,) with a click at its very start."""
    time, loud = strike(0.30, 0.09)
    phase = 2 * np.pi * (48 * time + 110 * 0.025 * (1 - np.exp(-time / 0.025)))
    click = rng.standard_normal(time.size) * np.exp(-time / 0.002)
    return 0.9 * np.cos(phase) * loud + 0.25 * click


def hat(rng: np.random.Generator) -> Array:
    """Make a closed hi-hat (n,): a short burst of bright noise."""
    time, loud = strike(0.08, 0.018)
    return 0.22 * np.diff(rng.standard_normal(time.size + 2), 2) * loud / 2


def chord(notes: Sequence[int], length: float, decay: float) -> Array:
    """Make a soft chord (n,) of MIDI notes that lasts `length` seconds."""
    time, loud = strike(length, decay)
    attack = np.clip(time / 0.006, 0, 1)
    total = np.zeros_like(time)
    for note in notes:
        pitch = 2 * np.pi * 440 * 2 ** ((note - 69) / 12)
        for harmonic in range(1, 5):
            total += np.sin(pitch * harmonic * time) / harmonic**2
    return total * loud * attack / len(notes)


def make_sound(rng: np.random.Generator) -> NDArray[np.int16]:
    """Make the clip's sound (samples,): a drum on every beat from time 0, hats, bass and chords."""
    total = np.zeros(round(FRAMES / FPS * AUDIO_RATE))

    def add(beat: float, note: Array) -> None:
        start = round(beat * 60 / BPM * AUDIO_RATE)
        note = note[: max(0, total.size - start)]
        total[start : start + note.size] += note

    seconds = 60 / BPM  # per beat
    for beat in range(int(np.ceil(FRAMES / BEAT))):
        bar = ((57, 60, 64, 71), 33) if beat * BEAT < CUT else ((53, 60, 64, 69), 29)
        add(beat, kick(rng))
        add(beat + 0.5, hat(rng))
        add(beat + 0.75, 0.5 * hat(rng))
        add(beat + 0.5, 0.30 * chord((bar[1], bar[1] + 12), 0.45 * seconds, 0.2))
        if beat % 2 == 0:
            add(beat, 0.34 * chord(bar[0], 2 * seconds, 0.7))
    return np.round(0.8 * np.tanh(total) * 32767).astype(np.int16)
