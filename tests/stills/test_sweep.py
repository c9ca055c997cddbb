"""Sweeps: sheets and moving ones."""

import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mnst_video.errors import UsageError
from mnst_video.media.frames import resize
from mnst_video.media.images import load_image, save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.media.output.containers import is_clip
from mnst_video.stills.sheet import GAP, LETTERS, render_sheet, row_options
from mnst_video.stills.still import render_still
from mnst_video.stills.sweep import render_sweep


@pytest.fixture
def photo(tmp_path, texture):
    path = tmp_path / "photo.png"
    save_image(texture(64, 48, 3), path)
    return path


def test_a_sheet_shows_content_styles_and_the_stills(photo, quick, tmp_path, styles):
    seen = []
    done = render_sheet(photo, None, quick(), pictures=3, observe=lambda *n: seen.append(n))
    assert done.output == tmp_path / "photo_sweep.png"
    assert (done.pictures, seen) == (3, [(1, 3), (2, 3), (3, 3)])
    sheet = load_image(done.output)
    content = resize(load_image(photo), 32, 24)
    width, height = 32, 24
    first_row = sheet[GAP : GAP + height]
    assert np.array_equal(first_row[:, GAP : GAP + width], content)
    second = first_row[:, GAP + width + GAP :][:, :width]
    assert np.array_equal(second, resize(load_image(styles[0]), width, height))
    below = GAP + height + LETTERS + GAP + GAP
    for number, gamma in enumerate((0, 0.5, 1)):
        still = tmp_path / f"{gamma}.png"
        render_still(photo, still, quick(gamma=gamma))
        x = GAP + number * (width + GAP)
        tile = sheet[below : below + height, x : x + width]
        assert np.array_equal(tile, load_image(still)), gamma


def test_rows_vary_a_second_parameter(photo, quick, tmp_path):
    rows = dict(row_options(quick(), "content_weight=0.03, 0.3"))
    assert [o.content_weight for o in rows.values()] == [0.03, 0.3]
    assert list(rows) == ["content_weight = 0.03", "content_weight = 0.3"]
    assert {o.style1 for o in rows.values()} == {quick().style1}
    rows = dict(row_options(quick(), "sigma=auto,1"))
    assert [o.sigma for o in rows.values()] == ["auto", 1.0]
    rows = dict(row_options(quick(), "preset=draft,article"))
    assert [o.losses for o in rows.values()] == ["relative", "article"]
    assert {o.first_steps for o in rows.values()} == {2}  # what is typed wins
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    render_sheet(photo, one, quick(), pictures=2)
    done = render_sheet(photo, two, quick(), pictures=2, rows="strength=0,1")
    assert done.pictures == 4
    sheets = load_image(one), load_image(two)
    assert sheets[1].shape[0] > 1.4 * sheets[0].shape[0]
    content = resize(load_image(photo), 32, 24)
    y = GAP + 24 + LETTERS + 2 * GAP + LETTERS + GAP
    assert np.array_equal(sheets[1][y : y + 24, GAP : GAP + 32], content)  # strength 0


def test_rows_may_have_styles_and_timelines_of_their_own(photo, quick, tmp_path, styles):
    sheet = tmp_path / "sheet.png"
    options = quick(first_steps=8)
    render_sheet(photo, sheet, options, pictures=2, rows=f"style1={styles[0]},{styles[1]}")
    _, other_row = rows_of(load_image(sheet), rows=2, columns=2)
    alone = tmp_path / "alone.png"
    render_sheet(photo, alone, quick(first_steps=8, style1=styles[1]), pictures=2)
    (expected,) = rows_of(load_image(alone), rows=1, columns=2)
    assert all(np.array_equal(a, b) for a, b in zip(other_row, expected, strict=True))
    # Backwards: the row's pictures in the other order.
    back = quick(first_steps=8, style1=styles[1], gamma_from=1.0, gamma_to=0.0)
    render_sheet(photo, alone, back, pictures=2, overwrite=True)
    (mirrored,) = rows_of(load_image(alone), rows=1, columns=2)
    assert all(np.array_equal(a, b) for a, b in zip(mirrored, expected[::-1], strict=True))


def rows_of(sheet, rows, columns):
    """The pictures of 32 x 24 in a sheet, row by row."""
    y = GAP + 24 + LETTERS + GAP + GAP
    found = []
    for _ in range(rows):
        y += LETTERS + GAP if rows > 1 else 0
        found.append([sheet[y : y + 24, GAP + i * 40 : GAP + i * 40 + 32] for i in range(columns)])
        y += 24 + LETTERS + GAP + GAP
    return found


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_moving_sweep_is_a_silent_clip(photo, quick, tmp_path, name):
    output = tmp_path / name
    done = render_sweep(photo, output, quick(), seconds=0.5, fps=Fraction(30000, 1001))
    info = probe(output)
    assert (done.pictures, info.times.frames, info.times.fps) == (15, 15, Fraction(30000, 1001))
    assert (info.audio, info.width, info.height) == ((), 32, 24)


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_an_animation_plays_for_its_time_and_over_again(photo, quick, tmp_path, name):
    """WebP leaves out a picture that is as good as the one before, and shows that for longer."""
    render_sweep(photo, tmp_path / name, quick(first_steps=8), seconds=1.0, fps=Fraction(24))
    with Image.open(tmp_path / name) as picture:
        assert (picture.size, picture.info["loop"]) == ((32, 24), 0)
        assert 6 < picture.n_frames <= 24
        total = 0
        for number in range(picture.n_frames):
            picture.seek(number)
            picture.load()
            total += picture.info["duration"]
    assert total == pytest.approx(1000, abs=10)


def test_a_sweep_follows_the_strength_in_time(photo, quick, tmp_path):
    options = quick(first_steps=8, strength="0=0, end=1")
    render_sheet(photo, tmp_path / "a.png", options, pictures=2)
    ((first, last),) = rows_of(load_image(tmp_path / "a.png"), rows=1, columns=2)
    content = resize(load_image(photo), 32, 24)
    assert np.array_equal(first, content)
    assert np.abs(last.astype(int) - content).mean() > 5
    render_sweep(photo, tmp_path / "a.mkv", options, seconds=1.0, fps=Fraction(4))
    frames = read_frames(probe(tmp_path / "a.mkv"), 32, 24)
    # Without colour, of which the encoder halves the resolution.
    away = [np.abs((frame.astype(float) - content).mean(axis=-1)).mean() for frame in frames]
    assert away[0] < 0.3 * away[3]


def test_a_loop_goes_there_and_back_without_a_seam(photo, quick, tmp_path):
    output = tmp_path / "loop.mkv"
    options = quick(first_steps=20, steps=4)
    render_sweep(photo, output, options, seconds=1.0, fps=Fraction(5), loop=True)
    assert probe(output).times.frames == 5
    done = render_sweep(
        photo, output, options, seconds=1.0, fps=Fraction(12), loop=True, overwrite=True
    )
    assert (done.pictures, probe(output).times.frames) == (7, 12)
    frames = [f.astype(float) for f in read_frames(probe(output), 32, 24)]
    across = np.abs(frames[0] - frames[6]).mean()
    for k in range(1, 6):
        assert np.abs(frames[k] - frames[12 - k]).mean() < 0.4 * across


def test_a_moving_sweep_dissolves_instead_of_flickering(photo, quick, tmp_path):
    """Neighbours differ less than stills that were painted each from the content."""
    options = quick(first_steps=20, steps=4)
    render_sweep(photo, tmp_path / "a.mkv", options, seconds=1.0, fps=Fraction(8))
    chain = [f.astype(float) for f in read_frames(probe(tmp_path / "a.mkv"), 32, 24)]
    render_sheet(photo, tmp_path / "a.png", options, pictures=8)
    sheet = load_image(tmp_path / "a.png").astype(float)
    y = GAP + 24 + LETTERS + 2 * GAP
    alone = [sheet[y : y + 24, GAP + i * 40 : GAP + i * 40 + 32] for i in range(8)]

    def flicker(pictures):
        return np.abs(np.diff(np.array(pictures), 2, axis=0)).mean()

    assert flicker(chain) < flicker(alone)


@pytest.mark.parametrize(
    ("output", "given", "message"),
    [
        ("a.xyz", {}, "unknown kind of sweep; use one of .png"),
        ("a.xyz", {"seconds": 1.0}, "unknown kind of sweep; use one of .png"),
        ("a.png", {"rows": "sigma"}, "--rows sigma: write NAME=VALUE,VALUE"),
        ("a.png", {"rows": "sigam=1"}, "there is no option sigam; did you mean sigma?"),
        ("a.png", {"rows": "sigma=loud"}, "sigma = loud: give `auto`"),
        ("a.png", {"rows": "preset=oils"}, "preset oils: not found"),
        ("a.png", {"rows": "max_side=32,64"}, "--rows max_side: a sheet's pictures do not depend"),
        ("a.png", {"rows": "temporal_weight=1"}, "do not depend on it"),
        ("a.png", {"pictures": 1}, "at least two pictures"),
        ("a.png", {"pictures": 10**6}, "--pictures 1000000: a sheet's row has up to 101"),
        ("a.mp4", {"seconds": math.inf}, "--seconds inf: a sweep lasts more than 0"),
        ("a.mp4", {"seconds": math.nan}, "--seconds nan: a sweep lasts"),
        ("a.mp4", {"seconds": 0.01}, "at least two pictures"),
        ("photo.png", {}, "is the input"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_at_once(photo, quick, tmp_path, output, given, message):
    render = render_sweep if is_clip(Path(output)) else render_sheet
    with pytest.raises(UsageError) as caught:
        render(photo, tmp_path / output, quick(), **given)
    assert message in str(caught.value)
    assert not (tmp_path / "a.png").exists()


def test_a_moving_sweep_takes_a_codec(photo, quick, tmp_path):
    options = quick(codec="h264", crf=30, max_side=32)
    render_sweep(photo, tmp_path / "a.mkv", options, seconds=0.25, fps=Fraction(8))
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert container.streams.video[0].codec_context.name == "h264"


@pytest.fixture
def half(tmp_path):
    """White on the left."""
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :32] = 255
    path = tmp_path / "half.png"
    Image.fromarray(mask).save(path)
    return path


def test_a_mask_is_a_row_of_a_sheet(photo, quick, tmp_path, half):
    """And its pictures are the stills with that mask."""
    values = f"{half}[mode=multiply]; luma:0.2-0.9; key:#00ff00,30"
    made = row_options(quick(), f"gamma_mask={values}")
    assert [str(o.gamma_mask) for _, o in made] == [value.strip() for value in values.split(";")]
    assert [str(o.wipe) for _, o in row_options(quick(), "wipe=left,iris")] == ["left", "iris"]
    sheet = tmp_path / "sheet.png"
    rows = f"gamma_mask={half}[mode=multiply];{half}[mode=multiply,invert]"
    render_sheet(photo, sheet, quick(), pictures=2, rows=rows)
    shown, width, height = load_image(sheet), 32, 24
    below = GAP + height + LETTERS + GAP + GAP + LETTERS + GAP
    still = tmp_path / "still.png"
    masked = quick(gamma=1, gamma_mask=f"{half}[mode=multiply]")
    render_still(photo, still, masked)
    x = GAP + width + GAP
    tile = shown[below : below + height, x : x + width]
    assert np.array_equal(tile, load_image(still))


def test_a_sheet_in_jobs_has_the_same_masks(photo, quick, tmp_path, half):
    sheets = [tmp_path / f"{jobs}.png" for jobs in (1, 2)]
    for jobs, sheet in enumerate(sheets, 1):
        options = quick(wipe="clock", strength_mask=str(half))
        render_sheet(photo, sheet, options, pictures=3, jobs=jobs)
    assert np.array_equal(*map(load_image, sheets))


def test_a_moving_sweep_wipes(photo, quick, tmp_path, half):
    """At either end it has but one painting; without paint it is the picture."""
    options = quick(wipe="right", softness=0.1, strength_mask=f"{half}[invert]", codec="ffv1")
    done = render_sweep(photo, tmp_path / "s.mkv", options, seconds=0.25)
    frames = list(read_frames(probe(done.output), 64, 48))
    assert len(frames) == 6
    picture = load_image(photo).astype(int)
    for frame in frames:
        assert np.abs(frame[:, :28] - picture[:, :28]).mean() < 12  # resized once
    changes = [np.abs(b[:, 36:].astype(int) - a[:, 36:]).mean() for a, b in pairwise(frames)]
    assert max(changes) > 1.0
