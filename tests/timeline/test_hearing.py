"""What is heard as it comes, against the envelopes of the whole sound."""

import numpy as np
import pytest

from mnst_video.timeline.envelope import HOP, Sound, envelope, onsets
from mnst_video.timeline.hearing import MEMORY, Hearing
from mnst_video.timeline.reaction import Reaction

RATE = 22050


def levels(reaction, samples, rate=RATE, block=HOP):
    """What a reaction adds after each block."""
    hearing = Hearing([Reaction.parse(reaction)], rate)
    found = []
    for start in range(0, len(samples) - block + 1, block):
        hearing.hear(samples[start : start + block].astype(np.float32))
        found.append(hearing.added)
    return np.array(found)


def tones(seconds, rate=RATE):
    """A tone of 440 Hz whose loudness changes four times a second, loudest at the beginning."""
    rng = np.random.default_rng(3)
    loud = np.concatenate([[0.9], rng.uniform(0.0, 0.6, 4 * seconds - 1)])
    time = np.arange(seconds * rate) / rate
    return np.repeat(loud, rate // 4 + 1)[: len(time)] * np.sin(2.0 * np.pi * 440.0 * time)


@pytest.mark.parametrize(
    "reaction", ["rms:1[percentile=100]", "rms:0.5[attack=30ms,release=0.3,band=300-600]"]
)
def test_loudness_is_that_of_the_whole_sound_two_hops_late(reaction):
    samples = tones(5)
    reaction = reaction.replace("]", ",percentile=100]") if "band" in reaction else reaction
    found = levels(reaction, samples)
    parsed = Reaction.parse(reaction)
    moments = np.arange(len(found)) * HOP / RATE
    whole = parsed.amount * envelope(parsed, Sound(samples, RATE, 0.0), (), moments)
    # After k + 1 hops the newest window is centred on sample (k - 1) * HOP.
    np.testing.assert_allclose(found[200:], whole[199 : len(found) - 1], atol=1e-6)


def test_onsets_are_noticed_within_a_frame():
    samples = np.zeros(4 * RATE)
    rng = np.random.default_rng(1)
    hits = [0.5, 1.1, 1.9, 3.0]
    for hit in hits:
        at = int(hit * RATE)
        samples[at : at + 2000] += rng.normal(0, 0.3, 2000) * np.exp(-np.arange(2000) / 300)
    assert len(onsets(Sound(samples, RATE, 0.0))[0]) == len(hits)
    found = levels("onset:1[release=50ms]", samples)
    jumps = np.flatnonzero(np.diff(found) > 0.4) + 2  # blocks that had been heard by then
    np.testing.assert_allclose(jumps * HOP / RATE, hits, atol=0.06)
    assert found.max() <= 1.0


def test_a_louder_sound_is_thinned():
    """At 44.1 kHz a sound does what it does at half of that."""
    found = levels("rms:1[percentile=100]", tones(3, 44100), 44100, 2 * HOP)
    wanted = levels("rms:1[percentile=100]", tones(3))
    assert np.abs(found - wanted[: len(found)])[100:].mean() < 0.03


def test_a_silent_room_is_silent():
    rng = np.random.default_rng(0)
    room = rng.normal(0.0, 0.0003, 12 * RATE)
    assert levels("rms:1", room).max() < 0.05
    assert levels("onset:1", np.zeros(RATE)).max() == 0.0


def test_what_was_loud_is_forgotten():
    samples = np.concatenate([tones(1), 0.1 * tones(int(MEMORY) + 2)])
    found = levels("rms:1[percentile=100]", samples)
    assert found[int(2.0 * RATE / HOP)] < 0.1
    assert found[-400:].max() > 0.5


def test_blocks_of_any_length_are_heard_alike():
    samples = tones(2)
    hearing = Hearing([Reaction.parse("rms:1"), Reaction.parse("onset:-0.5")], RATE)
    cuts = np.sort(np.random.default_rng(0).integers(0, len(samples), 30))
    for part in np.split(samples.astype(np.float32), cuts):
        hearing.hear(part)
    other = Hearing([Reaction.parse("rms:1"), Reaction.parse("onset:-0.5")], RATE)
    other.hear(samples.astype(np.float32))
    assert hearing.added == pytest.approx(other.added)
