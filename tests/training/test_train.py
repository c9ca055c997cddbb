"""Training: it learns, goes on where it stopped, and keeps what it has."""

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
import torch

import mnst_video.training.train as training_module
from mnst_video.errors import InputError, Terminated, UsageError
from mnst_video.job.events import Looking
from mnst_video.media.images import load_image, save_image
from mnst_video.method.losses import temporal_loss
from mnst_video.model.base import load_base
from mnst_video.model.file import load_model
from mnst_video.model.network import Network, Shape
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.flow import follow, warp
from mnst_video.painting.styles import Styles
from mnst_video.timeline.fader import Fader
from mnst_video.training.content import (
    WINDOW,
    Shown,
    open_all,
    read_all,
    training_size,
    window,
)
from mnst_video.training.learner import COARSER, Learner, Sample, _change, _grid, shifted
from mnst_video.training.train import Learning, train, trained_on

TINY = Shape(2, eighth=16, quarter=16, half=8, blocks=1)


@pytest.fixture
def options(quick):
    return quick(max_side=48)


@pytest.fixture
def clock(monkeypatch):
    """Time goes by a second a look at it, so that a minute of training has few steps."""

    class Clock:
        now = 0.0

        def monotonic(self):
            self.now += 1.0
            return self.now

    there = Clock()
    monkeypatch.setattr(training_module, "time", there)
    return there


@pytest.fixture
def samples(network, options, texture):
    pictures = [texture(48, 32, seed) for seed in (5, 6)]
    styles = Styles(network, options.paint, pictures, 48, 32)
    content = [texture(48, 32, 9, blur=4.0)]
    content.append(np.roll(content[0], 2, axis=1))
    calibrations = styles.calibrate(content)
    return [Sample(styles, calibrations, content[1], content[0])]


def test_a_network_learns(samples):
    torch.manual_seed(0)
    learner = Learner(Network(TINY))
    before = learner.judge(samples)
    for _ in range(60):
        learner.step(samples, 1.0)
    after = learner.judge(samples)
    assert after.style < 0.5 * before.style
    assert learner.steps == 60


def test_it_goes_on_as_it_would_have(samples):
    """Weights, moments and the number of the step are all that there is."""
    torch.manual_seed(0)
    whole = Learner(Network(TINY))
    for _ in range(3):
        whole.step(samples, 1.0)
    weights = {name: value.detach().clone() for name, value in whole.network.named_parameters()}
    moments = {name: tuple(m.clone() for m in of) for name, of in whole.state().items()}
    mean = {name: value.clone() for name, value in whole.mean.items()}
    other = Network(TINY)
    other.load_state_dict(weights)
    again = Learner(other, 3, mean, moments)
    assert whole.step(samples, 0.5) == again.step(samples, 0.5)
    for name, value in whole.network.named_parameters():
        assert torch.equal(value, dict(other.named_parameters())[name])
        assert torch.equal(whole.mean[name], again.mean[name])


def test_every_sample_has_its_turn_in_each_round():
    learner = Learner(Network(TINY))
    orders = []
    for begin in (0, 5):
        turns = []
        for learner.steps in range(begin, begin + 5):
            turns.append(learner._turn(5))
        orders.append(turns)
    assert [sorted(turns) for turns in orders] == [[0, 1, 2, 3, 4]] * 2
    assert orders[0] != orders[1]


def test_the_change_along_the_flow_is_that_of_the_optimiser(texture, as_image):
    """Against OpenCV's warp and `temporal_loss`, apart from how they sample between pixels."""
    before = texture(64, 48, 3, blur=5.0)
    after = cv2.warpAffine(
        before, np.float32([[1, 0, 1.5], [0, 1, 0.5]]), (64, 48), borderMode=cv2.BORDER_REFLECT
    )
    backward, trust = motion = follow(after, before)
    painted = texture(64, 48, 4, blur=5.0), texture(64, 48, 8, blur=5.0)
    warped = warp(painted[1].astype(np.float32), backward)
    wanted = temporal_loss(
        as_image(painted[0]), as_image(warped), torch.from_numpy(trust)[None, None]
    )
    found = _change(as_image(painted[0]), as_image(painted[1]), motion, (0, 0))
    assert float(found) == pytest.approx(float(wanted) / 255.0**2, rel=0.02)
    still = np.zeros((48, 64, 2), np.float32), np.ones((48, 64), np.float32)
    assert float(_change(as_image(before), as_image(before), still, (0, 0))) < 1e-9
    # One that was shifted is looked at where it is now.
    moved = shifted(before, (3, 5))
    assert float(_change(as_image(before), as_image(moved), still, (3, 5))) < 1e-9
    assert float(_change(as_image(before), as_image(moved), still, (0, 0))) > 1e-4


@pytest.mark.parametrize(("width", "height"), [(64, 48), (77, 69), (37, 21), (10, 8)])
def test_the_grids_of_two_four_and_eight_pixels_are_measured(width, height):
    """Of lines and squares the mean square of their amplitude, of all else nearly nothing."""
    y, x = np.mgrid[:height, :width]

    def measured(pattern):
        picture = torch.from_numpy(128.0 + np.repeat(np.asarray(pattern, float)[None], 3, 0))[None]
        return float(_grid(picture)) / (10.0 / 255.0) ** 2

    for signs in ((-1.0) ** x, (-1.0) ** y, (-1.0) ** (x + y)):
        assert measured(10.0 * signs) == pytest.approx(1.0, abs=0.02)
    assert measured(2.0 * x - y) < 0.05
    if min(width, height) < 20:
        return
    for period in (4, 8):
        for along in (x, y):
            waves = 10.0 * np.cos(2.0 * np.pi * along / period + 0.7)
            assert measured(waves) == pytest.approx(COARSER, rel=0.15)
    noise = np.random.default_rng(0).normal(0.0, 10.0, (height, width))
    assert measured(cv2.GaussianBlur(noise, (0, 0), 1.0) * 3.0) < 0.1


@pytest.mark.usefixtures("clock")
def test_a_training_is_kept_and_goes_on(tmp_path, make_clip, options):
    clip, output = make_clip(frames=4), tmp_path / "pair.safetensors"
    events = []
    done = train([clip], output, options, minutes=0.4, shape=TINY, observe=events.append)
    first = load_model(output)
    looks = [e for e in events if isinstance(e, Looking)]
    assert [(e.looked, e.frames) for e in looks] == [(n, 4) for n in range(1, 5)]
    steps = [e.step for e in events if isinstance(e, Learning)]
    assert steps == [*range(1, done.steps + 1)]
    assert first.training.steps == done.steps
    assert first.names == tuple(path.name for path in options.styles)
    assert first.network.shape == TINY
    assert load_image(done.picture).shape == (32, 4 * 48, 3)
    with pytest.raises(UsageError, match=r"trained for 0\.\d minutes already; give more"):
        train([clip], output, options, minutes=0.4, shape=TINY)
    more = train([clip], output, options, minutes=0.8, shape=TINY)
    assert more.steps > done.steps
    assert load_model(output).training.steps == more.steps
    other = options.model_copy(update={"content_weight": 0.7})
    with pytest.raises(UsageError, match="was trained with other content_weight"):
        train([clip], output, other, minutes=2, shape=TINY)
    assert load_model(output).training.steps == more.steps
    again = train([clip], output, other, minutes=0.4, shape=TINY, overwrite=True)
    assert again.steps < more.steps


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("kind", [KeyboardInterrupt, Terminated])
def test_an_interrupted_training_keeps_its_state(tmp_path, make_clip, options, kind):
    clip, output = make_clip(frames=3), tmp_path / "pair.safetensors"

    def stop(event):
        if isinstance(event, Learning) and event.step == 3:
            raise kind

    with pytest.raises(kind):
        train([clip], output, options, minutes=5, shape=TINY, observe=stop)
    assert load_model(output).training.steps == 3
    events = []
    train([clip], output, options, minutes=0.4, shape=TINY, observe=events.append)
    assert next(e.step for e in events if isinstance(e, Learning)) == 4


@pytest.mark.usefixtures("clock")
def test_a_training_begins_with_another_model(tmp_path, make_clip, options):
    clip = make_clip(frames=2)
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    train([clip], one, options, minutes=0.4, shape=TINY, begin_with="none")
    first = load_model(one).network
    network = training_module._beginning(one, 3, None)
    assert network.shape == replace(TINY, paintings=3)
    assert torch.equal(network.down.convolution.weight, first.down.convolution.weight)
    train([clip], two, options, minutes=0.4, begin_with=one)
    assert load_model(two).network.shape == TINY
    other = replace(TINY, blocks=2)
    with pytest.raises(UsageError, match=f"--begin-with {one}: is a network of another size"):
        train([clip], two, options, shape=other, begin_with=one, overwrite=True)
    with pytest.raises(InputError, match=r"nothing\.safetensors"):
        train([clip], two, options, begin_with="nothing.safetensors", overwrite=True)
    usual = training_module._beginning("base", 2, None)
    assert torch.equal(usual.down.convolution.weight, load_base().down.convolution.weight)


@pytest.mark.parametrize(("falls", "rests"), [(0.1, False), (0.0, True)])
def test_a_training_rests_where_the_loss_no_longer_falls(falls, rests):
    """From step to step it differs by half."""
    run = training_module._Run(None, [], 60.0, 0.0)
    noise = np.random.default_rng(5).normal(1.0, 0.5, 6000).clip(0.1)
    run._losses = [*(noise * np.linspace(1.0, 1.0 - 2.0 * falls, 6000))]
    assert run._rests() is rests
    run._losses = run._losses[:2900]
    assert not run._rests()


def test_what_is_there_is_not_replaced_unasked(tmp_path, make_clip, options):
    clip, output = make_clip(frames=3), tmp_path / "pair.safetensors"
    output.write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"is there already, and .* is damaged"):
        train([clip], output, options, shape=TINY)
    assert output.read_bytes() == b"mine"
    with pytest.raises(UsageError, match="is the input, a style"):
        train([clip], clip, options, shape=TINY, overwrite=True)


def test_content_is_clips_pictures_and_folders(tmp_path, make_clip, options, texture):
    clip = make_clip(frames=5)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, size in enumerate([(64, 48), (66, 49), (48, 64)]):
        save_image(texture(*size, number), folder / f"p{number}.png")
    single = folder / "p0.png"
    seen = []
    groups = read_all(
        open_all([clip, folder, single], options.input), 48, lambda *n: seen.append(n)
    )
    assert seen == [(n, 5 + 4 * 4) for n in range(1, 5 + 4 * 4 + 1)]
    sizes = [(len(group), group[0].content.shape[:2]) for group in groups]
    assert sizes == [(5, (32, 48)), (12, (32, 48)), (4, (48, 32))]
    followed = [shown.before is not None for group in groups for shown in group]
    assert followed == [False, True, True, True, True] + [True] * 16


@pytest.mark.parametrize(("width", "height"), [(640, 360), (320, 1024), (96, 64)])
def test_a_large_frame_is_learned_from_in_parts(width, height):
    y, x = np.mgrid[:height, :width]
    places = np.stack([x % 256, y % 256, x // 256 + 16 * (y // 256)], axis=-1).astype(np.uint8)
    part = window(Shown(places, places), 3)
    down, across = part.content.shape[:2]
    np.testing.assert_array_equal(part.content, part.before)
    if width * height <= WINDOW:
        assert (across, down) == (width, height)
        return
    assert 0.7 * WINDOW < across * down <= WINDOW
    assert (across % 16, down % 16) == (0, 0)
    assert across / down == pytest.approx(width / height, rel=0.15)
    np.testing.assert_array_equal(
        part.content[0, 0, :2] + [across - 1, down - 1] & 255, part.content[-1, -1, :2]
    )


def test_the_style_of_a_part_is_that_of_the_whole(network, options, texture):
    """Of a content that repeats itself, but for its edges."""
    tile = texture(32, 32, 4, blur=1.0)
    pictures = [texture(96, 64, seed, blur=seed) for seed in (1, 2)]
    styles = Styles(network, options.paint, pictures, 192, 128)
    whole = np.tile(tile, (4, 6, 1))
    calibrations = styles.calibrate([whole])
    aim = Aim.at(styles, calibrations, Fader(0, 0.5))
    losses = []
    for content in (whole, whole[:64, :96]):
        sample = Sample(styles, calibrations, np.ascontiguousarray(content))
        losses.append(float(sample.objective_at(aim)(styles.image(sample.content)).style))
    assert losses[1] == pytest.approx(losses[0], rel=0.2)


def test_a_cut_is_not_followed(tmp_path, options, texture, ffmpeg):
    for number in range(4):
        save_image(texture(64, 48, number // 2, blur=3.0), tmp_path / f"f{number}.png")
    ffmpeg("-i", tmp_path / "f%d.png", "-c:v", "ffv1", tmp_path / "cut.mkv")
    ((_, second, third, fourth),) = read_all(
        open_all([tmp_path / "cut.mkv"], options.input), 64, lambda *_: None
    )
    assert (second.before is None, third.before is None, fourth.before is None) == (
        False,
        True,
        False,
    )


@pytest.mark.usefixtures("clock")
def test_a_clip_has_a_model_of_its_own(make_clip, options, monkeypatch):
    """It is trained once; with other options it is neither used nor replaced."""
    clip = make_clip(frames=3)
    short = partial(training_module.train, minutes=0.4, shape=TINY)
    monkeypatch.setattr(training_module, "train", short)
    path = trained_on(clip, options)
    assert path == clip.with_name("clip_model.safetensors")
    there = path.read_bytes()
    assert trained_on(clip, options) == path
    with pytest.raises(UsageError, match="--content-weight: the model was trained with"):
        trained_on(clip, Options(**options.model_dump(exclude_unset=True), content_weight=0.7))
    assert path.read_bytes() == there


def test_sizes_are_multiples_of_sixteen():
    assert training_size(1920, 1080, 256) == (256, 144)
    assert training_size(176, 144, 256) == (176, 144)
    assert training_size(500, 100, 100) == (96, 16)


def test_nothing_to_train_on_is_said(tmp_path, options):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="there are no pictures in this folder"):
        train([tmp_path / "empty"], tmp_path / "o.safetensors", options)
    with pytest.raises(InputError, match="nothing to train on"):
        train([], tmp_path / "o.safetensors", options)
    with pytest.raises(UsageError, match="--minutes 0: give more than 0"):
        train([tmp_path], tmp_path / "o.safetensors", options, minutes=0.0)


@pytest.mark.usefixtures("clock")
def test_a_setlist_has_a_share_for_each_painting(tmp_path, make_clip, options):
    three = options.model_copy(update={"more_styles": (options.style1,)})
    output = tmp_path / "three.safetensors"
    train([make_clip(frames=3)], output, three, minutes=0.4, shape=TINY)
    model = load_model(output)
    assert model.network.shape.paintings == len(model.paintings) == 3
    assert len(model.scales) == 2
    for scale in model.scales:
        assert (scale[0], scale[-1]) == (0.0, 1.0)
