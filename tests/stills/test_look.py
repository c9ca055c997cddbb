"""The look of a moment: rough, then finer, and only as long as it is wanted."""

import numpy as np
import pytest
import torch

from mnst_video.errors import InputError
from mnst_video.media.images import load_image, save_image
from mnst_video.media.input.near import read_near
from mnst_video.model.file import Model, Training, save_model
from mnst_video.model.network import Network, Shape
from mnst_video.model.play import paint_with
from mnst_video.options import Options
from mnst_video.painting.machine import load_network
from mnst_video.painting.styles import Styles
from mnst_video.plan.source import clip_of
from mnst_video.stills.look import Looker, Superseded
from mnst_video.stills.moment import Moment
from mnst_video.timeline.fader import Fader, Split
from mnst_video.training.train import learned_options

SIDE = 64


@pytest.fixture
def styles(tmp_path, texture):
    paths = tmp_path / "one.png", tmp_path / "two.png"
    for seed, path in enumerate(paths):
        save_image(texture(48, 64, seed, 1.0 + seed), path)
    return {"style1": paths[0], "style2": paths[1]}


@pytest.fixture
def clip(make_clip):
    return clip_of(make_clip("clip.mp4", frames=12), Options().input, depth="packets")


def moment(number=5, gamma=0.5, strength=1.0, split=None):
    return Moment(number, Fader(0, gamma), strength, split or Split(gamma, gamma), gamma)


def missing(options, clip, number, frame):
    """What a picture lacks of the styles at γ = 0.5, with a calibration of the frame alone."""
    pictures = [load_image(path) for path in options.styles]
    size = frame.shape[1], frame.shape[0]
    styles = Styles(load_network(options.machine), options.paint, pictures, *size)
    ((_, content),) = read_near(clip, [number], *size)
    calibrations = styles.calibrate([content])
    (found,) = styles.compare(styles.look(frame), calibrations[0].layer_weights(0.5))
    return float(found.style(0.5)) / float(calibrations[0].style(0.5))


def test_pictures_are_finer_from_one_to_the_next(clip, styles):
    options = Options(**styles, sigma=1.0)
    seen = list(Looker(clip, lambda: False).look(options, moment(), SIDE))
    assert all(picture.frame.shape == (48, 64, 3) for picture in seen)
    assert [picture.last for picture in seen] == [False] * (len(seen) - 1) + [True]
    steps = [picture.steps for picture in seen]
    assert steps == sorted(steps)
    first, last = (missing(options, clip, 5, p.frame) for p in (seen[0], seen[-1]))
    assert last < 0.7 * first
    assert first < 1.0


def test_where_only_gamma_moves_it_goes_on_from_what_is_there(clip, styles):
    looker, options = Looker(clip, lambda: False), Options(**styles)
    before = list(looker.look(options, moment(gamma=0.5), SIDE))
    after = next(looker.look(options, moment(gamma=0.55), SIDE))
    # One step from the last picture, not a rough one of half the size.
    assert after.steps == 1
    change = np.abs(after.frame.astype(int) - before[-1].frame.astype(int)).mean()
    anew = next(Looker(clip, lambda: False).look(options, moment(gamma=0.55), SIDE))
    assert change < 0.5 * np.abs(anew.frame.astype(int) - before[-1].frame.astype(int)).mean()


def test_at_strength_nothing_it_is_the_frame(clip, styles):
    seen = next(Looker(clip, lambda: False).look(Options(**styles), moment(strength=0.0), SIDE))
    ((_, content),) = read_near(clip, [5], 64, 48)
    assert np.array_equal(seen.frame, content)


def test_a_mask_of_paint_leaves_the_frame_where_it_is_black(clip, styles, tmp_path):
    mask = np.zeros((48, 64, 3), np.uint8)
    mask[:, 32:] = 255
    save_image(mask, tmp_path / "mask.png")
    options = Options(**styles, strength_mask=str(tmp_path / "mask.png"))
    seen = list(Looker(clip, lambda: False).look(options, moment(), SIDE))[-1]
    ((_, content),) = read_near(clip, [5], 64, 48)
    assert np.array_equal(seen.frame[:, :30], content[:, :30])
    assert np.abs(seen.frame[:, 34:].astype(int) - content[:, 34:].astype(int)).mean() > 5


def test_what_is_no_longer_wanted_ends_at_the_next_step(clip, styles):
    asked = 0

    def superseded():
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(Superseded):
        list(Looker(clip, superseded).look(Options(**styles), moment(), SIDE))
    assert asked == 4


def test_a_strip_goes_from_one_painting_to_the_other(clip, styles):
    looker, options = Looker(clip, lambda: False), Options(**styles, sigma=1.0)
    faders = [Fader(0, gamma) for gamma in (0.0, 0.5, 1.0)]
    pictures = list(looker.strip(options, moment(), faders))
    assert len(pictures) == 3
    far = np.abs(pictures[0].astype(int) - pictures[2].astype(int)).mean()
    near = np.abs(pictures[0].astype(int) - pictures[1].astype(int)).mean()
    assert 0 < near < far


def test_a_style_whose_file_changes_is_read_anew(clip, styles, texture):
    import os

    looker, options = Looker(clip, lambda: False), Options(**styles)
    before = next(looker.look(options, moment(), SIDE)).frame
    save_image(texture(48, 64, 9, 3.0) // 4, styles["style1"])
    os.utime(styles["style1"], (1e9, 2e9))
    assert not np.array_equal(next(looker.look(options, moment(), SIDE)).frame, before)


def test_a_model_paints_at_once(clip, styles, tmp_path):
    torch.manual_seed(0)
    pictures = tuple(load_image(path) for path in styles.values())
    network = Network(Shape(2, eighth=8, quarter=8, half=4, blocks=1))
    path = tmp_path / "pair.safetensors"
    model = Model(
        network=network,
        paintings=pictures,
        names=("one.png", "two.png"),
        options=learned_options(Options(**styles)),
        scales=((0.0, 1.0),),
        training=Training(0, 0.0, 64),
    )
    save_model(model, path)
    (seen,) = Looker(clip, lambda: False).look(Options(model=path), moment(gamma=1.0), SIDE)
    assert (seen.steps, seen.last) == (0, True)
    ((_, content),) = read_near(clip, [5], 64, 48)
    player = network.to_play(load_network(Options().machine).dtype)
    expected = paint_with(player, content, torch.tensor([1.0, 0.0])).round()
    assert np.abs(seen.frame - expected).mean() < 2.0


def test_a_clip_that_vanished_is_told(clip, styles):
    looker = Looker(clip, lambda: False)
    clip.path.unlink()
    with pytest.raises(InputError, match=r"clip\.mp4"):
        next(looker.look(Options(**styles), moment(), SIDE))
