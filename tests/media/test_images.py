"""Pictures of every kind come in as upright RGB; what is no picture is said to be none."""

import os

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from mnst_video.errors import InputError, MachineError, UsageError
from mnst_video.media import images
from mnst_video.media.files import write_bytes
from mnst_video.media.frames import fit_style, resize
from mnst_video.media.images import Photo, load_frame, load_image, load_photo, save_image
from mnst_video.options import Options
from mnst_video.plan.source import clip_of

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def halves(left, right, width=32, height=16):
    frame = np.empty((height, width, 3), np.uint8)
    frame[:, : width // 2], frame[:, width // 2 :] = left, right
    return frame


def test_the_exif_orientation_is_applied(tmp_path):
    # 6: the camera was turned; upright, the left of the stored picture is at the top.
    picture = Image.fromarray(halves(RED, BLUE))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.png", exif=exif)
    frame = load_image(tmp_path / "turned.png")
    assert frame.shape == (32, 16, 3)
    assert tuple(frame[4, 8]) == RED
    assert tuple(frame[28, 8]) == BLUE


def test_alpha_is_composed_on_white(tmp_path):
    picture = Image.new("RGBA", (20, 20), (*RED, 0))
    picture.paste((*RED, 51), (10, 0, 20, 20))
    picture.save(tmp_path / "alpha.png")
    frame = load_image(tmp_path / "alpha.png")
    assert tuple(frame[5, 5]) == (255, 255, 255)
    assert tuple(frame[5, 15]) == (255, 204, 204)


@pytest.mark.parametrize("name", ["palette.png", "palette.gif"])
def test_a_palette_becomes_its_colours_and_white(tmp_path, name):
    picture = Image.new("P", (20, 20), 1)
    picture.putpalette([*BLUE, *GREEN])
    picture.paste(0, (10, 0, 20, 20))
    picture.save(tmp_path / name, transparency=0)
    frame = load_image(tmp_path / name)
    assert tuple(frame[5, 5]) == GREEN
    assert tuple(frame[5, 15]) == (255, 255, 255)


def test_grayscale_becomes_rgb(tmp_path):
    ramp = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (16, 1))
    Image.fromarray(ramp).save(tmp_path / "gray.png")
    frame = load_image(tmp_path / "gray.png")
    assert frame.dtype == np.uint8
    assert np.array_equal(frame, np.repeat(ramp[..., None], 3, axis=2))


def test_sixteen_bits_a_channel_become_eight(tmp_path):
    ramp = np.tile(np.linspace(0, 65535, 32).astype(np.uint16), (16, 1))
    Image.fromarray(ramp).save(tmp_path / "gray16.png")
    frame = load_image(tmp_path / "gray16.png")
    assert np.abs(frame[..., 0].astype(float) - ramp / 257).max() <= 1.0


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "print.tif")
    frame = load_image(tmp_path / "print.tif")
    assert (frame.shape, frame.dtype) == ((16, 16, 3), np.uint8)
    assert frame[8, 8, 0] > 200
    assert frame[8, 8, 1:].max() < 60


def test_a_profile_is_converted_to_srgb(tmp_path):
    """Of a profile whose red and blue are swapped, pure red is blue."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = bytearray(srgb)
    tags = {}
    for i in range(int.from_bytes(srgb[128:132], "big")):
        entry = 132 + 12 * i
        tags[bytes(srgb[entry : entry + 4])] = entry
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    swapped[red + 4 : red + 8], swapped[blue + 4 : blue + 8] = (
        srgb[blue + 4 : blue + 8],
        srgb[red + 4 : red + 8],
    )
    for mode, color in (("RGB", RED), ("RGBA", (*RED, 128))):
        picture = Image.new(mode, (16, 16), color)
        picture.save(tmp_path / "a.png", icc_profile=bytes(swapped))
        photo = load_photo(tmp_path / "a.png")
        assert photo.frame[8, 8] == pytest.approx(BLUE, abs=3)
        assert (photo.alpha is None) == (mode == "RGB")
        picture.save(tmp_path / "b.png", icc_profile=srgb)
        assert load_photo(tmp_path / "b.png").frame[8, 8] == pytest.approx(RED, abs=1)
        if mode == "RGB":
            picture.quantize(4).save(tmp_path / "d.png", icc_profile=bytes(swapped))
            assert load_photo(tmp_path / "d.png").frame[8, 8] == pytest.approx(BLUE, abs=3)
        picture.save(tmp_path / "c.png", icc_profile=b"no profile at all")
        assert tuple(load_photo(tmp_path / "c.png").frame[8, 8]) == RED


def test_a_large_transparent_picture_is_composed_exactly():
    """All opacities over all grounds, against the definition."""
    alpha = np.arange(256, dtype=np.uint8)[:, None].repeat(256, axis=1)
    value = np.arange(256, dtype=np.uint8)[None].repeat(256, axis=0)
    photo = Photo(np.dstack([value] * 3), alpha)
    for ground in (0, 77, 255):
        expected = ground + alpha / 255.0 * (value.astype(float) - ground)
        composed = photo.on(f"rgb({ground},{ground},{ground})")[..., 1]
        assert np.abs(composed - expected).max() <= 0.5


def test_opacity_is_kept_apart(tmp_path):
    picture = Image.new("RGBA", (20, 20), (*RED, 0))
    picture.paste((*RED, 51), (10, 0, 20, 20))
    picture.save(tmp_path / "alpha.png")
    photo = load_photo(tmp_path / "alpha.png")
    assert tuple(photo.frame[5, 15]) == RED
    assert (photo.alpha[5, 5], photo.alpha[5, 15]) == (0, 51)
    assert tuple(photo.on("#000000")[5, 15]) == (51, 0, 0)
    assert tuple(photo.on("blue")[5, 5]) == BLUE
    Image.new("RGBA", (20, 20), (*RED, 255)).save(tmp_path / "opaque.png")
    assert load_photo(tmp_path / "opaque.png").alpha is None


def test_pictures_are_written_with_16_bits_and_opacity(tmp_path):
    frame = np.random.default_rng(0).integers(0, 65536, (9, 7, 3), np.uint16)
    alpha = np.arange(63, dtype=np.uint8).reshape(9, 7)
    for name, channels in (("a.tif", 3), ("a.png", 3), ("b.tif", 4), ("b.png", 4)):
        save_image(frame, tmp_path / name, alpha if channels == 4 else None)
        read = cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED)
        assert (read.dtype, read.shape) == (np.uint16, (9, 7, channels))
        assert np.array_equal(read[..., 2::-1], frame)
        if channels == 4:
            assert np.array_equal(read[..., 3], alpha.astype(np.uint16) * 257)


def test_the_first_picture_of_an_animation_is_taken(tmp_path):
    pictures = [Image.new("RGB", (16, 16), color) for color in (GREEN, RED)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:])
    assert load_image(tmp_path / "a.gif")[8, 8] == pytest.approx(GREEN, abs=1)


def test_what_is_no_plain_picture_is_refused_with_a_reason(tmp_path):
    pipe, program, measured = (tmp_path / name for name in ("pipe", "a.eps", "a.tif"))
    os.mkfifo(pipe)
    Image.new("RGB", (16, 16)).save(program)
    Image.fromarray(np.full((16, 16), 0.5, np.float32)).save(measured)
    for path, reason in (
        (pipe, "not a file"),
        (program, "not a picture"),
        (measured, "floating-point values"),
    ):
        with pytest.raises(InputError, match=reason):
            load_image(path)


def test_damaged_tags_are_passed_over_in_silence(tmp_path, recwarn):
    tags = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + 3 * b"\x12\x01\x03\0\xff\xff\xff\x7f"
    Image.new("RGB", (16, 16), RED).save(tmp_path / "a.jpg", exif=tags, quality=95)
    assert load_image(tmp_path / "a.jpg")[8, 8] == pytest.approx(RED, abs=3)
    assert not recwarn.list


def test_a_missing_picture_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.png: there is no such picture"):
        load_image(tmp_path / "nowhere.png")


def test_a_folder_is_no_picture(tmp_path):
    with pytest.raises(InputError, match="folder"):
        load_image(tmp_path)


def test_text_is_no_picture(tmp_path):
    (tmp_path / "text.jpg").write_text("a thousand words")
    with pytest.raises(InputError, match=r"text\.jpg: this is not a picture"):
        load_image(tmp_path / "text.jpg")


def test_an_empty_file_is_no_picture(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty\.png"):
        load_image(tmp_path / "empty.png")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_cut_off_is_refused(tmp_path, suffix):
    whole = tmp_path / f"whole.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(whole)
    broken = tmp_path / f"broken.{suffix}"
    broken.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match="cannot be read"):
        load_image(broken)


def test_a_decompression_bomb_is_refused(tmp_path, monkeypatch):
    Image.new("RGB", (64, 32)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(images, "MOST_PIXELS", 0.0015)
    with pytest.raises(InputError, match="too large"):
        load_image(tmp_path / "bomb.png")
    assert images.load_photo(tmp_path / "bomb.png", 0.0021).frame.shape == (32, 64, 3)


def test_a_picture_over_pillows_own_limit_is_read_where_that_is_asked_for(tmp_path, monkeypatch):
    Image.new("RGB", (64, 32)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 600)  # twice that is an error of Pillow
    assert load_image(tmp_path / "large.png").shape == (32, 64, 3)
    assert Image.MAX_IMAGE_PIXELS == 600


def test_a_saved_frame_is_read_back_to_the_byte(tmp_path):
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    save_image(frame, tmp_path / "frame.png")
    assert np.array_equal(load_frame(tmp_path / "frame.png"), frame)
    assert np.array_equal(load_image(tmp_path / "frame.png"), frame)
    assert [path.name for path in tmp_path.iterdir()] == ["frame.png"]


def test_an_unknown_extension_is_refused(tmp_path):
    frame = np.zeros((16, 16, 3), np.uint8)
    for name in ("frame.xyz", "frame", "frame.mp4"):
        with pytest.raises(UsageError, match=r"use \.png, \.jpg or \.tif"):
            save_image(frame, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_frame_that_is_missing_or_damaged_is_named(tmp_path):
    (tmp_path / "000001.png").write_bytes(b"\x89PNG")
    for name in ("000000.png", "000001.png"):
        with pytest.raises(InputError, match=name):
            load_frame(tmp_path / name)


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(MachineError, match="cannot be written"):
        write_bytes(tmp_path / "nowhere" / "file", b"data")
    (tmp_path / "taken").mkdir()
    with pytest.raises(MachineError, match="taken: cannot be written"):
        write_bytes(tmp_path / "taken", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@pytest.mark.parametrize("shape", [(100, 300), (300, 100), (64, 64), (20, 50)])
@pytest.mark.parametrize("size", [(96, 54), (54, 96), (64, 64)])
def test_a_style_covers_the_size_and_is_cropped_to_its_centre(shape, size):
    # Red counts the columns, green the rows: what was cropped can be read off.
    height, width = shape
    style = np.zeros((height, width, 3), np.uint8)
    style[..., 0] = np.linspace(0, 255, width)
    style[..., 1] = np.linspace(0, 255, height)[:, None]
    fitted = fit_style(style, *size).astype(float)
    assert fitted.shape == (size[1], size[0], 3)
    cover = max(size[0] / width, size[1] / height)
    seen_x, seen_y = size[0] / cover / width, size[1] / cover / height
    middle = fitted[size[1] // 2, size[0] // 2]
    assert middle[:2] == pytest.approx([127.5, 127.5], abs=6)
    spread_x = fitted[..., 0].max() - fitted[..., 0].min()
    spread_y = fitted[..., 1].max() - fitted[..., 1].min()
    assert (spread_x, spread_y) == pytest.approx((255 * seen_x, 255 * seen_y), abs=12)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [(1.0, (64, 48)), (2.0, (128, 96)), (0.5, (32, 24)), (0.1, (16, 16))],
)
def test_the_style_scale_scales_what_is_fitted(scale, expected):
    style = np.random.default_rng(0).integers(0, 256, (40, 90, 3), np.uint8)
    fitted = fit_style(style, 64, 48, scale)
    assert (fitted.shape[1], fitted.shape[0]) == expected
    if scale == 2.0:
        smaller = resize(fitted, 64, 48).astype(float)
        assert np.abs(smaller - fit_style(style, 64, 48)).mean() < 8


def test_a_frame_of_the_right_size_is_not_touched():
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    assert resize(frame, 64, 48) is frame


def test_shrinking_averages_and_enlarging_keeps_flat_areas():
    frame = halves((0, 0, 0), (200, 100, 50))
    assert tuple(resize(frame, 1, 1)[0, 0]) == (100, 50, 25)
    large = resize(frame, 128, 64)
    assert tuple(large[32, 120]) == (200, 100, 50)
    assert tuple(large[32, 8]) == (0, 0, 0)


def test_a_phones_picture_is_read_or_the_extra_is_named(tmp_path, monkeypatch, texture):
    heif = pytest.importorskip("pillow_heif")
    picture = texture(48, 32, 1, 8.0)
    path = tmp_path / "IMG_0001.HEIC"
    heif.from_pillow(Image.fromarray(picture)).save(path, quality=95)
    assert np.abs(load_image(path).astype(int) - picture).mean() < 6
    clip = clip_of(path, Options(seconds=0.5).input)
    assert (clip.width, clip.height, clip.times.frames) == (48, 32, 12)
    monkeypatch.setattr(images, "KINDS", tuple(kind for kind in images.KINDS if kind != "HEIF"))
    with pytest.raises(InputError, match=r"IMG_0001\.HEIC: .*pip install 'mnst-video\[heic\]'"):
        load_image(path)


def test_what_is_no_picture_has_advice_of_its_kind(tmp_path):
    (tmp_path / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(InputError, match="it is a drawing: export it as PNG"):
        load_image(tmp_path / "a.svg")
    Image.new("RGB", (32, 32), (9, 90, 200)).save(tmp_path / "a.ico")
    assert load_image(tmp_path / "a.ico")[3, 3].tolist() == [9, 90, 200]


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 3)])
def test_a_style_of_a_pixel_or_a_line_is_fitted(shape):
    style = np.full(shape, 77, np.uint8)
    assert (fit_style(style, 64, 48) == 77).all()
    assert fit_style(style, 64, 48).shape == (48, 64, 3)
