"""Clips: exact rates, right colours, the sound kept, and nothing half-written."""

import dataclasses
import os
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from mnst_video.errors import InputError, MachineError, UsageError
from mnst_video.media import ffmpeg as ffmpeg_module
from mnst_video.media.clip import Passage
from mnst_video.media.input import decode, near
from mnst_video.media.input import stream as stream_module
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.near import read_near
from mnst_video.media.input.probe import probe
from mnst_video.media.output.containers import EncoderSettings
from mnst_video.media.output.encode import open_encoder
from mnst_video.plan.source import check_whole

ASKED = {field.name for field in dataclasses.fields(EncoderSettings)}


def encode(source, output, frames=None, **settings):
    """Encode `frames` (default: those of the source) with the source's sound; what came out."""
    info = probe(source)
    size = (info.width, info.height)
    asked = EncoderSettings(**{key: settings.pop(key) for key in ASKED & settings.keys()})
    with open_encoder(output, info, size, asked=asked, **settings) as write:
        for frame in read_frames(info, *size) if frames is None else frames:
            write(frame)
    return probe(output)


def put(output, info, frames):
    """Encode frames of 64 x 48 pixels with the sound of a clip."""
    with open_encoder(output, info, (64, 48)) as write:
        for frame in frames:
            write(frame)


BLACK = np.zeros((48, 64, 3), np.uint8)


def streams(path):
    """Of each kind of stream its first second and its length, in seconds."""
    with av.open(str(path)) as container:
        return {
            s.type: (float(s.start_time * s.time_base), float(s.duration * s.time_base))
            for s in container.streams
        }


def sound(path):
    """The first sound track as samples in -1..1, and its rate; later starts are padded."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        blank = np.zeros(round(float(frames[0].time) * stream.rate))
        return np.concatenate([blank, *(f.to_ndarray()[0] for f in frames)]), stream.rate


def sound_packets(path):
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def started(monkeypatch):
    """The processes that the encoder starts."""
    processes = []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **settings):
            super().__init__(*arguments, **settings)
            processes.append(self)

    monkeypatch.setattr(ffmpeg_module.subprocess, "Popen", Recorded)
    return processes


# Rates and frames


@pytest.mark.parametrize("frames", [1, 2, 25])
def test_the_rate_is_exact_after_a_round_trip(tmp_path, make_clip, frames):
    source = make_clip(fps="30000/1001", frames=frames)
    assert probe(source).times.fps == Fraction(30000, 1001)
    written = encode(source, tmp_path / "out.mp4")
    assert (written.times.fps, written.times.frames) == (Fraction(30000, 1001), frames)


@pytest.mark.parametrize("fps", ["24000/1001", "25", "60000/1001", "15", "12", "120"])
def test_every_usual_rate_is_exact_after_a_round_trip(tmp_path, make_clip, fps):
    source = make_clip(fps=fps, frames=10)
    assert (probe(source).times.fps, probe(source).notes) == (Fraction(fps), ())
    assert encode(source, tmp_path / "out.mp4").times.fps == Fraction(fps)


@pytest.mark.parametrize("fps", ["24000/1001", "30000/1001", "60000/1001", "25"])
@pytest.mark.parametrize("frames", [1, 2, 25])
def test_matroskas_milliseconds_give_the_exact_rate(make_clip, fps, frames):
    info = probe(make_clip("clip.mkv", fps=fps, frames=frames))
    assert (info.times.fps, info.times.frames, info.notes) == (Fraction(fps), frames, ())


def test_an_unusual_rate_is_kept(tmp_path, make_clip):
    source = make_clip(fps="17", frames=10)
    assert encode(source, tmp_path / "out.mp4").times.fps == 17


def test_avi_without_presentation_times_is_read(make_clip):
    info = probe(make_clip("clip.avi", frames=7, extra=("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")))
    assert (info.times.fps, info.times.frames) == (24, 7)


def test_a_varying_rate_becomes_that_of_the_median_interval_and_is_said(make_clip):
    late = ("-vf", "setpts='N/24/TB+gt(N,5)*0.25/TB'", "-fps_mode", "passthrough")
    info = probe(make_clip(frames=12, audio=False, extra=late))
    assert (info.times.fps, info.times.frames, info.times.numbers) == (24, 12, ())
    assert info.times.repeats == (1, 1, 1, 1, 1, 7, 1, 1, 1, 1, 1, 1)
    assert float(info.times.begins[6] - info.times.begins[5]) == pytest.approx(
        0.25 + 1 / 24, abs=0.002
    )
    assert info.times.duration == Fraction(18, 24)
    assert "varies" in info.notes[0]


def test_times_start_at_zero_and_the_duration_counts_the_last_frame(make_clip):
    info = probe(make_clip(fps="25", frames=5))
    assert info.times.begins == tuple(Fraction(i, 25) for i in range(5))
    assert info.times.duration == Fraction(1, 5)
    assert info.start == 0


def test_a_part_of_the_frames_is_that_part(make_clip):
    info = probe(make_clip(frames=8))
    frames = list(read_frames(info, 64, 48))
    part = list(read_frames(info, 64, 48, 3, 6))
    assert len(frames) == 8
    assert len(part) == 3
    assert all(np.array_equal(a, b) for a, b in zip(frames[3:6], part, strict=True))
    assert not np.array_equal(frames[3], frames[4])


def test_a_clip_trimmed_by_an_edit_list_has_the_frames_that_play(tmp_path, make_clip, ffmpeg):
    source = make_clip(frames=48, extra=("-g", "12", "-bf", "2"))
    ffmpeg("-ss", "0.7", "-i", source, "-c", "copy", tmp_path / "trimmed.mp4")
    info = probe(tmp_path / "trimmed.mp4")
    assert 29 <= info.times.frames <= 33  # 31 of 48, and not those before that are only decoded
    assert len(list(read_frames(info, 64, 48))) == info.times.frames
    assert (info.times.begins[0], info.times.fps, info.notes) == (0, 24, ())


# Some frames, in a time that does not grow with the clip

CONTAINERS = ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.mpg", "a.avi", "a.flv", "a.webm"]


@pytest.fixture
def with_keyframes(make_clip):
    """A clip of 40 frames in a container, with a keyframe at every tenth and reordered frames."""

    def make(name="a.mp4", extra=()):
        codecs = {
            "a.mpg": ("-c:v", "mpeg2video"),
            "a.avi": ("-c:v", "mpeg4"),
            "a.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"),
        }
        codec = codecs.get(name, ("-bf", 2, "-sc_threshold", 0))
        return make_clip(name, frames=40, fps="25", audio=False, extra=(*codec, "-g", 10, *extra))

    return make


@pytest.mark.parametrize("name", CONTAINERS)
def test_frames_near_keyframes_are_those_read_from_the_start(with_keyframes, name):
    info = probe(with_keyframes(name))
    assert info.times.keyframes == (0, 10, 20, 30)
    numbers = [0, 3, 3, 9, 10, 25, 39]
    found = read_near(info, numbers, 32, 24)
    assert [number for number, _ in found] == numbers
    whole = list(read_frames(info, 32, 24))
    for number, frame in found:
        assert np.abs(frame.astype(int) - whole[number]).max() <= 1, number


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_frames_near_keyframes_are_upright(tmp_path, make_clip, ffmpeg, degrees):
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", degrees, "-i", make_clip(), "-c", "copy", turned)
    info = probe(turned)
    ((_, frame),) = read_near(info, [4], info.width, info.height)
    whole = list(read_frames(info, info.width, info.height))
    assert np.abs(frame.astype(int) - whole[4]).mean() < 1


@pytest.mark.parametrize(
    ("frames", "chosen"),
    [(8, [0, 2, 10, 22, 22, 32]), (4, [0, 1, 10, 21, 30, 31]), (0, [0, 0, 10, 20, 30, 30])],
)
def test_what_is_far_from_keyframes_is_replaced(with_keyframes, monkeypatch, frames, chosen):
    """The frames that may be decoded are shared by four keyframes."""
    monkeypatch.setattr(near, "DECODED", frames * 64 * 48)
    info = probe(with_keyframes())
    found = read_near(info, [0, 4, 9, 23, 26, 34], 32, 24)
    assert [number for number, _ in found] == chosen


def test_a_clip_with_one_keyframe_has_its_first_frames(make_clip, monkeypatch):
    monkeypatch.setattr(near, "DECODED", 5 * 64 * 48)
    info = probe(make_clip(frames=30, extra=("-g", 999)))
    found = read_near(info, [0, 4, 29], 32, 24)
    assert [number for number, _ in found] == [0, 4, 5]


def test_frames_that_are_cut_off_are_told(with_keyframes):
    whole = with_keyframes(extra=("-movflags", "+faststart"))
    info = probe(whole)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert [number for number, _ in read_near(info, [0, 5], 32, 24)] == [0, 5]
    with pytest.raises(InputError, match=r"its frame at 1\.560 s cannot be decoded"):
        read_near(info, [0, 39], 32, 24)


@pytest.mark.parametrize("extra", [(), ("-movflags", "frag_keyframe+empty_moov")])
def test_a_quick_look_finds_what_a_thorough_one_does(with_keyframes, extra):
    clip = with_keyframes(extra=extra)
    quick, thorough = probe(clip, depth="index"), probe(clip)
    assert not quick.decoding.opencv  # its frames are not known to be all there
    decoding = dataclasses.replace(quick.decoding, opencv=thorough.decoding.opencv)
    assert dataclasses.replace(quick, decoding=decoding) == thorough


def test_a_quick_look_reads_only_the_index(with_keyframes, monkeypatch):
    monkeypatch.setattr(stream_module, "_read", lambda *_: pytest.fail("the packets were read"))
    assert probe(with_keyframes(), depth="index").times.frames == 40


def test_frames_are_read_at_the_size_asked_for(clip):
    frame = next(read_frames(probe(clip), 32, 20))
    assert (frame.shape, frame.dtype) == ((20, 32, 3), np.uint8)


# Colours and shapes

PATCHES = [
    *((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)),
    *((200, 120, 40), (30, 60, 90), (128, 128, 128), (0, 0, 0)),
]


def patches():
    frame = np.zeros((48, 64, 3), np.uint8)
    for i, color in enumerate(PATCHES):
        y, x = 24 * (i // 4), 16 * (i % 4)
        frame[y : y + 24, x : x + 16] = color
    return frame


def centres(frame):
    return [frame[24 * (i // 4) + 12, 16 * (i % 4) + 8].astype(int) for i in range(8)]


def test_colours_survive_encoding_and_decoding(tmp_path, clip, ffmpeg):
    out = tmp_path / "out.mp4"
    info = encode(clip, out, [patches()] * 3)
    raw = ffmpeg("-i", out, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    elsewhere = np.frombuffer(raw, np.uint8).reshape(3, 48, 64, 3)[1]
    ours = list(read_frames(info, 64, 48))[1]
    assert np.abs(np.subtract(centres(elsewhere), PATCHES)).max() <= 4
    assert np.abs(np.subtract(centres(ours), PATCHES)).max() <= 4


def test_the_index_comes_first_in_an_mp4(tmp_path, clip):
    encode(clip, tmp_path / "out.mp4")
    data = (tmp_path / "out.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_crf_decides_the_size_of_the_file(tmp_path, clip):
    encode(clip, tmp_path / "fine.mp4", crf=5)
    encode(clip, tmp_path / "coarse.mp4", crf=45)
    assert (tmp_path / "fine.mp4").stat().st_size > 1.2 * (tmp_path / "coarse.mp4").stat().st_size


def test_odd_sizes_are_padded(tmp_path, make_clip):
    source = make_clip(picture="testsrc", size=(65, 49), extra=("-pix_fmt", "yuv444p"))
    info = probe(source)
    assert (info.width, info.height) == (65, 49)
    picture = np.full((49, 65, 3), 90, np.uint8)
    picture[20:, 30:] = 180
    written = encode(source, tmp_path / "out.mp4", [picture] * 3)
    assert (written.width, written.height) == (66, 50)
    after = next(read_frames(written, 66, 50))[:49, :65].astype(int)
    assert np.abs(after - picture).mean() < 2  # neither scaled nor moved
    assert np.abs(after - picture)[[0, -1]].max() < 30  # and whole up to its edges
    assert np.abs(after - picture)[:, [0, -1]].max() < 30


@pytest.mark.parametrize("ratio", [Fraction(2, 3), Fraction(4, 3)])
def test_pixels_that_are_not_square_keep_the_shape_of_the_picture(tmp_path, make_clip, ratio):
    # A box of 24 rows, and of as many columns as make it square once pixels have their shape.
    box = f"drawbox=x=16:y=12:w={24 / ratio}:h=24:color=white:t=fill,setsar={ratio}"
    source = make_clip(picture="color=black", size=(72, 48), extra=("-vf", box))
    info = probe(source)
    assert (info.width, info.height) == (72 * ratio, 48)
    written = encode(source, tmp_path / "out.mp4")
    assert (written.width, written.height) == (72 * ratio, 48)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio in (None, 1)
    white = next(read_frames(written, 72 * ratio, 48))[..., 1] > 128
    assert white.any(axis=0).sum() == pytest.approx(white.any(axis=1).sum(), abs=2)
    assert white.any(axis=1).sum() == pytest.approx(24, abs=2)


@pytest.mark.parametrize("degrees", [90, -90, 180])
def test_a_turned_clip_comes_out_upright(tmp_path, make_clip, ffmpeg, degrees):
    turned = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", degrees, "-i", make_clip(), "-c", "copy", turned)
    info = probe(turned)
    size = (64, 48) if degrees == 180 else (48, 64)
    assert (info.width, info.height) == size
    raw = ffmpeg("-i", turned, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    right = np.frombuffer(raw, np.uint8).reshape(6, size[1], size[0], 3)
    ours = np.stack(list(read_frames(info, *size)))
    assert np.abs(ours.astype(int) - right).mean() < 3
    written = encode(turned, tmp_path / "out.mp4")
    assert (written.width, written.height) == size
    again = next(read_frames(written, *size))
    assert np.abs(again.astype(int) - right[0]).mean() < 12  # and is not turned once more


@pytest.mark.parametrize(
    ("coded", "upright"), [((72, 48), (48, 48)), ((48, 48), (48, 32)), ((48, 72), (72, 32))]
)
def test_a_turned_clip_with_pixels_that_are_not_square(tmp_path, make_clip, ffmpeg, coded, upright):
    turned = tmp_path / "turned.mp4"
    source = make_clip(size=coded, extra=("-vf", "setsar=2/3"))
    ffmpeg("-display_rotation", 90, "-i", source, "-c", "copy", turned)
    info = probe(turned)
    assert (info.width, info.height) == upright


# Sound


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.m4v"])
def test_aac_is_kept_bit_for_bit(tmp_path, clip, name):
    written = encode(clip, tmp_path / name)
    assert written.audio == ("aac",)
    assert len(sound_packets(clip)) > 5
    assert sound_packets(tmp_path / name) == sound_packets(clip)


def test_pcm_is_kept_in_mov_and_becomes_aac_in_mp4(tmp_path, make_clip):
    source = make_clip("clip.mov", frames=12, extra=("-c:a", "pcm_s16le"))
    assert probe(source).audio == ("pcm_s16le",)
    assert encode(source, tmp_path / "out.mov").audio == ("pcm_s16le",)
    assert b"".join(sound_packets(tmp_path / "out.mov")) == b"".join(sound_packets(source))
    assert encode(source, tmp_path / "out.mp4").audio == ("aac",)
    before, after = sound(source)[0] / 32768, sound(tmp_path / "out.mp4")[0]
    length = min(len(before), len(after))
    assert length >= 23500
    assert np.corrcoef(before[:length], after[:length])[0, 1] > 0.9  # the same, and in place


def test_every_sound_track_is_kept(tmp_path, make_clip, ffmpeg):
    two = tmp_path / "two.mp4"
    ffmpeg("-i", make_clip(), "-map", "0:v", "-map", "0:a", "-map", "0:a", "-c", "copy", two)
    assert encode(two, tmp_path / "out.mp4").audio == ("aac", "aac")


def test_no_sound_stays_no_sound(tmp_path, make_clip):
    source = make_clip(audio=False)
    assert probe(source).audio == ()
    assert encode(source, tmp_path / "out.mp4").audio == ()


@pytest.fixture
def late(tmp_path, make_clip, ffmpeg):
    """Twelve frames that begin half a second after their sound, which lasts 1 s."""
    silent = make_clip("silent.mp4", frames=12, audio=False)
    long = make_clip("long.mp4", frames=24)
    path = tmp_path / "late.mp4"
    ffmpeg(
        *("-itsoffset", "0.5", "-i", silent, "-i", long),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", path),
    )
    return path


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_late_start_is_kept(tmp_path, late, name):
    assert float(probe(late).start) == pytest.approx(0.5, abs=1 / 24)
    assert probe(late).times.begins[0] == 0
    written = encode(late, tmp_path / name)
    assert float(written.start) == pytest.approx(0.5, abs=1 / 24)
    assert written.times.frames == 12
    assert sound_packets(tmp_path / name) == sound_packets(late)


def test_sound_that_starts_late_stays_late(tmp_path, make_clip, ffmpeg):
    source = tmp_path / "late_sound.mp4"
    ffmpeg(
        *("-i", make_clip("silent.mp4", frames=24, audio=False)),
        *("-itsoffset", "0.5", "-i", make_clip("sound.mp4", frames=12)),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", source),
    )
    encode(source, tmp_path / "out.mp4")
    before, after = streams(source), streams(tmp_path / "out.mp4")
    assert before["audio"][0] == pytest.approx(0.5, abs=0.05)
    assert after["audio"][0] == pytest.approx(before["audio"][0], abs=0.01)
    assert after["video"][0] == pytest.approx(before["video"][0], abs=0.01)


def onset(path):
    """The second at which the sound gets loud."""
    samples, rate = sound(path)
    return np.flatnonzero(np.abs(samples) > 0.2)[0] / rate


@pytest.fixture
def toned(make_clip):
    """Two seconds; a tone sets in after one."""
    tone = "aevalsrc='if(gte(t,1),sin(2764*t),0)':s=48000:d=2"
    return make_clip(frames=48, audio=False, extra=("-filter_complex", tone, "-c:a", "aac"))


def test_the_sound_of_a_passage_is_cut_to_it(tmp_path, toned):
    part = Passage(Fraction(3, 4), Fraction(3, 2))
    frames = list(read_frames(probe(toned), 64, 48, 18, 36))
    written = encode(toned, tmp_path / "out.mp4", frames, passage=part)
    assert (written.times.frames, written.start) == (18, 0)
    assert streams(tmp_path / "out.mp4")["audio"][1] == pytest.approx(0.75, abs=0.05)
    assert onset(toned) == pytest.approx(1.0, abs=0.02)
    assert onset(tmp_path / "out.mp4") == pytest.approx(0.25, abs=0.02)


def test_the_sound_of_a_passage_of_a_late_clip_is_cut_at_the_frames(tmp_path, toned, ffmpeg):
    late = tmp_path / "late.mp4"
    ffmpeg(
        *("-itsoffset", "0.5", "-i", toned, "-i", toned),
        *("-map", "0:v", "-map", "1:a", "-c", "copy", late),
    )
    # The tone sets in at the twelfth frame, half a second after the first.
    frames = list(read_frames(probe(late), 64, 48, 6, 18))
    part = Passage(Fraction(1, 4), Fraction(3, 4))
    encode(late, tmp_path / "out.mp4", frames, passage=part)
    assert onset(tmp_path / "out.mp4") == pytest.approx(0.25, abs=0.03)
    assert streams(tmp_path / "out.mp4")["audio"][1] == pytest.approx(0.5, abs=0.05)


# What is no clip


@pytest.mark.parametrize("boundary", [False, True])
def test_a_clip_cut_off_names_its_frames(tmp_path, make_clip, boundary):
    whole = make_clip(frames=60, audio=False, extra=("-g", "1", "-movflags", "+faststart"))
    with av.open(str(whole)) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
        size = packets[20].pos + (0 if boundary else packets[20].size // 2)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:size])
    info = probe(cut)
    assert info.damage.missing == Fraction(60 - info.times.frames, 24)
    assert info.times.frames == len(list(read_frames(info, 64, 48))) == 20
    with pytest.raises(
        InputError, match=r"cut\.mp4: .*cut off: 0\.833 of 2\.500 s are there.*--end 0"
    ):
        check_whole(info, range(20), to_end=True)
    assert "cut off" in check_whole(info, range(20), to_end=False)


def test_a_clip_without_its_index_is_refused(tmp_path, make_clip):
    whole = make_clip(frames=24).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cut\.mp4: this is not a video that can be read"):
        probe(cut)


def test_text_is_no_clip(tmp_path):
    (tmp_path / "text.mp4").write_text("All work and no play.\n" * 50)
    with pytest.raises(InputError, match=r"text\.mp4: this is not a video"):
        probe(tmp_path / "text.mp4")


def test_an_empty_file_is_no_clip(tmp_path):
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(InputError, match="is empty"):
        probe(tmp_path / "empty.mp4")


def test_a_missing_file_and_a_folder_are_no_clip(tmp_path):
    with pytest.raises(InputError, match="there is no such file"):
        probe(tmp_path / "missing.mp4")
    with pytest.raises(InputError, match="is a folder"):
        probe(tmp_path)


def test_sound_alone_is_no_clip(tmp_path, clip, ffmpeg):
    ffmpeg("-i", clip, "-vn", "-c", "copy", tmp_path / "sound.mp4")
    with pytest.raises(InputError, match="no video"):
        probe(tmp_path / "sound.mp4")


def test_sound_with_a_cover_picture_is_no_clip(tmp_path, clip, ffmpeg):
    ffmpeg("-i", clip, "-vn", "-c", "copy", tmp_path / "sound.m4a")
    ffmpeg("-i", clip, "-frames:v", "1", tmp_path / "cover.png")
    ffmpeg(
        *("-i", tmp_path / "sound.m4a", "-i", tmp_path / "cover.png", "-map", "0", "-map", "1"),
        *("-c", "copy", "-disposition:v:0", "attached_pic", tmp_path / "song.m4a"),
    )
    with pytest.raises(InputError, match="no video"):
        probe(tmp_path / "song.m4a")


@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\nfile 'clip.mp4'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nclip.mp4\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_script_that_names_another_clip_opens_nothing(tmp_path, monkeypatch, clip, script):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script.mp4").write_text(script)
    with pytest.raises(InputError, match=r"script\.mp4: this is not a video"):
        probe("script.mp4")
    assert not decode._capture(tmp_path / "script.mp4").isOpened()
    assert decode._capture(clip).isOpened()


def test_a_picture_is_no_clip(tmp_path, clip, ffmpeg):
    ffmpeg("-i", clip, "-frames:v", "1", tmp_path / "still.png")
    with pytest.raises(InputError):
        probe(tmp_path / "still.png")


def test_the_limits_on_opencv_do_not_outlive_the_opening(clip, monkeypatch):
    variable = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    monkeypatch.delenv(variable, raising=False)
    probe(clip)
    assert variable not in os.environ
    monkeypatch.setenv(variable, "video_codec;h264")
    probe(clip)
    assert os.environ[variable] == "video_codec;h264"


ODD_NAMES = ["a b.mp4", "100%d.mp4", "-i.mp4", "a:b.mp4", 'it\'s "q".mp4', "é γ, [x];#?.mp4"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_are_read_and_written(tmp_path, monkeypatch, make_clip, name):
    make_clip(name, frames=3)
    monkeypatch.chdir(tmp_path)
    output = Path(f"{name[:-4]}_out.mp4")
    written = encode(Path(name), output)
    assert (written.times.frames, written.audio) == (3, ("aac",))
    assert names(tmp_path) == sorted([name, output.name])


# Whole or not at all


def test_the_output_appears_only_when_it_is_whole(tmp_path, clip):
    info, output = probe(clip), tmp_path / "out.mp4"
    with open_encoder(output, info, (64, 48)) as write:
        for frame in read_frames(info, 64, 48):
            write(frame)
            assert not output.exists()
    assert probe(output).times.frames == 6
    assert names(tmp_path) == ["clip.mp4", "out.mp4"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_inside_leaves_no_file_and_no_process(tmp_path, clip, started, error):
    def frames():
        yield BLACK
        assert started[-1].poll() is None
        raise error

    with pytest.raises(error):
        put(tmp_path / "out.mp4", probe(clip), frames())
    assert len(started) == 1
    assert started[-1].poll() is not None
    assert names(tmp_path) == ["clip.mp4"]


def test_ffmpegs_failure_is_told(tmp_path, clip, started):
    gone = dataclasses.replace(probe(clip), path=tmp_path / "gone.mp4")
    with pytest.raises(MachineError, match=r"out\.mp4: ffmpeg failed \(.+\)"):
        put(tmp_path / "out.mp4", gone, [BLACK] * 200)  # more than a pipe holds
    assert started[-1].poll() is not None
    assert names(tmp_path) == ["clip.mp4"]


def test_an_existing_output_survives_a_failure(tmp_path, clip):
    output = tmp_path / "out.mp4"
    output.write_bytes(b"the best take so far")
    gone = dataclasses.replace(probe(clip), path=tmp_path / "gone.mp4")
    with pytest.raises(MachineError):
        put(output, gone, [BLACK])
    assert output.read_bytes() == b"the best take so far"
    assert names(tmp_path) == ["clip.mp4", "out.mp4"]


def test_an_existing_output_is_replaced_by_a_whole_one(tmp_path, clip):
    output = tmp_path / "out.mp4"
    output.write_bytes(b"an older take")
    assert encode(clip, output).times.frames == 6


def test_a_frame_that_did_not_arrive_whole_is_noticed(tmp_path, clip):
    with pytest.raises(MachineError, match="wrote 2 of 3 frames"):
        put(tmp_path / "out.mp4", probe(clip), [BLACK, BLACK, BLACK[:20]])
    assert names(tmp_path) == ["clip.mp4"]


def test_no_frame_at_all_is_a_failure(tmp_path, clip):
    with pytest.raises(MachineError, match=r"[^.]out\.mp4"):
        put(tmp_path / "out.mp4", probe(clip), [])
    assert names(tmp_path) == ["clip.mp4"]


def test_an_ffmpeg_that_does_not_start_is_told(tmp_path, clip, monkeypatch):
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: str(tmp_path / "no_ffmpeg"))
    with pytest.raises(MachineError, match="ffmpeg"):
        put(tmp_path / "out.mp4", probe(clip), [BLACK])
    assert names(tmp_path) == ["clip.mp4"]


def test_no_ffmpeg_at_all_is_told(tmp_path, clip, monkeypatch):
    def missing():
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    with pytest.raises(MachineError, match="ffmpeg"):
        put(tmp_path / "out.mp4", probe(clip), [BLACK])
    assert names(tmp_path) == ["clip.mp4"]


@pytest.mark.parametrize("name", ["out.xyz", "out.png", "out.avi"])
def test_an_unknown_extension_is_refused_with_the_known_ones(tmp_path, clip, name, started):
    with pytest.raises(UsageError, match=r"unknown kind of video.*\.mp4.*\.mkv"):
        put(tmp_path / name, probe(clip), [BLACK])
    assert started == []


def test_a_time_means_the_frame_that_begins_nearest(make_clip):
    info = probe(make_clip(frames=5, fps="24"))
    assert [info.times.frame_at(t) for t in (0.0, 0.02, 0.022, 0.042, 0.125, 0.2)] == [
        0,
        0,
        1,
        1,
        3,
        5,
    ]
    assert info.times.frame_at(100.0) == info.times.frames
    for frame, begin in enumerate(info.times.begins):
        assert info.times.frame_at(round(float(begin), 3)) == frame


def test_tags_that_are_not_utf_8_do_no_harm(make_clip):
    """Old cameras and editors wrote them in the code page of the day."""
    path = make_clip("old.avi", extra=("-metadata", "title=abcdef"))
    data = path.read_bytes()
    assert b"abcdef" in data
    path.write_bytes(data.replace(b"abcdef", b"\xe9\xe8\xff\xe0\xe1\xe2"))
    assert probe(path).times.frames == 6


def test_mp3_is_called_mp3_and_taken_as_it_is(tmp_path, make_clip):
    """PyAV's decoder for it has another name."""
    path = make_clip(extra=("-c:a", "libmp3lame"))
    assert probe(path).audio == ("mp3",)
    assert encode(path, tmp_path / "out.mp4").audio == ("mp3",)
