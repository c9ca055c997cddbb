"""Clips that are cut, damaged or odd in other ways: told, and otherwise as they are."""

import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mnst_video.errors import InputError, UsageError
from mnst_video.job.render import render
from mnst_video.media.images import load_image, save_image
from mnst_video.media.input.animation import is_animation
from mnst_video.media.input.boxes import check_index
from mnst_video.media.input.decode import read_frames, read_opacity
from mnst_video.media.input.near import read_at, read_near
from mnst_video.media.input.probe import probe, second_fields
from mnst_video.media.input.rate import frame_rate
from mnst_video.media.input.tone import to_sdr
from mnst_video.options import Options
from mnst_video.plan.source import check_whole, clip_of

X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-qp", 8, "-pix_fmt", "yuv420p", "-g", 6)
LEVELS = 20, 8  # of the first frame, and between two


@pytest.fixture
def make(tmp_path, ffmpeg):
    """make(name, *options): a clip of grey frames whose level is their number, with sound."""

    def encode(name, *options, frames=25, rate=25, before=(), after=""):
        path = tmp_path / name
        first, step = LEVELS
        grey = f"color=black:s=32x32:r={rate},geq=lum='{first}+{step}*N':cb=128:cr=128{after}"
        sound = () if "-an" in options else ("-f", "lavfi", "-i", f"sine=r=44100:d={frames / rate}")
        ffmpeg(
            *before, *("-f", "lavfi", "-i", grey, *sound), *("-frames:v", frames, *options, path)
        )
        return path

    return encode


def numbers(clip, frames=None):
    """Which of the frames each is, by its level."""
    pictures = read_frames(clip, 32, 32) if frames is None else frames
    # Levels of limited range are stretched.
    lumas = [(frame[16, 16].mean() * 219 / 255 + 16 - LEVELS[0]) / LEVELS[1] for frame in pictures]
    return [round(luma) for luma in lumas]


def problem(path, **options):
    """What is said of a clip that is not whole."""
    clip = clip_of(path, Options(**options).input)
    with pytest.raises(InputError) as caught:
        check_whole(clip, range(clip.times.frames), to_end=True)
    return str(caught.value)


# Cut off, and damaged

CUT = {
    "a.avi": ("-c:v", "mjpeg", "-q:v", 1, "-pix_fmt", "yuvj420p"),
    "b.avi": ("-c:v", "mpeg4", "-bf", 2),
    "a.flv": ("-c:v", "flv"),
    "a.mkv": X264,
    "a.webm": ("-c:v", "libvpx-vp9", "-cpu-used", 8, "-c:a", "libopus"),
    "a.mxf": ("-c:v", "mpeg2video", "-ar", 48000),
    "a.ivf": ("-c:v", "libvpx", "-an"),
    "a.gif": (
        "-vf",
        "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1",
        "-an",
    ),
    "a.ogv": ("-c:v", "libtheora", "-q:v", 10, "-page_duration", 40000),
    "a.mp4": (*X264, "-movflags", "+faststart"),
    "a.wmv": ("-c:v", "wmv2"),
    "a.apng": ("-plays", 0, "-an"),
    "a.ts": X264,
}


@pytest.mark.parametrize("name", CUT)
def test_a_clip_that_was_cut_off_is_told_and_rendered_as_far_as_it_goes(make, name):
    path = make(name, *CUT[name])
    whole = probe(path)
    assert (whole.damage, whole.times.frames) == (None, 25)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * (0.8 if name == "a.ogv" else 0.6))])
    assert "--allow-partial" in problem(path)
    clip = clip_of(path, Options(allow_partial=True).input)
    assert 3 <= clip.times.frames < 25
    assert numbers(clip) == list(range(clip.times.frames))
    assert "cut off" in clip.notes[-1] or "damaged" in clip.notes[-1]


@pytest.mark.parametrize("name", ["a.mkv", "a.webm", "a.ts", "a.wmv", "a.gif", "a.ogv"])
def test_the_last_bytes_are_missed_too(make, name):
    path = make(name, *CUT[name])
    path.write_bytes(path.read_bytes()[:-70])
    assert "cut off" in problem(path) or "damaged" in problem(path)


def test_an_mpeg_that_was_cut_inside_a_picture_is_told(make):
    path = make("a.mpg", "-c:v", "mpeg2video", "-q:v", 2, "-an", after=",noise=alls=60")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    assert "cut off" in problem(path) or "damaged" in problem(path)


def test_what_a_live_stream_leaves_open_is_whole(make):
    path = make("a.mkv", *X264, "-live", 1)
    assert probe(path).damage is None


def test_how_much_is_missing_is_said(make):
    path = make("a.mkv", *X264)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    there = float(probe(path).times.duration)
    assert f"cut off: {there:.3f} of 1.0" in problem(path)


def with_noise(path, number, size=20):
    """The clip with noise in the packet of a frame."""
    with av.open(str(path)) as container:
        packets = [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]
    data = bytearray(path.read_bytes())
    begin = data.index(packets[number]) + 60
    data[begin : begin + size] = np.random.default_rng(3).bytes(size)
    path.write_bytes(data)


def test_what_a_decoder_conceals_is_told_and_where(make):
    path = make("a.mp4", "-c:v", "mpeg4", "-q:v", 2, "-g", 1, after=",noise=alls=20")
    with_noise(path, 13, 300)
    text = problem(path)
    assert "frames cannot be decoded, the first at 0.520 s" in text
    assert "--end 0.520" in text


def test_frames_after_the_damage_keep_their_times(make):
    path = make("a.mkv", "-c:v", "png")
    with_noise(path, 10)
    clip = clip_of(path, Options(allow_partial=True, fps="vfr").input)
    times = [round(float(time) * 25) for time in clip.times.begins]
    assert times == [n for n in range(25) if n != 10]
    assert numbers(clip) == times
    steady = clip_of(path, Options(allow_partial=True).input)
    assert steady.times.repeats == tuple(2 if n == 9 else 1 for n in range(24))
    assert "1 of its 25 frames cannot be decoded, the first at 0.400 s" in steady.notes[-1]


def test_a_passage_without_damage_renders(tmp_path, make, quick):
    path = make("a.mkv", "-c:v", "png")
    with_noise(path, 10)
    with pytest.raises(InputError, match=r"the first at 0\.400 s.*--end 0\.400"):
        render(path, tmp_path / "a.mp4", quick())
    assert render(path, tmp_path / "b.mp4", quick(end="0.4")).frames == 10
    assert render(path, tmp_path / "c.mp4", quick(start="0.44")).frames == 14
    assert render(path, tmp_path / "d.mp4", quick(allow_partial=True)).frames == 24


def test_a_damaged_beginning_is_told_and_has_no_end_to_advise(make):
    path = make("a.mkv", "-c:v", "png")
    with_noise(path, 0)
    text = problem(path)
    assert "1 of its 25 frames cannot be decoded, the first at 0.000 s" in text
    assert "--end" not in text
    clip = clip_of(path, Options(allow_partial=True).input)
    assert (clip.times.frames, float(clip.start)) == (24, pytest.approx(0.04, abs=0.002))
    assert numbers(clip) == list(range(1, 25))


def test_a_broadcast_that_begins_inside_a_group_of_pictures_is_not_shifted(make, tmp_path):
    path = make("a.ts", "-c:v", "mpeg2video", "-q:v", 2, "-g", 8, "-bf", 2, "-an", frames=24)
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
        begin = packets[3].pos // 188 * 188
    cut = tmp_path / "cut.ts"
    data = path.read_bytes()
    cut.write_bytes(data[: 188 * 2] + data[begin:])  # its tables, and the rest
    clip = probe(cut, rate="vfr")
    assert clip.damage is None
    assert "begins in the middle of a group of pictures" in clip.notes[-1]
    shown = numbers(clip)
    begins = [round(float(time) * 25) + shown[0] for time in clip.times.begins]
    assert shown == begins
    assert shown[-1] == 23
    near = read_near(probe(cut, rate="vfr", depth="packets"), [2], 32, 32)
    assert numbers(None, [near[0][1]])[0] in shown


def test_a_picture_that_is_shown_twice_is_an_empty_packet(make):
    """Theora's and AVI's: what is read is the first of the two."""
    path = make("a.ogv", "-c:v", "libtheora", "-q:v", 10, "-an", after=",loop=4:1:3")
    with av.open(str(path)) as container:
        sizes = [p.size for p in container.demux(container.streams.video[0]) if p.pts is not None]
    clip = probe(path)
    assert clip.damage is None
    shown = [
        n
        for n, of in zip(numbers(clip), range(clip.times.frames), strict=True)
        for _ in range(clip.times.shown(of))
    ]
    assert len(shown) == len(sizes) == 25


def test_the_other_field_of_a_frame_is_not_lost():
    frames = [stamp for stamp in range(0, 400_000, 40) if stamp not in (200, 240)]
    others = {stamp + 20 for stamp in frames[:-1]}
    assert second_fields({20, 60, 200, 220, 240}, frames) == {20, 60}  # a gap is none
    assert second_fields(others, frames) == others - {180}  # of ten thousand, at once


# Times


def test_a_dropped_frame_is_seen_on_a_clock_that_ticks_once_a_frame():
    times = [Fraction(n, 25) for n in range(20) if n != 7]
    assert frame_rate(times, Fraction(25), Fraction(1, 25)) == (25, True)
    even = [Fraction(n, 25) for n in range(20)]
    assert frame_rate(even, Fraction(25), Fraction(1, 25)) == (25, False)


def test_film_on_video_has_its_own_rate_and_each_frame_once(make):
    """Frames of two and three fields in turn, as DVDs have them."""
    uneven = ",settb=1001/60000,setpts='floor(N*5/2)'"
    options = ("-fps_mode", "passthrough", "-enc_time_base", "1001/60000", "-an")
    path = make("a.mkv", *X264, *options, after=uneven, rate="24")
    clip = probe(path)
    assert clip.times.fps == Fraction(24000, 1001)
    assert (clip.times.frames, clip.times.repeats, clip.times.numbers) == (25, (), ())
    kept = probe(path, rate="vfr")
    assert kept.times.begins[1] != kept.times.begins[2] - kept.times.begins[1]


def test_a_rate_at_which_nothing_is_left_is_refused(clip):
    with pytest.raises(UsageError, match=r"--fps 0\.001: nothing would be left .* lasts 0\.250 s"):
        probe(clip, rate=Fraction(1, 1000))
    assert probe(clip, rate=Fraction(2)).times.frames == 1


def test_a_raised_rate_leaves_the_clock_as_long_as_the_clip(tmp_path, make, quick):
    path = make("a.mp4", *X264, frames=6, rate=12)
    assert render(path, tmp_path / "out.mp4", quick(fps="48", end="0.5")).duration == 0.5


def test_options_that_have_no_say_are_an_error(clip, tmp_path):
    with pytest.raises(UsageError, match=r"--seconds 3: .* is a clip"):
        clip_of(clip, Options(seconds=3).input)
    folder = tmp_path / "shots"
    folder.mkdir()
    save_image(np.zeros((16, 16, 3), np.uint8), folder / "1.png")
    with pytest.raises(UsageError, match=r"--stream 1: .* is pictures"):
        clip_of(folder, Options(stream=1).input)


def test_two_broadcasts_in_a_row_follow_one_another(tmp_path, make):
    one = make("a.ts", *X264, "-an", frames=12).read_bytes()
    both = tmp_path / "both.ts"
    both.write_bytes(one + one)
    clip = probe(both, rate="vfr")
    assert (clip.times.frames, clip.times.fps, clip.times.duration) == (24, 25, Fraction(24, 25))
    assert numbers(clip) == [*range(12), *range(12)]
    assert "its timestamps are not in order" in clip.notes[-1]


# Shapes and colours


def test_a_clip_that_changes_its_size_is_scaled_to_the_first_one(tmp_path, make, ffmpeg):
    small, large = make("a.ts", *X264, "-an", frames=6), tmp_path / "b.ts"
    grey = "color=black:s=64x48:r=25,geq=lum='20+8*(N+6)':cb=128:cr=128"
    ffmpeg("-f", "lavfi", "-i", grey, "-frames:v", 6, "-output_ts_offset", 0.24, *X264, large)
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    clip = probe(both, rate="vfr")
    assert any("change their size at frame 6" in note for note in clip.notes)
    assert numbers(clip) == list(range(12))
    assert [picture.shape for picture in read_frames(clip, 32, 32)] == [(32, 32, 3)] * 12


def test_an_angle_that_is_no_quarter_turn_is_said(tmp_path, ffmpeg, clip):
    path = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", 80, "-i", clip, "-c", "copy", path)
    turned = probe(path)
    assert (turned.width, turned.height) == (48, 64)
    assert "no multiple of 90°" in turned.notes[-1]
    assert next(read_frames(turned, 48, 64)).shape == (64, 48, 3)


@pytest.mark.parametrize("curve", ["smpte2084", "arib-std-b67"])
def test_hdr_with_half_of_its_tags(make, curve):
    tags = f",format=yuv420p10le,setparams=color_trc={curve}"
    clip = probe(make("a.mkv", "-c:v", "ffv1", "-an", after=tags, frames=6))
    assert clip.decoding.colors in ("PQ", "HLG")
    assert len(list(read_frames(clip, 32, 32))) == 6


def test_hdr_keeps_its_opacity(make):
    tags = ",format=yuva444p10le,geq=lum='lum(X,Y)':a='1023*lt(X,16)',setparams=color_trc=smpte2084"
    path = make("a.mov", "-c:v", "prores_ks", "-profile:v", 4, "-an", after=tags, frames=3)
    clip = probe(path)
    assert (clip.decoding.colors, clip.decoding.alpha) == ("PQ", True)
    opacity = next(read_opacity(clip, 32, 32))
    assert (int(opacity[16, 4]), int(opacity[16, 28])) == pytest.approx((255, 0), abs=1)


def test_tones_are_those_of_the_standards():
    """PQ: 203 cd/m² is white at 85 %, 1000 cd/m² at 100 %; HLG's grey is that of its signal."""
    signal = np.array([0.0, 0.5807, 0.7518, 1.0])  # 0, 203, 1000 and 10 000 cd/m² in ST 2084
    codes = (signal * 65535).round().astype(np.uint16)[None, :, None].repeat(3, 2)
    assert to_sdr(codes, "PQ")[0, :, 0] == pytest.approx([0, 217, 255, 255], abs=1)
    assert to_sdr(codes, "HLG")[0, :, 1] == pytest.approx(255 * signal, abs=1)
    # BT.2020's red is more than BT.709 has: its others are cut off at 0.
    red = np.array([[[65535, 0, 0]]], np.uint16)
    assert to_sdr(red, "BT.2020").tolist() == [[[255, 0, 0]]]


@pytest.mark.parametrize("kind", ["interlaced", "opacity", "hdr"])
def test_a_frame_found_by_its_time_is_the_one_that_is_read(make, kind):
    after, options = {
        "interlaced": (
            ",drawbox=x=0:y=0:w=8:h=32:color=white:t=fill,scroll=h=-0.06,"
            "tinterlace=interleave_top,setfield=tff",
            ("-flags", "+ilme+ildct"),
        ),
        "opacity": (",format=yuva420p,geq=lum='lum(X,Y)':a='255*lt(X,16)'", ()),
        "hdr": (",format=yuv420p10le,setparams=color_trc=smpte2084", ()),
    }[kind]
    codec = X264 if kind == "interlaced" else ("-c:v", "ffv1")
    path = make("a.mkv", *codec, *options, "-an", after=after, frames=12)
    clip = clip_of(path, Options(matte="#2040c0").input)
    whole = list(read_frames(clip, 32, 32))
    for number, frame in read_near(clip, [2, 7, 11], 32, 32):
        assert np.abs(frame.astype(int) - whole[number]).mean() < 1, number
    assert [number for number, _ in read_at(clip, [7, 2])] == [2, 7]


# Bare streams, and pictures that move


@pytest.mark.parametrize(("name", "codec"), [("a.h264", X264), ("a.hevc", ("-c:v", "libx265"))])
def test_a_bare_stream_has_the_rate_that_is_said(make, name, codec):
    path = make(name, *codec, "-an", frames=10)
    clip = probe(path, rate=Fraction(10))
    assert (clip.times.fps, clip.times.frames, clip.times.duration) == (10, 10, 1)
    assert clip.notes == ()
    assert numbers(clip) == list(range(10))
    assert "has no timestamps: read at 25 fps" in probe(path).notes[-1]


@pytest.fixture
def moving(tmp_path):
    """moving(name): an animation of three pictures that last 0.2, 0.2 and 1 s."""

    def save(name):
        pictures = [Image.new("RGBA", (32, 24), (40 + 60 * n, 90, 200, 255)) for n in range(3)]
        for picture in pictures:
            picture.putpixel((0, 0), (0, 0, 0, 0))
        path = tmp_path / name
        pictures[0].save(
            path, save_all=True, append_images=pictures[1:], duration=[200, 200, 1000], loop=0,
            **({"lossless": True} if name.endswith("webp") else {}),
        )  # fmt: skip
        return path

    return save


@pytest.mark.parametrize("name", ["a.webp", "a.png", "a.avif"])
def test_a_picture_that_moves_is_a_clip(moving, name):
    path = moving(name)
    clip = clip_of(path, Options(fps="vfr").input)
    assert is_animation(path) == (name != "a.png")
    assert [float(time) for time in clip.times.begins] == pytest.approx([0, 0.2, 0.4])
    assert float(clip.times.duration) == pytest.approx(1.4, abs=0.01)
    levels = [int(frame[12, 16, 0]) for frame in read_frames(clip, 32, 24)]
    assert levels == pytest.approx([40, 100, 160], abs=6)
    ((_, near),) = read_near(clip, [1], 32, 24)
    assert int(near[12, 16, 0]) == pytest.approx(100, abs=6)
    assert clip_of(path, Options().input).times.repeats == (1, 1, 5)
    assert load_image(path).shape == (24, 32, 3)  # a style is the first picture


def test_a_still_webp_is_no_clip(tmp_path):
    Image.new("RGB", (16, 16)).save(tmp_path / "a.webp")
    with pytest.raises(UsageError, match="is a picture; give --seconds"):
        clip_of(tmp_path / "a.webp", Options().input)


# Bombs


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def index(handler, size, count, delta=512):
    """An MP4 of a few bytes whose table claims `count` samples of one size."""
    stsz = box(b"stsz", struct.pack(">III", 0, size, count))
    stts = box(b"stts", struct.pack(">IIII", 0, 1, count, delta))
    hdlr = box(b"hdlr", struct.pack(">II4s", 0, 0, handler), bytes(12))
    media = box(b"mdia", hdlr, box(b"minf", box(b"stbl", stts, stsz)))
    return box(b"ftyp", b"isom", bytes(4)) + box(b"moov", box(b"trak", media))


def test_an_index_that_claims_millions_of_frames_is_refused_at_once(tmp_path):
    path = tmp_path / "bomb.mp4"
    path.write_bytes(index(b"vide", 1, 60_000_000))
    with pytest.raises(InputError, match="claims 60000000 frames"):
        probe(path)
    path.write_bytes(index(b"soun", 4, 60_000_000, delta=2))
    with pytest.raises(InputError, match="claims 60000000 frames"):
        check_index(path, 10**6)
    path.write_bytes(index(b"soun", 4, 60_000_000, delta=1))  # twenty minutes of PCM
    check_index(path, 10**6)
    run = box(b"trun", struct.pack(">II", 0, 4_000_000_000))
    path.write_bytes(box(b"ftyp", b"isom", bytes(4)) + box(b"moof", box(b"traf", run)))
    with pytest.raises(InputError, match="claims 4000000000 frames"):
        check_index(path, 10**6)


def test_a_real_index_is_none(make):
    for options in ((), ("-movflags", "frag_keyframe+empty_moov")):
        check_index(make("a.mov", *X264, "-c:a", "pcm_s16le", *options), 100)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_for_sound_is_not_waited_for(tmp_path, clip):
    pipe = tmp_path / "pipe"
    subprocess.run(["mkfifo", pipe], check=True)
    with pytest.raises(InputError, match="this is not a file"):
        render(clip, tmp_path / "a.mp4", Options(audio=pipe))


def test_the_folder_one_is_in_is_a_sequence(tmp_path, monkeypatch, quick, texture):
    folder = tmp_path / "shots"
    folder.mkdir()
    for number in range(3):
        save_image(texture(32, 24, number), folder / f"{number}.png")
    monkeypatch.chdir(folder)
    report = render(Path(), None, quick())
    assert report.output.resolve() == tmp_path / "shots_mnst.mp4"
    assert report.frames == 3
