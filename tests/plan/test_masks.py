"""Masks of a clip: fitted in time and size, and what is wrong with one is told."""

import numpy as np
import pytest
from PIL import Image

from mnst_video.errors import InputError
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.mask_source import MaskOptions, MaskSource
from mnst_video.media.input.settings import InputOptions
from mnst_video.plan.masks import SAYING, masks_of, near_masks, read_masks
from mnst_video.plan.shots import Shot
from mnst_video.plan.source import clip_of
from mnst_video.timeline.wipe import Wipe

SIZE = 64, 48


@pytest.fixture
def footage(make_clip):
    """12 frames at 24 a second: half a second."""
    return clip_of(make_clip(frames=12), InputOptions())


def grey(folder, values, name="m", size=SIZE, mode="L", suffix="png"):
    """Pictures of one value each, numbered."""
    folder.mkdir(exist_ok=True)
    for number, value in enumerate(values):
        dtype = np.uint16 if mode == "I;16" else np.uint8
        picture = np.full(size[::-1], value, dtype)
        Image.fromarray(picture).save(folder / f"{name}{number:03d}.{suffix}")
    return folder


def masks_from(clip, text, name="gamma_mask"):
    return masks_of(clip, MaskOptions(**{name: MaskSource.parse(text)}))


def levels(clip, masks, channel=0, size=SIZE, numbers=None, shots=None):
    """The mean of a channel in each frame."""
    numbers = range(clip.times.frames) if numbers is None else numbers
    shots = shots or (Shot(0, 0, clip.times.frames),)
    shares = [i / (clip.times.frames - 1) for i in range(clip.times.frames)]
    read = read_masks(masks, clip, shares, shots, size, numbers)
    return [round(float(picture[..., channel].mean())) for picture in read]


def test_without_masks_there_are_none(footage):
    assert masks_of(footage, MaskOptions()) is None


def test_pictures_frame_by_frame(footage, tmp_path):
    values = [20 * i for i in range(12)]
    masks = masks_from(footage, str(grey(tmp_path / "m", values)))
    assert levels(footage, masks) == values
    assert levels(footage, masks, numbers=[3, 4, 9]) == [60, 80, 180]
    assert levels(footage, masks, channel=1) == [SAYING[1]] * 12
    assert levels(footage, masks, channel=2) == [SAYING[2]] * 12
    assert len(masks.files) == 12


def test_a_pattern_and_one_picture(footage, tmp_path):
    grey(tmp_path / "m", range(100, 112))
    pattern = masks_from(footage, str(tmp_path / "m" / "m%03d.png[invert]"))
    assert levels(footage, pattern) == list(range(155, 143, -1))
    one = masks_from(footage, str(tmp_path / "m" / "m007.png"), "strength_mask")
    assert levels(footage, one, channel=1) == [107] * 12
    assert one.files == (tmp_path / "m" / "m007.png",)
    assert one.paint is one.masks[0]


@pytest.fixture
def grey_clip(ffmpeg, tmp_path):
    """A lossless clip of grey pictures, or of values."""

    def make(values, name="g.mkv", fps=24, size=SIZE, select="1"):
        folder = tmp_path / f"{name}-pictures"
        folder.mkdir()
        for number, value in enumerate(values):
            picture = np.zeros(size[::-1], np.uint8) + np.asarray(value, np.uint8)
            Image.fromarray(picture).save(folder / f"{number:03d}.png")
        ffmpeg(
            *("-framerate", fps, "-i", folder / "%03d.png", "-vf", f"select='{select}'"),
            *("-fps_mode", "vfr", "-c:v", "ffv1", "-pix_fmt", "gray", tmp_path / name),
        )
        return tmp_path / name

    return make


def test_another_rate_and_size_are_fitted(footage, grey_clip):
    """A mask at 12 frames a second, four times as large: each frame of it lasts two."""
    values = [0, 50, 100, 150, 200, 250]
    mask = grey_clip(values, fps=12, size=(256, 192))
    found = levels(footage, masks_from(footage, str(mask)))
    assert found == [value for value in values for _ in (0, 1)]


def test_short_masks_hold_or_begin_again_and_else_both_durations_are_told(footage, tmp_path):
    folder = grey(tmp_path / "m", [0, 50, 100, 150])
    with pytest.raises(InputError, match=r"lasts 0\.167 s, and the clip 0\.500 s.*short=hold"):
        masks_from(footage, str(folder))
    hold = masks_from(footage, f"{folder}[short=hold]")
    assert levels(footage, hold) == [0, 50, 100] + [150] * 9
    loop = masks_from(footage, f"{folder}[short=loop]")
    assert levels(footage, loop) == [0, 50, 100, 150] * 3
    assert levels(footage, loop, numbers=[1, 3, 4, 11]) == [50, 150, 0, 150]


def test_longer_masks_are_errors_with_both_durations(footage, tmp_path):
    folder = grey(tmp_path / "m", [0] * 24)
    with pytest.raises(InputError, match=r"lasts 1\.000 s, and the clip 0\.500 s; cut"):
        masks_from(footage, str(folder))
    grey(tmp_path / "n", [9] * 13)  # a frame more is how containers round
    assert levels(footage, masks_from(footage, str(tmp_path / "n"))) == [9] * 12


def test_a_variable_rate_is_taken_by_its_times(footage, grey_clip):
    """Frames of 1/24 s and then of 1/8 s: what is shown at a time is the mask of that time."""
    values = [20 * i for i in range(12)]
    varying = grey_clip(values, select="lt(n,6)+not(mod(n,3))")
    found = levels(footage, masks_from(footage, f"{varying}[short=hold]"))
    assert found == [*values[:6], *[120] * 3, *[180] * 3]


def test_another_shape_is_an_error_with_both_sizes(footage, tmp_path):
    Image.new("L", (64, 64)).save(tmp_path / "m.png")
    with pytest.raises(InputError, match="is 64×64, and the clip 64×48"):
        masks_from(footage, str(tmp_path / "m.png"))


def test_16_bits_are_rounded_to_8(footage, tmp_path):
    folder = grey(tmp_path / "m", [257 * v for v in range(0, 240, 20)], mode="I;16")
    assert levels(footage, masks_from(footage, str(folder))) == list(range(0, 240, 20))


def test_empty_missing_and_damaged_masks(footage, make_clip, tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"empty\.png"):
        masks_from(footage, str(tmp_path / "empty.png"))
    with pytest.raises(InputError, match="no numbered pictures"):
        masks_from(footage, str(tmp_path / "none"))
    with pytest.raises(InputError, match="there is no such"):
        masks_from(footage, str(tmp_path / "absent.mp4"))
    whole = make_clip("d.mkv", frames=12, audio=False, extra=("-g", "1"))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    with pytest.raises(InputError, match=r"cut\.mkv: is damaged, and a mask has to be whole"):
        masks_from(footage, str(cut))


def test_a_black_mask_is_told_and_one_that_is_all_opacity_too(footage, tmp_path):
    (note,) = masks_from(footage, str(grey(tmp_path / "m", [0] * 12))).notes
    assert note.startswith("m: is black in the 8 frames that were looked at: γ is what black")
    (note,) = masks_from(footage, str(tmp_path / "m" / "m000.png"), "strength_mask").notes
    assert note == "m000.png: is black: nothing is painted"
    assert not masks_from(footage, str(grey(tmp_path / "n", [1] * 12))).notes
    assert not masks_from(footage, f"{tmp_path / 'm'}[invert]").notes
    (note,) = masks_from(footage, f"{grey(tmp_path / 'w', [255] * 12)}[invert]").notes
    assert note.startswith("w: is white, and inverted, in the 8 frames")
    picture = np.zeros((48, 64, 4), np.uint8)
    picture[:, :32, 3] = 200
    Image.fromarray(picture).save(tmp_path / "a.png")
    (note,) = masks_from(footage, str(tmp_path / "a.png")).notes
    assert note.endswith("it has opacity, which [channel=alpha] reads")
    opaque = masks_from(footage, f"{tmp_path / 'a.png'}[channel=alpha]")
    assert not opaque.notes
    assert levels(footage, opaque) == [100] * 12
    with pytest.raises(InputError, match=r"has no opacity; leave \[channel=alpha\] out"):
        masks_from(footage, f"{tmp_path / 'm' / 'm000.png'}[channel=alpha]")


def test_the_footage_s_own_opacity(footage, tmp_path):
    with pytest.raises(InputError, match=r"--gamma-mask alpha: .* has no opacity"):
        masks_from(footage, "alpha")
    folder = tmp_path / "clear"
    folder.mkdir()
    for number in range(3):
        picture = np.full((48, 64, 4), 60 * number, np.uint8)
        Image.fromarray(picture).save(folder / f"{number}.png")
    clear = clip_of(folder, InputOptions())
    assert levels(clear, masks_from(clear, "alpha")) == [0, 60, 120]


def test_light_colours_and_people_of_the_footage(grey_clip):
    halves = np.zeros((48, 64), np.uint8)
    halves[:, 32:] = 255
    clip = clip_of(grey_clip([halves] * 3), InputOptions())
    half = round(255 / 2)
    assert levels(clip, masks_from(clip, "luma:0.5-1")) == pytest.approx([half] * 3, abs=3)
    assert levels(clip, masks_from(clip, "key:#00ff00")) == [255] * 3
    assert levels(clip, masks_from(clip, "key:white")) == [0] * 3  # white has no hue, nor has black
    assert max(levels(clip, masks_from(clip, "person"))) < 200


def test_blur_is_a_share_of_the_picture(footage, tmp_path):
    picture = np.zeros((48, 64), np.uint8)
    picture[:, 32:] = 255
    Image.fromarray(picture).save(tmp_path / "m.png")
    masks = masks_from(footage, f"{tmp_path / 'm.png'}[blur=0.05]")
    for size in (SIZE, (32, 24)):
        (mask, *_) = read_masks(masks, footage, [], (), size, range(12))
        soft = (mask[10, :, 0] > 8) & (mask[10, :, 0] < 247)
        assert soft.mean() == pytest.approx(0.2, abs=0.08)


def test_a_wipe_is_a_mask_of_gamma(footage):
    masks = masks_of(footage, MaskOptions(wipe=Wipe("down"), softness=0.0))
    assert levels(footage, masks) == pytest.approx([255 * i / 11 for i in range(12)], abs=1)
    assert masks.files == ()


def test_a_wipe_that_follows_goes_with_the_picture(tmp_path, texture):
    """A texture that moves to the right by two pixels a frame takes the boundary along."""
    wide = texture(128, 48, 3, 2.0)
    folder = tmp_path / "pan"
    folder.mkdir()
    for t in range(8):
        shown = np.ascontiguousarray(wide[:, 32 - 2 * t : 96 - 2 * t])
        Image.fromarray(shown).save(folder / f"{t}.png")
    clip = clip_of(folder, InputOptions())
    shots = (Shot(0, 0, 8),)
    half = [0.5] * 8
    still, following = (
        list(
            read_masks(
                masks_of(clip, MaskOptions(wipe=Wipe("right", follow), softness=0.0)),
                clip,
                half,
                shots,
                SIZE,
                range(8),
            )
        )
        for follow in (False, True)
    )
    assert np.array_equal(still[0], following[0])
    for t, picture in enumerate(following):
        assert picture[:, : 30 + 2 * t, 0].mean() > 245
        assert picture[:, 34 + 2 * t :, 0].mean() < 10
    # Asked for in the middle, it has followed from the shot's beginning.
    masks = masks_of(clip, MaskOptions(wipe=Wipe("right", True), softness=0.0))
    (alone,) = read_masks(masks, clip, half, shots, SIZE, [5])
    assert np.array_equal(alone, following[5])


def test_single_frames_have_the_masks_of_the_whole(footage, tmp_path):
    """What previews and stills read is what renders read."""
    values = [20 * i for i in range(12)]
    folder = grey(tmp_path / "m", values)
    options = MaskOptions(
        strength_mask=MaskSource.parse(str(folder)),
        content_mask=MaskSource.parse("luma:0.3-1"),
        wipe=Wipe("iris"),
        softness=0.1,
    )
    masks, numbers = masks_of(footage, options), [2, 7, 11]
    shares = [i / 11 for i in range(12)]
    contents = list(read_frames(footage, *SIZE, only={*numbers}))
    whole = list(read_masks(masks, footage, shares, (Shot(0, 0, 12),), SIZE, numbers))
    near = near_masks(masks, footage, [shares[n] for n in numbers], SIZE, numbers, contents)
    for one, other in zip(whole, near, strict=True):
        assert np.array_equal(one, other)
