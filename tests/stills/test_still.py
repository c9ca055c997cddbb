"""Stills from files."""

import sys

import cv2
import numpy as np
import pytest
from PIL import Image

from mnst_video.errors import InputError, MachineError, UsageError
from mnst_video.media.frames import resize
from mnst_video.media.images import load_image, load_photo, save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.painting.still import paint_still, still_stages
from mnst_video.stills.content import load_content
from mnst_video.stills.still import render_still
from mnst_video.stills.stylize import stylize_image
from mnst_video.timeline.fader import Fader
from mnst_video.timeline.timecode import Time


@pytest.fixture
def photo(tmp_path, texture):
    path = tmp_path / "photo.png"
    save_image(texture(64, 48, 3), path)
    return path


def test_a_still_is_written_beside_its_content(photo, quick, tmp_path, styles):
    steps = []
    options = quick(gamma=0.3, first_steps=4)
    done = render_still(photo, options=options, observe=lambda *step: steps.append(step))
    assert (done.output, done.size) == (tmp_path / "photo_mnst.png", (32, 24))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    pictures = [load_image(path) for path in styles]
    same = stylize_image(load_image(photo), *pictures, 0.3, options)
    assert np.array_equal(load_image(done.output), same)


def test_gamma_is_the_middle_unless_given_and_keys_count_at_the_start(photo, quick, tmp_path):
    looks = {}
    for name, given in (
        ("none", {}),
        ("half", {"gamma": 0.5}),
        ("keys", {"gamma": "0=0.5, 3=1"}),
        ("other", {"gamma": 0.2}),
        ("position", {"position": 1.5}),
    ):
        render_still(photo, tmp_path / f"{name}.png", quick(**given))
        looks[name] = (tmp_path / f"{name}.png").read_bytes()
    assert looks["none"] == looks["half"] == looks["keys"] == looks["position"] != looks["other"]


def test_a_frame_of_a_clip(make_clip, quick, tmp_path):
    clip = make_clip(frames=12)
    frames = {}
    for at in ("start", "0.25", "6f", "end"):
        frames[at] = load_content(
            clip, Options().input, Options().timeline, at=Time.parse(at)
        ).photo.frame
        assert frames[at].shape == (48, 64, 3)
    assert np.array_equal(frames["0.25"], frames["6f"])
    assert not np.array_equal(frames["start"], frames["6f"])
    assert not np.array_equal(frames["end"], frames["6f"])
    done = render_still(clip, options=quick(), at=Time.parse("6f"))
    assert done.output == tmp_path / "clip_mnst.png"


def test_only_a_time_in_beats_asks_for_the_tempo(make_clip, monkeypatch):
    """`bpm = "auto"` of a preset is no reason to listen for beats, nor to need librosa."""
    monkeypatch.setitem(sys.modules, "librosa.beat", None)
    clip, auto = make_clip(frames=12), Options(bpm="auto")
    taken = load_content(clip, auto.input, auto.timeline, at=Time.parse("0.25"))
    assert taken.photo.frame.any()
    assert (taken.clip.path, taken.number) == (clip, 6)
    with pytest.raises(MachineError, match="needs librosa"):
        load_content(clip, auto.input, auto.timeline, at=Time.parse("1b"))


def test_a_tiff_has_16_bits_that_round_to_the_png(photo, quick, tmp_path):
    for name in ("a.tif", "a.png"):
        render_still(photo, tmp_path / name, quick(first_steps=6))
    deep = cv2.imread(str(tmp_path / "a.tif"), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - load_image(tmp_path / "a.png")).max() <= 0.51
    assert len(np.unique(deep)) > 300


def test_opacity_is_kept_where_it_can_be_or_composed(quick, tmp_path, texture):
    pixels = np.dstack([texture(64, 48, 3), np.full((48, 64), 255, np.uint8)])
    pixels[:, :32, 3] = 0
    path = tmp_path / "clear.png"
    Image.fromarray(pixels).save(path)
    for name, matte, mode in (
        ("kept.png", None, "RGBA"),
        ("kept.tif", None, None),
        ("white.jpg", None, "RGB"),
        ("matte.png", "#ff0000", "RGB"),
    ):
        render_still(path, tmp_path / name, quick(matte=matte))
        if mode:
            assert Image.open(tmp_path / name).mode == mode
    kept = np.asarray(Image.open(tmp_path / "kept.png"))
    assert kept[12, 4, 3] == 0
    assert kept[12, 28, 3] == 255
    assert cv2.imread(str(tmp_path / "kept.tif"), cv2.IMREAD_UNCHANGED).shape[2] == 4
    left = {
        n: load_image(tmp_path / n)[:, :12].mean(axis=(0, 1)) for n in ("white.jpg", "matte.png")
    }
    assert (
        left["matte.png"][0] - left["matte.png"][1]
        > left["white.jpg"][0] - left["white.jpg"][1] + 40
    )


def test_the_making_of_is_kept(photo, quick, tmp_path):
    render_still(photo, tmp_path / "a.png", quick(first_steps=7), save_every=3)
    made = sorted(path.name for path in tmp_path.glob("a*.png"))
    assert made == ["a.png", "a_0003.png", "a_0006.png"]
    pictures = [load_image(tmp_path / name).astype(int) for name in made]
    content = resize(load_image(photo), 32, 24).astype(int)
    away = [np.abs(picture - content).mean() for picture in pictures]
    assert away[1] < away[2] < away[0] * 1.2


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((64, 48), [(64, 48)]),
        ((672, 400), [(672, 400)]),
        ((1000, 500), [(500, 250), (1000, 500)]),
        ((2001, 1001), [(501, 251), (1001, 501), (2001, 1001)]),
        ((5000, 40), [(5000, 40)]),
    ],
)
def test_large_stills_are_begun_small(quick, size, sizes):
    stages = still_stages(quick(first_steps=50).paint, *size)
    assert [size for size, _ in stages] == sizes
    assert [steps for _, steps in stages] == [50] + [20] * (len(sizes) - 1)
    assert still_stages(quick(first_steps=50, coarse_to_fine=False).paint, *size) == [(size, 50)]


def test_coarse_to_fine_paints_larger_strokes(network, texture, quick, monkeypatch):
    """More of what changes is coarse than when all is painted at full size at once."""
    monkeypatch.setattr("mnst_video.painting.still.COARSE_SIDE", 40)
    content = texture(128, 96, 3, 6.0)
    styles = texture(128, 96, 1, 2.0), texture(128, 96, 2, 2.0)
    share = {}
    for fine in (True, False):
        options = quick(first_steps=15, coarse_to_fine=fine)
        result = paint_still(network, options.paint, content, styles, Fader(0, 1.0))
        assert result.pixels.shape == content.shape
        change = (result.pixels - content).mean(axis=-1)
        coarse = cv2.GaussianBlur(change, (0, 0), 4.0)
        share[fine] = float(coarse.std() / change.std())
    assert share[True] > share[False]


def test_what_is_neither_picture_nor_clip_is_refused(quick, tmp_path, photo):
    text = tmp_path / "text.png"
    text.write_text("once upon a time " * 40)
    with pytest.raises(InputError, match=r"text\.png: this is not a picture that can be read"):
        render_still(text, options=quick())
    with pytest.raises(InputError, match="there is no such picture"):
        render_still(tmp_path / "no.png", options=quick())
    for output, message in (
        ("a.mp4", "unknown kind of picture; use one of .png"),
        ("photo.png", "is the input"),
        ("no/a.png", "there is no folder"),
    ):
        with pytest.raises(UsageError, match=message):
            render_still(photo, tmp_path / output, quick())
    with pytest.raises(UsageError, match="--save-every 0"):
        render_still(photo, options=quick(), save_every=0)
    render_still(photo, options=quick())
    with pytest.raises(UsageError, match="exists; use --overwrite"):
        render_still(photo, options=quick())


def test_a_clip_says_why_it_cannot_be_a_still(quick, tmp_path, clip):
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(clip.read_bytes()[:300])
    with pytest.raises(InputError, match=r"broken\.mp4: this is not a video that can be read"):
        render_still(broken, tmp_path / "a.png", quick())
    with pytest.raises(UsageError, match=r"--stream 7: .* has no such video stream"):
        render_still(clip, tmp_path / "a.png", quick(stream=7))


def test_a_still_of_a_transparent_clip_is_transparent(quick, tmp_path, ffmpeg):
    source = tmp_path / "a.mov"
    clear = "color=red:s=32x24:r=24,format=rgba,geq=r='r(X,Y)':g=0:b=0:a='255*lt(X,16)'"
    ffmpeg("-f", "lavfi", "-i", clear, "-frames:v", 3, "-c:v", "png", source)
    done = render_still(source, tmp_path / "a.png", quick())
    alpha = load_photo(done.output).alpha
    assert (alpha[12, 4], alpha[12, 28]) == (255, 0)


def test_a_still_is_the_frame_at_its_time_also_far_behind_a_keyframe(make_clip):
    source = make_clip(frames=30, extra=("-g", 999))
    wanted = list(read_frames(probe(source), 64, 48))[23]
    photo = load_content(source, Options().input, Options().timeline, at=Time.parse("23f")).photo
    assert np.abs(photo.frame.astype(int) - wanted).max() <= 3


def test_numbered_pictures_have_stills(quick, tmp_path, texture):
    folder = tmp_path / "shots"
    folder.mkdir()
    for number in range(3):
        save_image(texture(32, 24, number), folder / f"a{number:03d}.png")
    pattern = folder / "a%03d.png"
    photo = load_content(pattern, Options().input, Options().timeline, at=Time.parse("2f")).photo
    assert np.array_equal(photo.frame, texture(32, 24, 2))
    assert render_still(folder, None, quick()).output == tmp_path / "shots_mnst.png"


def test_a_still_with_masks(photo, make_clip, quick, tmp_path):
    """What has no paint is the picture, and a wipe uncovers gamma's share."""
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :32] = 255
    path = tmp_path / "half.png"
    save_image(np.dstack([mask] * 3), path)
    output = tmp_path / "o.png"
    options = quick(strength_mask=str(path), wipe="left", gamma=0.3, max_side=64)
    render_still(photo, output, options)
    shown, content = (load_image(p).astype(int) for p in (output, photo))
    assert np.array_equal(shown[:, 32:], content[:, 32:])
    assert np.abs(shown - content)[:, :32].mean() > 3.0
    # A frame of a clip has the mask of its own time.
    clip = make_clip(frames=6)
    masks = tmp_path / "masks"
    masks.mkdir()
    for number in range(6):
        save_image(
            np.full((48, 64, 3), 255 if number == 4 else 0, np.uint8), masks / f"{number}.png"
        )
    for at, same in (("3f", True), ("4f", False)):
        render_still(
            clip, output, quick(strength_mask=str(masks)), at=Time.parse(at), overwrite=True
        )
        content = load_content(clip, Options().input, Options().timeline, at=Time.parse(at)).photo
        away = np.abs(load_image(output).astype(int) - resize(content.frame, 32, 24))
        assert (away.max() == 0) == same


def test_a_mask_of_another_shape_is_told(photo, quick, tmp_path):
    save_image(np.zeros((64, 64, 3), np.uint8), tmp_path / "m.png")
    with pytest.raises(InputError, match="is 64×64, and the clip 64×48"):
        render_still(photo, options=quick(content_mask=str(tmp_path / "m.png")))
