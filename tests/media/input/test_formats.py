"""Odd clips: each kind comes in with its shape, its colours, its frames and its times."""

import os
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from mnst_video.errors import InputError, UsageError
from mnst_video.media.frames import Frame
from mnst_video.media.images import save_image
from mnst_video.media.input.decode import read_frames, read_opacity
from mnst_video.media.input.near import read_near
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.plan.source import check_whole, clip_of

# Eight patches, in two rows; no two alike, so that a picture that is turned or mirrored is told.
PATCHES = [
    *((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)),
    *((200, 120, 40), (30, 60, 90), (128, 128, 128), (0, 0, 0)),
]
WIDTH, HEIGHT = 64, 48


def patches() -> Frame:
    rows = np.array(PATCHES, np.uint8).reshape(2, 4, 3)
    return rows.repeat(HEIGHT // 2, 0).repeat(WIDTH // 4, 1)


def off(frame, expected):
    """The largest difference of two pictures in the middle of the patches of the second."""
    edges = sum(np.abs(np.diff(expected.astype(int), axis=axis)).any() for axis in (0, 1))
    assert edges == 2
    flat = cv2.erode((cv2.Laplacian(expected, cv2.CV_32F).any(axis=2) == 0).astype(np.uint8), None)
    flat = cv2.erode(flat, np.ones((7, 7)))
    assert flat.mean() > 0.2
    return np.abs(frame.astype(int) - expected)[flat > 0].max()


@pytest.fixture
def encode(tmp_path, ffmpeg):
    """encode(name, *options): a clip of six frames of the patches, 24 a second."""
    save_image(patches(), tmp_path / "patches.png")

    def make(name, *options, before=(), frames=6, rate="24"):
        path = tmp_path / name
        source = ("-loop", 1, "-framerate", rate, "-i", tmp_path / "patches.png")
        ffmpeg(*source, *before, "-frames:v", frames, *options, f"file:{path}")
        return path

    return make


BT709 = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
TO_709 = ("-vf", "scale=out_color_matrix=bt709:out_range=tv", *BT709, "-color_range", "tv")
TO_601 = ("-vf", "scale=out_color_matrix=bt601:out_range=tv", "-colorspace", "smpte170m")
FULL = ("-vf", "scale=out_color_matrix=bt709:out_range=pc", *BT709, "-color_range", "pc")


GIF = "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=dither=none:new=1"


def x264(pixels, *options):
    return ("-c:v", "libx264", "-qp", 4, "-pix_fmt", pixels, *options)


# Name, options of ffmpeg, how far colours may be off, and whether OpenCV decodes it.
KINDS = {
    "h264": ("a.mp4", x264("yuv420p", *TO_709), 6, True),
    "h264 in 601": ("a.mp4", x264("yuv420p", *TO_601), 6, True),
    "h264 full range": ("a.mp4", x264("yuvj420p", *FULL), 6, True),
    "h264 4:2:2": ("a.mkv", x264("yuv422p", *TO_709), 6, True),
    "h264 4:4:4": ("a.mov", x264("yuv444p", *TO_709), 6, True),
    "h264 10 bit": ("a.mp4", x264("yuv420p10le", *TO_709), 6, False),
    "h264 fragmented": (
        "a.mp4",
        x264("yuv420p", *TO_709, "-movflags", "frag_keyframe+empty_moov"),
        6,
        True,
    ),
    "h264 reordered": ("a.ts", x264("yuv420p", *TO_709, "-bf", 2, "-g", 4), 6, True),
    "h264 in flv": ("a.flv", x264("yuv420p", *TO_709), 6, True),
    "hevc": (
        "a.mp4",
        ("-c:v", "libx265", "-preset", "ultrafast", "-crf", 4, "-pix_fmt", "yuv420p", *TO_709),
        6,
        True,
    ),
    "hevc 10 bit": (
        "a.mkv",
        ("-c:v", "libx265", "-preset", "ultrafast", "-crf", 4, "-pix_fmt", "yuv420p10le", *TO_709),
        6,
        False,
    ),
    "vp8": ("a.webm", ("-c:v", "libvpx", "-crf", 4, "-b:v", "4M", *TO_601), 8, True),
    "vp9": (
        "a.webm",
        ("-c:v", "libvpx-vp9", "-lossless", 1, "-pix_fmt", "yuv420p", *TO_709),
        6,
        True,
    ),
    "vp9 10 bit": (
        "a.webm",
        ("-c:v", "libvpx-vp9", "-lossless", 1, "-pix_fmt", "yuv420p10le", *TO_709),
        6,
        False,
    ),
    "av1": ("a.mp4", ("-c:v", "libsvtav1", "-preset", 12, "-crf", 5, *TO_709), 8, True),
    "mpeg2": ("a.ts", ("-c:v", "mpeg2video", "-q:v", 1, *TO_601), 8, True),
    "mpeg2 in mpg": ("a.mpg", ("-c:v", "mpeg2video", "-q:v", 1, *TO_601), 8, True),
    "mpeg4": ("a.avi", ("-c:v", "mpeg4", "-q:v", 1, *TO_601), 8, True),
    "mjpeg": ("a.avi", ("-c:v", "mjpeg", "-q:v", 1, "-pix_fmt", "yuvj444p"), 8, True),
    "wmv": ("a.wmv", ("-c:v", "wmv2", "-q:v", 1, *TO_601), 8, True),
    "prores": ("a.mov", ("-c:v", "prores_ks", "-profile:v", 3, *TO_709), 6, False),
    "dnxhr": (
        "a.mxf",
        (
            "-c:v",
            "dnxhd",
            "-profile:v",
            "dnxhr_hq",
            "-pix_fmt",
            "yuv422p",
            "-s",
            "256x192",
            *TO_709,
        ),
        None,
        True,
    ),
    "ffv1 rgb": ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrp"), 1, True),
    "ffv1 16 bit": ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrp16le"), 1, False),
    "raw": ("a.nut", ("-c:v", "rawvideo", "-pix_fmt", "bgr24"), 1, True),
    "grey": ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "gray"), None, True),
    "gif": ("a.gif", ("-vf", GIF), 6, None),
    "apng": ("a.apng", ("-pix_fmt", "rgb24", "-plays", 0), 1, None),
    "one frame": ("a.mp4", x264("yuv420p", *TO_709, "-frames:v", 1), 6, True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_clip_has_its_colours_and_frames(encode, kind):
    name, options, tolerance, by_opencv = KINDS[kind]
    info = probe(encode(name, *options))
    count = 1 if kind == "one frame" else 6
    frames = list(read_frames(info, WIDTH, HEIGHT))
    assert (info.times.frames, len(frames)) == (count, count)
    assert by_opencv is None or info.decoding.opencv == by_opencv
    assert info.times.fps == (25 if kind == "gif" else 24)  # a GIF counts in hundredths
    assert info.start == 0
    if tolerance is not None:
        assert (info.width, info.height) == (WIDTH, HEIGHT)
        for frame in (frames[0], frames[-1]):
            assert off(frame, patches()) <= tolerance
    assert info.times.duration == pytest.approx(count / 24, abs=0.02)


@pytest.mark.parametrize("kind", ["h264", "prores", "vp9", "ffv1 rgb", "mpeg2"])
def test_opencv_and_ffmpeg_decode_the_same(encode, kind):
    name, options, tolerance, _ = KINDS[kind]
    info = probe(encode(name, *options))
    one, other = (
        next(
            read_frames(
                replace(info, decoding=replace(info.decoding, opencv=opencv)), WIDTH, HEIGHT
            )
        )
        for opencv in (False, True)
    )
    assert off(one, patches()) <= tolerance
    assert np.abs(one.astype(int) - other).max() <= 3


# Shapes


def turned(frame, transposed, left_right, upside_down):
    frame = frame.swapaxes(0, 1) if transposed else frame
    frame = frame[:, ::-1] if left_right else frame
    return frame[::-1] if upside_down else frame


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [(), ("-display_hflip",), ("-display_vflip",)])
def test_turned_and_mirrored_clips_come_out_upright(tmp_path, encode, ffmpeg, degrees, mirror):
    """ffmpeg's own word for it, on a picture that is different in each of the eight ways."""
    source = encode("a.mp4", *x264("yuv420p", *TO_709))
    path = tmp_path / "turned.mp4"
    ffmpeg("-display_rotation", degrees, *mirror, "-i", source, "-c", "copy", path)
    info = probe(path)
    sideways = degrees % 180 == 90
    assert (info.width, info.height) == ((48, 64) if sideways else (64, 48))
    raw = ffmpeg("-i", path, "-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    right = np.frombuffer(raw, np.uint8).reshape(info.height, info.width, 3)
    ways = [(t, h, v) for t in (0, 1) for h in (0, 1) for v in (0, 1)]
    (way,) = [
        way
        for way in ways
        if turned(patches(), *way).shape == right.shape and off(right, turned(patches(), *way)) <= 8
    ]
    assert bool(way[0]) == sideways
    frames = list(read_frames(info, info.width, info.height))
    assert len(frames) == 6
    assert off(frames[3], turned(patches(), *way)) <= 8
    ((_, near),) = read_near(info, [3], info.width, info.height)
    assert off(near, turned(patches(), *way)) <= 8
    assert info.decoding.opencv != bool(mirror)


@pytest.mark.parametrize(
    ("aspect", "size"),
    [("2/3", (42, 48)), ("4/3", (86, 48)), ("16/11", (94, 48)), ("1/1", (64, 48))],
)
def test_pixels_that_are_not_square(encode, aspect, size):
    options = x264("yuv420p", "-vf", f"scale=out_color_matrix=bt709,setsar={aspect}", *BT709)
    info = probe(encode("a.mp4", *options))
    assert (info.width, info.height) == size
    assert info.decoding.opencv == (aspect == "1/1")
    assert off(next(read_frames(info, WIDTH, HEIGHT)), patches()) <= 6


@pytest.mark.parametrize("size", [(65, 49), (161, 121), (2, 2), (16, 16), (500, 8)])
def test_odd_and_tiny_sizes(encode, size):
    options = ("-c:v", "ffv1", "-pix_fmt", "gbrp", "-vf", f"scale={size[0]}:{size[1]}")
    info = probe(encode("a.mkv", *options))
    assert (info.width, info.height) == size
    assert next(read_frames(info, *size)).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("top", [True, False])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", ("-c:v", "libx264", "-qp", 4, "-flags", "+ilme+ildct")),
        ("a.ts", ("-c:v", "mpeg2video", "-q:v", 1, "-flags", "+ilme+ildct")),
    ],
)
def test_interlaced_clips_are_deinterlaced_and_it_is_said(tmp_path, ffmpeg, name, codec, top):
    """A white bar moves by 16 pixels a field, which as it is shows a comb of twice its width."""
    path = tmp_path / name
    first = "top" if top else "bottom"
    draw = "drawbox=x='0':y=0:w=16:h=48:color=white:t=fill"
    bars = f"color=black:s=96x48:r=50,{draw},scroll=h=-0.16666,tinterlace=interleave_{first}"
    ffmpeg(
        *("-f", "lavfi", "-i", f"{bars},setfield={'tff' if top else 'bff'}", "-frames:v", 6),
        *(*codec, path),
    )
    info = probe(path)
    assert info.decoding.interlaced
    assert any("interlaced" in note for note in info.notes)
    frames = list(read_frames(info, 96, 48))
    assert (len(frames), info.times.frames) == (6, 6)
    raw = ffmpeg("-i", path, "-f", "rawvideo", "-pix_fmt", "gray", "-")
    combed = np.frombuffer(raw, np.uint8).reshape(6, 48, 96).astype(int)

    def comb(pictures):
        return np.mean([np.abs(p[1:-1] - (p[:-2] + p[2:]) / 2).mean() for p in pictures[1:-1]])

    ours = np.stack(frames)[..., 1].astype(int)
    assert comb(combed) > 10
    assert comb(ours) < comb(combed) / 4


# Colours beyond BT.709


def as_signal(curve, nits):
    """Code values 0..1 of a light: PQ of SMPTE ST 2084, in cd/m²."""
    assert curve == "PQ"
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = (np.asarray(nits, float) / 10_000) ** m1
    return ((c1 + c2 * power) / (1 + c3 * power)) ** m2


def gamma_709(light):
    """The curve of BT.709 that ffmpeg's zscale has for it: that of its displays, BT.1886."""
    return np.clip(light, 0, 1) ** (1 / 2.4)


HDR = {
    "PQ": ("smpte2084", "bt2020"),
    "HLG": ("arib-std-b67", "bt2020"),
    "BT.2020": ("bt2020-10", "bt2020"),
}


def hdr_clip(tmp_path, ffmpeg, kind, greys):
    """A clip of 10 bits of grey bars with these code values, 0..1, and the tags of a kind."""
    curve, primaries = HDR[kind]
    pixels = (np.array(greys) * 65535).round().astype(np.uint16)
    picture = pixels.repeat(16)[None, :, None].repeat(48, 0).repeat(3, 2)
    save_image(np.ascontiguousarray(picture), tmp_path / "bars.png")
    path = tmp_path / "hdr.mkv"
    tags = f"setparams=color_trc={curve}:color_primaries={primaries}:colorspace=bt2020nc"
    ffmpeg(
        *("-loop", 1, "-i", tmp_path / "bars.png", "-frames:v", 3),
        *("-vf", f"scale=out_color_matrix=bt2020:out_range=tv,format=yuv444p10le,{tags}"),
        *("-c:v", "libx264", "-qp", 0, path),
    )
    return path


def test_pq_is_tone_mapped_and_said(tmp_path, ffmpeg):
    nits = [0, 20, 100, 203, 600, 1000, 4000]
    info = probe(hdr_clip(tmp_path, ffmpeg, "PQ", as_signal("PQ", nits)))
    assert info.decoding.colors == "PQ"
    assert any("HDR (PQ): tone-mapped" in note for note in info.notes)
    frame = next(read_frames(info, info.width, info.height))
    seen = frame[24, 8::16].astype(float)
    assert np.ptp(seen, axis=1).max() <= 2  # grey stays grey
    light = np.array(nits) / 203
    knee, peak = 0.3, 4.93  # mobius: as it is up to the knee, 1 at the peak
    a = -knee * knee * (peak - 1) / (knee * knee - 2 * knee + peak)
    b = (knee * knee - 2 * knee * peak + peak) / (peak - 1)
    rolled = (b * b + 2 * b * knee + knee * knee) / (b - a) * (light + a) / (light + b)
    expected = 255 * gamma_709(np.where(light <= knee, light, rolled))
    assert np.abs(seen.mean(axis=1) - expected).max() <= 4
    assert seen[3].mean() > 200  # diffuse white is light, and what is brighter is told apart
    assert seen[5].mean() - seen[3].mean() > 20


@pytest.mark.parametrize("kind", ["HLG", "BT.2020"])
def test_hlg_and_wide_colours_keep_their_greys(tmp_path, ffmpeg, kind):
    greys = np.linspace(0, 1, 6)
    info = probe(hdr_clip(tmp_path, ffmpeg, kind, greys))
    assert info.decoding.colors == kind
    assert any(kind in note for note in info.notes)
    frame = next(read_frames(info, info.width, info.height))
    assert np.abs(frame[24, 8::16].mean(axis=1) - 255 * greys).max() <= 3


def test_wide_colours_are_converted(encode):
    """Patches of BT.709, written as BT.2020 by zscale, come back as they were."""
    to_2020 = "format=gbrp,zscale=min=gbr:pin=bt709:tin=bt709:p=bt2020:t=bt2020-10:m=bt2020nc:r=tv"
    tags = ("-color_trc", "bt2020-10", "-color_primaries", "bt2020", "-colorspace", "bt2020nc")
    options = ("-vf", f"{to_2020},format=yuv444p10le", "-c:v", "libx264", "-qp", 0, *tags)
    info = probe(encode("a.mkv", *options))
    assert info.decoding.colors == "BT.2020"
    assert off(next(read_frames(info, WIDTH, HEIGHT)), patches()) <= 8


# Opacity

VP8_ALPHA = ("-pix_fmt", "yuva420p", "-crf", 4, "-b:v", "4M", "-auto-alt-ref", 0)
CLEAR = {
    "vp9": ("a.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-crf", 4, "-b:v", 0)),
    "vp8": ("a.webm", ("-c:v", "libvpx", *VP8_ALPHA)),
    "prores": ("a.mov", ("-c:v", "prores_ks", "-profile:v", 4, "-pix_fmt", "yuva444p10le")),
    "ffv1": ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "bgra")),
    "png": ("a.mov", ("-c:v", "png", "-pix_fmt", "rgba")),
    "qtrle": ("a.mov", ("-c:v", "qtrle", "-pix_fmt", "argb")),
    "apng": ("a.apng", ("-pix_fmt", "rgba", "-plays", 0)),
}


@pytest.mark.parametrize("kind", CLEAR)
def test_what_is_transparent_is_put_on_the_matte(tmp_path, ffmpeg, kind):
    name, options = CLEAR[kind]
    picture = np.full((48, 64, 4), (200, 40, 90, 255), np.uint8)
    picture[:, 32:, 3] = 0
    Image.fromarray(picture).save(tmp_path / "clear.png")
    path = tmp_path / name
    ffmpeg("-loop", 1, "-i", tmp_path / "clear.png", "-frames:v", 4, *options, path)
    info = clip_of(path, Options(matte="#2030f0").input)
    assert (info.decoding.alpha, info.times.frames) == (True, 4)
    frame = next(read_frames(info, 64, 48))
    assert np.abs(frame[24, 16].astype(int) - (200, 40, 90)).max() <= 10
    assert np.abs(frame[24, 48].astype(int) - (0x20, 0x30, 0xF0)).max() <= 4
    white = next(read_frames(clip_of(path, Options().input), 64, 48))
    assert (white[24, 48] >= 253).all()
    (opacity, *_) = read_opacity(info, 64, 48)
    assert opacity.shape == (48, 64)
    assert (opacity[24, 16], opacity[24, 48]) == (255, 0)


# Times


def at_times(tmp_path, ffmpeg, times, name="vfr.mp4"):
    """A clip whose frames have these times, in seconds; each frame's grey level is its number."""
    steps = "+".join(f"gte(N,{i})*{b - a}" for i, (a, b) in enumerate(pairwise(times), 1))
    path = tmp_path / name
    ffmpeg(
        *("-f", "lavfi", "-i", "color=black:s=32x32:r=25,geq=lum='16+8*N':cb=128:cr=128"),
        *("-vf", f"settb=1/90000,setpts='({steps})/TB'", "-frames:v", len(times)),
        *("-fps_mode", "passthrough", "-enc_time_base", "1/90000", "-c:v", "libx264", "-qp", 4),
        *("-pix_fmt", "yuv420p", path),
    )
    return path


UNEVEN = (0.0, 0.04, 0.08, 0.36, 0.4, 0.42, 0.44, 0.8)


def test_uneven_times_become_repeats_at_the_rate_of_the_median(tmp_path, ffmpeg):
    path = at_times(tmp_path, ffmpeg, UNEVEN)
    info = probe(path)
    assert (info.times.fps, info.times.frames) == (25, 7)
    assert info.times.numbers == (0, 1, 2, 3, 4, 6, 7)  # the one at 0.42 s has no tick of its own
    assert info.times.repeats == (1, 1, 7, 1, 1, 9, 1)
    assert info.times.begins == tuple(Fraction(t, 25) for t in (0, 1, 2, 9, 10, 11, 20))
    assert info.times.duration == Fraction(21, 25)
    frames = list(read_frames(info, 32, 32))
    levels = [frame[16, 16, 1] for frame in read_frames(probe(path, rate="vfr"), 32, 32)]
    assert len(set(levels)) == 8
    assert [frame[16, 16, 1] for frame in frames] == [
        levels[number] for number in info.times.numbers
    ]
    assert any("with 14 repeated and 1 left out" in n for n in info.notes)


def test_timestamps_can_be_kept(tmp_path, ffmpeg):
    info = probe(at_times(tmp_path, ffmpeg, UNEVEN), rate="vfr")
    assert info.times.vfr
    assert [float(time) for time in info.times.begins] == pytest.approx(UNEVEN, abs=1e-4)
    assert (info.times.numbers, info.times.repeats) == ((), ())


@pytest.mark.parametrize("rate", ["12", "24", "30000/1001", "48", "5"])
@pytest.mark.parametrize("own", ["24", "30000/1001"])
def test_another_rate_shows_at_every_tick_the_frame_that_is_due(encode, rate, own):
    path = encode("a.mp4", *x264("yuv420p", *TO_709), frames=30, rate=own)
    rate, own = Fraction(rate), Fraction(own)
    info, whole = probe(path, rate=rate), probe(path)
    shown = [
        n
        for frame in range(info.times.frames)
        for n in [info.times.number(frame)] * info.times.shown(frame)
    ]
    assert info.times.fps == rate
    assert len(shown) == max(1, round(whole.times.duration * rate))
    assert abs(info.times.duration - whole.times.duration) <= 1 / rate
    for tick, number in enumerate(shown):
        late = tick / rate - whole.times.begins[number]  # by which a frame is shown after its time
        assert -min(1 / rate, 1 / own) / 2 <= late <= 1 / own
    assert len(list(read_frames(info, 32, 24))) == info.times.frames
    assert info.notes == ()


def test_a_dropped_frame_is_a_repeat(tmp_path, ffmpeg):
    times = [number / 25 for number in range(12) if number != 5]
    info = probe(at_times(tmp_path, ffmpeg, times))
    assert (info.times.fps, info.times.frames, info.times.duration) == (25, 11, Fraction(12, 25))
    assert info.times.repeats == (1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1)


def test_jitter_of_timestamps_is_no_varying_rate(tmp_path, ffmpeg):
    """As of screens and phones: each frame has its tick, and none is repeated."""
    jitter = np.random.default_rng(1).uniform(-0.008, 0.008, 20)
    times = [0.0, *(number / 30 + jitter[number] for number in range(1, 20))]
    info = probe(at_times(tmp_path, ffmpeg, times))
    assert (info.times.fps, info.times.frames, info.times.repeats, info.notes) == (30, 20, (), ())


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_late_start_is_known(encode, name):
    sound = ("-f", "lavfi", "-i", "sine=d=2")
    late = ("-vf", "scale=out_color_matrix=bt709:out_range=tv,setpts=PTS+0.5/TB", *BT709)
    info = probe(encode(name, *x264("yuv420p", *late), "-c:a", "aac", before=sound, frames=24))
    assert float(info.start) == pytest.approx(0.5, abs=0.04)
    assert (info.times.frames, info.times.fps, info.times.begins[0], info.decoding.opencv) == (
        24,
        24,
        0,
        False,
    )
    assert off(list(read_frames(info, WIDTH, HEIGHT))[-1], patches()) <= 8


@pytest.mark.parametrize("rate", ["1/4", "1", "240", "1000/33"])
def test_slow_and_fast_clips(encode, rate):
    info = probe(encode("a.mp4", *x264("yuv420p", *TO_709), rate=rate))
    assert (info.times.fps, info.times.frames) == (Fraction(rate), 6)


# Streams


@pytest.fixture
def two_streams(tmp_path, ffmpeg):
    """Two video streams, of 64 x 48 and 32 x 32; the second one is the default."""
    path = tmp_path / "two.mkv"
    ffmpeg(
        *(
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=64x48:r=24",
            "-f",
            "lavfi",
            "-i",
            "smptebars=s=32x32:r=25",
        ),
        *(
            "-f",
            "lavfi",
            "-i",
            "sine",
            "-t",
            0.4,
            "-map",
            2,
            "-map",
            0,
            "-map",
            1,
            "-c:v",
            "libx264",
        ),
        *("-disposition:v:0", 0, "-disposition:v:1", "default", path),
    )
    return path


def test_the_default_one_of_several_streams_is_taken_and_said(two_streams):
    info = probe(two_streams)
    assert (info.width, info.height, info.times.fps, info.decoding.stream) == (32, 32, 25, 2)
    assert info.notes == ("2 video streams: number 1 is taken, --stream takes another",)
    assert len(list(read_frames(info, 32, 32))) == info.times.frames == 10


@pytest.mark.parametrize(("stream", "size"), [(0, (64, 48)), (1, (32, 32))])
def test_a_stream_can_be_chosen(two_streams, stream, size):
    info = clip_of(two_streams, Options(stream=stream).input)
    assert (info.width, info.height) == size
    frame = list(read_frames(info, *size))[-1]
    ((_, near),) = read_near(info, [info.times.frames - 1], *size)
    assert np.abs(frame.astype(int) - near).mean() < 3


def test_a_stream_that_is_not_there_is_an_error(two_streams, clip):
    with pytest.raises(UsageError, match="no such video stream, only 0 to 1"):
        probe(two_streams, stream=2)
    with pytest.raises(UsageError, match="only one, number 0"):
        probe(clip, stream=1)


def test_a_cover_and_subtitles_are_no_video(tmp_path, clip, ffmpeg):
    save_image(patches(), tmp_path / "cover.png")
    (tmp_path / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nLa la\n")
    path = tmp_path / "covered.mp4"
    ffmpeg(
        *("-i", tmp_path / "cover.png", "-i", clip, "-i", tmp_path / "words.srt"),
        *("-map", 0, "-map", 1, "-map", 2, "-c:v:0", "png", "-c:v:1", "copy", "-c:a", "copy"),
        *("-c:s", "mov_text", "-disposition:v:0", "attached_pic", path),
    )
    info, plain = probe(path), probe(clip)
    assert (info.times.frames, info.times.fps, info.audio, info.notes) == (6, 24, ("aac",), ())
    ours, theirs = (list(read_frames(i, 64, 48)) for i in (info, plain))
    assert np.abs(np.stack(ours).astype(int) - np.stack(theirs)).mean() < 2


# Names


@pytest.mark.parametrize("name", [b"new\nline.mp4", b"not\xff\xfeutf8.mp4", b"-y.mp4", b"%05d.mp4"])
def test_names_are_only_names(tmp_path, monkeypatch, clip, name):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    try:
        path.write_bytes(clip.read_bytes())
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    monkeypatch.chdir(tmp_path)
    info = probe(Path(os.fsdecode(name)))
    ours, theirs = (list(read_frames(i, 64, 48)) for i in (info, probe(clip)))
    assert np.abs(np.stack(ours).astype(int) - np.stack(theirs)).mean() < 2


# Limits and damage


def test_limits_are_checked_before_anything_is_decoded(encode, monkeypatch):
    path = encode("a.mkv", "-c:v", "ffv1", "-vf", "scale=1200:1000")
    monkeypatch.setattr(
        "mnst_video.media.input.probe._first_frame", lambda *_: pytest.fail("it was decoded")
    )
    with pytest.raises(InputError, match=r"1200×1000 is more than 1 megapixels .*--max-pixels 2"):
        probe(path, max_pixels=1.0)


def test_too_many_frames_and_hours_are_refused(encode, monkeypatch):
    path = encode("a.mp4", *x264("yuv420p"))
    monkeypatch.setattr("mnst_video.media.input.limits.MAX_FRAMES", 5)
    with pytest.raises(InputError, match="more than 5 frames"):
        probe(path)
    assert probe(path, max_pixels=72.0).times.frames == 6
    monkeypatch.setattr("mnst_video.media.input.limits.MAX_FRAMES", 9)
    assert probe(path).times.frames == 6
    with pytest.raises(InputError, match="more than 9 frames"):
        probe(path, rate=Fraction(1000))  # each shown 42 times


def test_a_gap_of_days_is_refused(tmp_path, ffmpeg):
    with pytest.raises(InputError, match="24 hours"):
        probe(at_times(tmp_path, ffmpeg, (0.0, 0.04, 0.08, 90_000.0), "a.mkv"))


def cut_short(path, frames):
    """The file, cut off inside the packet of a frame."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(container.streams.video[0]) if p.size]
        size = packets[frames].pos + packets[frames].size // 2
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize("options", [x264("yuv420p", *TO_709), x264("yuv420p10le", *TO_709)])
def test_what_is_missing_is_an_error_that_says_how_much_or_is_left_out(encode, options):
    index_first = ("-movflags", "+faststart", "-g", 1)
    path = encode("a.mp4", *options, *index_first, frames=20)
    cut_short(path, 13)
    cut = probe(path)
    with pytest.raises(InputError, match=r"cut off: 0\.5\d* of 0\.8\d* s .* --allow-partial"):
        check_whole(cut, range(cut.times.frames), to_end=True)
    info = clip_of(path, Options(allow_partial=True).input)
    assert 12 <= info.times.frames <= 13
    assert len(list(read_frames(info, WIDTH, HEIGHT))) == info.times.frames
    assert info.times.duration == Fraction(info.times.frames, 24)
    assert "cut off: 0.5" in info.notes[-1]


def test_nothing_is_left_out_of_a_clip_that_is_whole(clip):
    assert clip_of(clip, Options(allow_partial=True).input) == clip_of(clip, Options().input)
