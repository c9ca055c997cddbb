"""Envelopes and onsets of made-up sounds, whose loudness and hits are known."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mnst_video.timeline.envelope import Sound, envelope, onsets
from mnst_video.timeline.reaction import Reaction

RATE = 22050
# 120 bpm, and a little off the grid of the analysis.
HITS = [0.5 + 0.5 * i + 0.0037 * i for i in range(12)]


def seconds(length):
    return np.arange(int(length * RATE)) / RATE


def sound(samples, start=0.0):
    return Sound(np.asarray(samples, np.float32), RATE, start)


def hits(frequency, decay, noise=0.0, at=HITS, length=7.0):
    """Bursts of a decaying tone, over noise."""
    t = seconds(length)
    samples = noise * np.random.default_rng(0).standard_normal(len(t))
    for begin in at:
        after = t >= begin
        samples[after] += np.sin(2 * np.pi * frequency * (t[after] - begin)) * np.exp(
            -(t[after] - begin) / decay
        )
    return sound(0.7 * samples)


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.03])
@pytest.mark.parametrize(
    ("frequency", "decay"), [(1000, 0.01), (80, 0.08), (60, 0.15), (5000, 0.01)]
)
def test_onsets_fall_within_15_ms_of_the_hits(frequency, decay, noise):
    found, strengths = onsets(hits(frequency, decay, noise))
    found = found[found > 0.1]  # the noise itself begins at 0
    assert len(found) == len(HITS)
    assert np.abs(found - HITS).max() < 0.015
    assert abs(float(np.mean(found - HITS))) < 0.006  # not all early, nor all late
    assert strengths.min() > 0.0


def test_onsets_of_a_band_are_those_of_that_band():
    low, high = hits(70, 0.08, at=[1.0, 3.0]), hits(3000, 0.01, at=[2.0, 4.0])
    both = sound(low.samples + high.samples)
    assert onsets(both, (20.0, 150.0))[0] == pytest.approx([1.0, 3.0], abs=0.015)
    assert onsets(both, (2000.0, 5000.0))[0] == pytest.approx([2.0, 4.0], abs=0.015)


def test_onsets_are_on_the_clock_of_the_clip():
    early = onsets(hits(1000, 0.01))[0]
    late = onsets(Sound(hits(1000, 0.01).samples, RATE, 2.5))[0]
    np.testing.assert_allclose(late, early + 2.5)


@pytest.mark.parametrize("samples", [[], np.zeros(100), np.zeros(RATE), np.full(RATE, 1e-9)])
def test_silence_has_no_onset_and_no_envelope(samples):
    found, strengths = onsets(sound(samples))
    assert len(found) == len(strengths) == 0
    for kind in ("rms", "onset"):
        assert envelope(Reaction(kind, 1.0), sound(samples), (), [0.0, 0.5]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("frequency", [40, 440, 5000])
@pytest.mark.parametrize("length", [5.0, 5.005, 5.011])
def test_a_steady_tone_has_no_onset_but_its_beginning(frequency, length):
    found = onsets(sound(np.sin(2 * np.pi * frequency * seconds(length))))[0]
    assert np.all(found < 0.1)


def test_a_long_sound_is_analysed_in_blocks_without_seams():
    """Ten times as many windows as one block holds would need; onsets stay where they are."""
    at = [i + 0.25 for i in range(80)]
    found = onsets(hits(1000, 0.01, at=at, length=81.0))[0]
    assert len(found) == len(at)
    assert np.abs(found - at).max() < 0.015


@pytest.mark.parametrize("kind", ["rms", "onset"])
def test_the_dither_of_16_bits_is_silence(kind):
    dither = np.random.default_rng(0).triangular(-1.0, 0.0, 1.0, 5 * RATE).round() / 32768
    assert not envelope(Reaction(kind, 1.0), sound(dither), (), np.linspace(0, 5, 99)).any()


@pytest.mark.parametrize("kind", ["rms", "onset"])
def test_a_band_above_all_that_is_heard_is_silent(kind):
    noise = sound(0.1 * np.random.default_rng(0).standard_normal(2 * RATE))
    reaction = Reaction(kind, 1.0, band=(12000.0, 16000.0))
    assert not envelope(reaction, noise, (), np.linspace(0, 2, 99)).any()


@pytest.mark.parametrize("kind", ["rms", "onset"])
def test_a_long_sound_needs_little_memory(kind):
    """Nothing is held that grows with the sound, but for a few numbers a window."""
    long = sound(np.random.default_rng(0).standard_normal(RATE * 120))
    tracemalloc.start()
    try:
        envelope(Reaction(kind, 1.0), long, (), [1.0])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6


SLOW = Reaction("rms", 1.0, attack=0.0, release=0.0, percentile=100.0)


def test_rms_is_the_root_mean_square():
    """A tone of half the amplitude has half the envelope, and none after it ends."""
    t = seconds(6.0)
    levels = np.where(t < 2.0, 1.0, np.where(t < 4.0, 0.5, 0.0))
    found = envelope(SLOW, sound(levels * np.sin(2 * np.pi * 441 * t)), (), [1.0, 3.0, 5.0])
    assert found == pytest.approx([1.0, 0.5, 0.0], abs=0.005)


def test_rms_against_the_samples_themselves():
    """By Parseval's theorem, the loudness of the windowed samples."""
    noise = np.random.default_rng(1).standard_normal(RATE) * np.linspace(0.1, 1.0, RATE)
    n = np.arange(4, 80)
    window = np.hanning(1025)[:-1]
    pieces = np.stack([noise[i * 256 - 512 : i * 256 + 512] for i in n]) * window
    direct = np.sqrt((pieces**2).mean(axis=1) / (window**2).mean())
    found = envelope(SLOW, sound(noise), (), n * 256 / RATE)
    np.testing.assert_allclose(found / found[0], direct / direct[0], rtol=1e-5)


def test_rms_of_a_band_hears_only_that_band():
    t = seconds(4.0)
    mixed = np.where(t < 2.0, np.sin(2 * np.pi * 80 * t), np.sin(2 * np.pi * 3000 * t))
    for band, expected in (((20.0, 150.0), [1.0, 0.0]), ((2000.0, 4000.0), [0.0, 1.0])):
        reaction = Reaction("rms", 1.0, band=band, attack=0.0, release=0.0)
        assert envelope(reaction, sound(mixed), (), [1.0, 3.0]) == pytest.approx(expected, abs=0.02)


def test_attack_and_release_are_time_constants():
    """After one time constant a step has 1 - 1/e of its height, or 1/e is left."""
    t = seconds(6.0)
    step = sound(np.where((t >= 1.0) & (t < 3.0), 1.0, 0.0) * np.sin(2 * np.pi * 441 * t))
    reaction = Reaction("rms", 1.0, attack=0.3, release=0.5)
    found = envelope(reaction, step, (), [1.3, 2.95, 3.5])
    assert found == pytest.approx([1 - 1 / math.e, 1.0, 1 / math.e], abs=0.03)


def test_a_few_hits_in_silence_do_not_raise_the_noise():
    t = seconds(30.0)
    samples = 1e-4 * np.random.default_rng(0).standard_normal(len(t))
    samples[RATE * 10 : RATE * 10 + 2000] += 0.9 * np.sin(2 * np.pi * 441 * t[:2000])
    found = envelope(Reaction("rms", 1.0), sound(samples), (), [5.0, 10.05, 20.0])
    assert found[1] > 0.9
    assert found[[0, 2]].max() < 0.01


def test_a_beat_rises_and_falls():
    reaction = Reaction("beat", 1.0, attack=0.1, release=0.2)
    times = [0.95, 1.0, 1.05, 1.1, 1.3, 1.5]
    expected = [0.0, 0.0, 0.5, 1.0, 1 / math.e, 1 / math.e**2]
    assert envelope(reaction, None, [1.0], times) == pytest.approx(expected, abs=1e-9)
    sharp = Reaction("beat", 1.0, attack=0.0, release=0.2)
    assert envelope(sharp, None, [1.0], [0.999, 1.0, 1.2]) == pytest.approx([0, 1, 1 / math.e])


@pytest.mark.parametrize(("attack", "release"), [(60.0, 1e-3), (60.0, 5e-324), (0.0, 0.0)])
def test_extreme_times_overflow_nothing(attack, release):
    reaction = Reaction("beat", 1.0, attack=attack, release=release)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = envelope(reaction, None, [0.0], [0.0, attack / 2, attack, attack + 1.0])
    rising = [0.0, 0.5] if attack else [1.0, 1.0]
    assert found == pytest.approx([*rising, 1.0, 0.0])


def test_events_do_not_add_up():
    reaction = Reaction("beat", 1.0, attack=0.0, release=10.0)
    found = envelope(reaction, None, [0.0, 0.1, 0.2], np.linspace(0, 1, 50))
    assert found.max() <= 1.0
    assert found[5] > 0.98


def test_onsets_move_the_envelope_when_they_come():
    reaction = Reaction("onset", 1.0, attack=0.0, release=0.05)
    clicks = hits(1000, 0.01)
    at = np.array(HITS)
    after = envelope(reaction, clicks, (), at + 0.016)
    before = envelope(reaction, clicks, (), at - 0.016)
    assert after.min() > 0.4
    assert before.max() < 0.01


@pytest.mark.parametrize("kind", ["rms", "onset"])
def test_sound_is_needed_where_it_is(kind):
    with pytest.raises(ValueError, match=f"{kind}:1 needs a sound"):
        envelope(Reaction(kind, 1.0), None, (), [0.0])


@given(
    st.sampled_from(["rms", "onset", "beat"]),
    st.lists(st.floats(0, 5), max_size=5),
    st.floats(0, 2),
    st.floats(0, 2),
    st.lists(st.floats(-5, 10), min_size=1, max_size=8),
)
def test_an_envelope_stays_between_0_and_1(kind, at, attack, release, times):
    reaction = Reaction(kind, 1.0, attack=attack, release=release)
    found = envelope(reaction, hits(500, 0.05, at=at, length=2.0), sorted(at), times)
    assert found.shape == (len(times),)
    assert found.min() >= 0.0
    assert found.max() <= 1.0


# Texts

durations = st.floats(0, 60)
reactions = st.one_of(
    st.builds(
        Reaction,
        st.sampled_from(["rms", "onset"]),
        st.floats(-10, 10),
        st.one_of(
            st.none(),
            st.tuples(st.floats(0, 1000), st.floats(1001, 11000)),
        ),
        durations,
        durations,
        st.floats(0.1, 100),
    ),
    st.builds(Reaction, st.just("beat"), st.floats(-10, 10), st.none(), durations, durations),
)


@given(reactions)
def test_what_is_printed_is_read_again(reaction):
    assert Reaction.parse(str(reaction)) == reaction


def test_a_negative_zero_is_printed_as_zero():
    reaction = Reaction("rms", -0.0, (-0.0, 100.0))
    assert str(reaction) == "rms:0[band=0-100]"
    assert Reaction.parse(str(reaction)) == reaction


@pytest.mark.parametrize(
    ("text", "reaction"),
    [
        ("rms:0.3", Reaction("rms", 0.3)),
        (" onset : -0.5 ", Reaction("onset", -0.5)),
        ("beat:.25[]", Reaction("beat", 0.25)),
        ("beat:1[release=0.3,]", Reaction("beat", 1.0, release=0.3)),
        ("rms:0.3[band=20-150]", Reaction("rms", 0.3, (20.0, 150.0))),
        ("rms:0.3[band=20-150Hz, release=250ms]", Reaction("rms", 0.3, (20.0, 150.0), 0.0, 0.25)),
        (
            "rms:1[attack=0.5s,release=2,percentile=95]",
            Reaction("rms", 1.0, None, 0.5, 2.0, 95.0),
        ),
    ],
)
def test_texts_of_reactions(text, reaction):
    assert Reaction.parse(text) == reaction


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "nothing is given: write KIND:AMOUNT"),
        (" \n", "nothing is given: write KIND:AMOUNT"),
        (":0.3", "there is no reaction :0.3; there are rms, onset, beat"),
        ("rms:1\n2", "1 2 is not a number"),
        ("rms:0.3[ba\nnd=1-2]", "rms has no option ba nd; did you mean band?"),
        ("rms", "rms lacks its amount: write rms:0.3"),
        ("rms:", "rms lacks its amount"),
        ("rms:loud", "loud is not a number: write rms:0.3"),
        ("rms:nan", "an amount is a number from -10 to 10"),
        ("rms:11", "an amount is a number from -10 to 10, not 11"),
        ("onsets:0.5", "there is no reaction onsets; did you mean onset?"),
        ("bass:0.5", "there is no reaction bass"),
        ("RMS:0.5", "there is no reaction RMS; did you mean rms?"),
        ("rms:0.3[band=20-150", "write KIND:AMOUNT"),
        ("rms:0.3[bnad=20-150]", "rms has no option bnad; did you mean band?"),
        ("rms:0.3[volume=3]", "rms has no option volume; there are band, attack"),
        ("rms:0.3[band]", "band is given once, with a value: band=20-150"),
        ("rms:0.3[band=20]", "band=20 is not right: write band=20-150"),
        ("rms:0.3[band=150-20]", "from a lower to a higher frequency"),
        ("rms:0.3[release=soon]", "release=soon is not right: write release=250ms"),
        ("rms:0.3[release=-1]", "attack and release last 0 to 60 seconds"),
        ("rms:0.3[release=nan]", "attack and release last 0 to 60 seconds"),
        ("rms:0.3[percentile=0]", "a percentile is above 0"),
        ("rms:0.3[attack=1,attack=2]", "attack is given once"),
        ("beat:0.3[band=20-150]", "beat takes attack and release alone"),
    ],
)
def test_what_is_no_reaction_gets_advice(text, advice):
    with pytest.raises(ValueError, match=advice) as caught:
        Reaction.parse(text)
    assert "\n" not in str(caught.value)


def test_a_table_of_a_preset_is_a_reaction():
    read = TypeAdapter(Reaction).validate_python
    assert read({"kind": "rms", "amount": 0.3, "band": [20, 150]}) == Reaction(
        "rms", 0.3, (20, 150)
    )
    for wrong in (
        {"kind": "rms"},
        {"kind": "rms", "amount": 1, "colour": 3},
        {"kind": "x", "amount": 1},
    ):
        with pytest.raises(ValidationError):
            read(wrong)
