"""Sound from files: what is heard when."""

import struct
import sys
import warnings
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mnst_video.errors import InputError, MachineError
from mnst_video.media.input import sound as audio
from mnst_video.media.input.probe import probe
from mnst_video.media.input.sound import RATE, read_sound, sound_codecs
from mnst_video.timeline.beats import detect_beats
from mnst_video.timeline.envelope import Sound, onsets

SAMPLE = Path(__file__).parents[3] / "samples" / "clip.mp4"
# A 1 kHz click of 10 ms at 1 s and at 2 s.
CLICKS = "aevalsrc='if(between(t,1,1.01)+between(t,2,2.01),0.9*sin(2*PI*1000*t),0)':d=3:s=44100"


@pytest.fixture
def music(ffmpeg, tmp_path):
    def make(name, *options):
        path = tmp_path / name
        ffmpeg("-f", "lavfi", "-i", CLICKS, *options, f"file:{path}")
        return path

    return make


def first_click(sound):
    """Seconds of the first loud sample."""
    return float(np.flatnonzero(np.abs(sound.samples) > 0.3)[0] / sound.rate + sound.start)


@pytest.mark.parametrize(
    ("name", "options", "codec"),
    [
        ("a.wav", (), "pcm_s16le"),
        ("b.wav", ("-ar", "48000", "-ac", "2"), "pcm_s16le"),
        ("c.wav", ("-ar", "8000"), "pcm_s16le"),
        ("a.mp3", (), "mp3"),
        ("a.flac", (), "flac"),
        ("a.m4a", ("-c:a", "aac"), "aac"),
        ("a.ogg", ("-c:a", "libvorbis"), "vorbis"),
        ("a.mkv", ("-c:a", "aac"), "aac"),
        ("b.mkv", ("-c:a", "libopus"), "opus"),
        ("a.mov", ("-c:a", "aac"), "aac"),
        ("a.aiff", (), "pcm_s16be"),
    ],
)
def test_a_click_is_heard_when_it_is(music, name, options, codec):
    path = music(name, *options)
    assert sound_codecs(path) == (codec,)
    sound = read_sound(path, origin=Fraction(0))
    assert sound.rate == RATE
    assert sound.samples.dtype == np.float32
    assert len(sound.samples) / RATE == pytest.approx(3.0, abs=0.05)
    assert first_click(sound) == pytest.approx(1.0, abs=0.005)
    assert onsets(sound)[0] == pytest.approx([1.0, 2.0], abs=0.015)


def test_the_origin_is_0(music):
    sound = read_sound(music("a.wav"), origin=Fraction(3, 4))
    assert sound.start == -0.75
    assert first_click(sound) == pytest.approx(0.25, abs=0.001)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("late", ["sound", "picture"])
def test_sound_and_picture_that_begin_apart_stay_apart(ffmpeg, tmp_path, name, late):
    path = tmp_path / name
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=3")
    inputs = [("-itsoffset", "0.5"), picture, (), ("-f", "lavfi", "-i", CLICKS)]
    if late == "sound":
        inputs[0], inputs[2] = inputs[2], inputs[0]
    ffmpeg(*(word for part in inputs for word in part), "-c:v", "libx264", "-c:a", "aac", path)
    info = probe(path)
    click = first_click(read_sound(path, origin=info.start))
    assert click == pytest.approx(1.5 if late == "sound" else 0.5, abs=0.005)


def test_damaged_sound_is_read_as_far_as_it_goes(music):
    """Silent where it is damaged; what comes later keeps its time, as packets have theirs."""
    path = music("a.mp4", "-c:a", "mp3", "-b:a", "128k")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1500] = bytes(1500)
    path.write_bytes(data)
    sound = read_sound(path, origin=Fraction(0))
    assert first_click(sound) == pytest.approx(1.0, abs=0.005)
    assert len(sound.samples) / RATE > 2.5
    loud = np.flatnonzero(np.abs(sound.samples) > 0.3) / RATE + sound.start
    assert loud.max() == pytest.approx(2.01, abs=0.005)


def test_what_has_no_sound_says_so(tmp_path, make_clip, music):
    cases = {
        make_clip(audio=False): "there is no sound in this file",
        tmp_path / "none.wav": "there is no such file",
        tmp_path: "this is a folder",
    }
    text = tmp_path / "text.wav"
    text.write_text("la la la\n" * 50)
    script = tmp_path / "script.wav"
    script.write_text(f"ffconcat version 1.0\nfile {music('a.wav')}\n")
    cases |= {text: "its sound cannot be read", script: "its sound cannot be read"}
    for path, message in cases.items():
        for read in (sound_codecs, lambda p: read_sound(p, origin=Fraction(0))):
            with pytest.raises(InputError, match=message) as caught:
                read(path)
            assert str(path) in str(caught.value)


def wav(path, samples, before=b""):
    """A WAV file of float32 samples at `RATE`, with other chunks before them."""
    data = np.asarray(samples, "<f4").tobytes()
    kind = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, RATE, 4 * RATE, 4, 32)
    body = b"WAVE" + kind + before + struct.pack("<4sI", b"data", len(data)) + data
    path.write_bytes(struct.pack("<4sI", b"RIFF", len(body)) + body)
    return path


def test_tags_that_are_not_utf_8_do_no_harm(tmp_path):
    title = struct.pack("<4s4sI", b"INFO", b"INAM", 4) + "Café".encode("latin-1")
    tags = struct.pack("<4sI", b"LIST", len(title)) + title
    path = wav(tmp_path / "tagged.wav", np.full(RATE, 0.5), before=tags)
    assert sound_codecs(path) == ("pcm_f32le",)
    assert len(read_sound(path, origin=Fraction(0)).samples) == RATE


def test_samples_that_are_no_numbers_are_silent(tmp_path):
    samples = np.full(RATE, 0.5)
    samples[[1000, 2000, 3000]] = np.nan, np.inf, -np.inf
    sound = read_sound(wav(tmp_path / "odd.wav", samples), origin=Fraction(0))
    assert np.isfinite(sound.samples).all()
    assert np.abs(sound.samples).max() == pytest.approx(0.5, abs=1e-3)
    assert (sound.samples == 0.0).sum() < 500


def test_a_rate_and_a_layout_that_change_midway_keep_the_time(music, tmp_path):
    parts = [music("a.mp2", "-ar", "48000", "-ac", "2"), music("b.mp2", "-ar", "32000", "-ac", "1")]
    path = tmp_path / "both.mp3"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    sound = read_sound(path, origin=Fraction(0))
    assert onsets(sound)[0] == pytest.approx([1.0, 2.0, 4.0, 5.0], abs=0.03)


def test_a_timestamp_that_cannot_be_is_refused(music):
    """Rather than hours of silence held in memory."""
    jump = "asetpts='if(gt(T,2),PTS+30000*SR,PTS)'"
    path = music("far.mkv", "-af", jump, "-c:a", "aac")
    with pytest.raises(InputError, match="damaged timestamps; convert it to WAV"):
        read_sound(path, origin=Fraction(0))


def test_an_unknown_codec_is_refused(music):
    path = music("a.mkv", "-c:a", "libopus")
    path.write_bytes(path.read_bytes().replace(b"A_OPUS", b"A_XPUS"))
    with pytest.raises(InputError, match="of an unknown kind"):
        sound_codecs(path)
    with pytest.raises(InputError, match="cannot be decoded"):
        read_sound(path, origin=Fraction(0))


def test_without_librosa_beats_are_refused_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa.beat", None)
    with pytest.raises(MachineError, match=r"pip install 'mnst-video\[beats\]', or give the tempo"):
        detect_beats(Sound(np.zeros(RATE, np.float32), RATE, 0.0))


@pytest.mark.parametrize("bpm", [90, 120, 140])
def test_beats_are_not_late(bpm):
    """On drums at known times; 23 ms of librosa's own delay would show."""
    pytest.importorskip("librosa")
    since = (np.arange(15 * RATE) / RATE) % (60 / bpm)
    low = np.sin(2 * np.pi * 80 * since) * np.exp(-since / 0.08)
    high = np.sin(2 * np.pi * 1000 * since) * np.exp(-since / 0.01)
    beats = np.array(detect_beats(Sound((0.6 * low + 0.3 * high).astype(np.float32), RATE, 0.0)))
    off = (beats + 30 / bpm) % (60 / bpm) - 30 / bpm
    assert abs(float(np.median(off))) < 0.012


@pytest.mark.parametrize("length", [0, 1, 2000, RATE])
def test_too_short_a_sound_has_no_beats(length):
    pytest.importorskip("librosa")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match="give --bpm as a number"):
            detect_beats(Sound(np.ones(length, np.float32), RATE, 0.0))


def test_an_error_of_the_reader_ends_the_sound_there(music, monkeypatch):
    """PyAV's IndexError where a stream has appeared late; what came before is kept."""

    class Stumbling:
        def __init__(self, container):
            self.container = container

        def __getattr__(self, name):
            return getattr(self.container, name)

        def demux(self, stream):
            yield from islice(self.container.demux(stream), 60)
            raise IndexError("list index out of range")

    @contextmanager
    def stumble(path):
        with unhindered(path) as container:
            yield Stumbling(container)

    unhindered = audio._open
    monkeypatch.setattr(audio, "_open", stumble)
    sound = read_sound(music("a.mp3"), origin=Fraction(0))
    assert first_click(sound) == pytest.approx(1.0, abs=0.005)
    assert 1.2 < len(sound.samples) / RATE < 2.0


def test_the_beats_of_the_sample():
    """It has 120 of them a minute."""
    pytest.importorskip("librosa")
    sound = read_sound(SAMPLE, origin=Fraction(0))
    long = Sound(np.tile(sound.samples[: 3 * RATE], 4), RATE, 0.5)
    beats = np.array(detect_beats(long))
    assert np.median(np.diff(beats)) == pytest.approx(0.5, abs=0.03)
    off = (beats - 0.5 + 0.25) % 0.5 - 0.25
    assert np.abs(off).max() < 0.06
    with pytest.raises(InputError, match="give --bpm as a number"):
        detect_beats(Sound(np.zeros(5 * RATE, np.float32), RATE, 0.0))
