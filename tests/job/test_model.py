"""Renders by a trained network: as exact and as whole as the optimiser's."""

import json

import numpy as np
import pytest
import torch

from mnst_video.errors import UsageError
from mnst_video.job.events import FrameDone
from mnst_video.job.preview import render_preview
from mnst_video.job.render import render
from mnst_video.judge.evaluate import evaluate
from mnst_video.media.images import load_frame, load_image, save_image
from mnst_video.media.input.probe import probe
from mnst_video.method.device import to_image, to_picture
from mnst_video.model.file import Model, Training, load_model, save_model
from mnst_video.model.network import Network, Shape
from mnst_video.painting.flow import follow, warp
from mnst_video.painting.played import HELD
from mnst_video.plan.estimate import plan
from mnst_video.plan.setup import prepare
from mnst_video.presets import make_options
from mnst_video.training.train import learned_options

ENDS = (("one", {"gamma": "1"}), ("zero", {"gamma": "0"}))
TINY = Shape(2, eighth=8, quarter=8, half=4, blocks=1)


@pytest.fixture
def make_model(tmp_path, quick):
    """A network that was trained on nothing."""

    def make(name="pair.safetensors", seed=0, paintings=2, **given):
        torch.manual_seed(seed)
        options = quick(**given)
        pictures = [load_image(path) for path in (*options.styles, options.style1)]
        network = Network(Shape(**{**vars(TINY), "paintings": paintings}))
        for key, value in network.named_parameters():
            if "scales" in key or "shifts" in key or key == "out.weight":
                torch.nn.init.normal_(value, 0.0, 0.2)
        model = Model(
            network=network,
            paintings=tuple(pictures[:paintings]),
            names=("one.png", "two.png", "three.png")[:paintings],
            options=learned_options(options),
            scales=((0.0, 1.0),) * (paintings - 1),
            training=Training(0, 0.0, 32),
        )
        save_model(model, tmp_path / name)
        return tmp_path / name

    return make


@pytest.fixture
def playing(quick):
    """Options of a render by a model: without the styles, which are the model's."""
    base = quick().model_dump(include=quick().model_fields_set - {"style1", "style2"})

    def options(model, **given):
        return make_options((), {**base, "model": model, **given})

    return options


def frames_of(folder):
    return [load_frame(path) for path in sorted(folder.glob("*.png"))]


def test_a_frame_is_the_networks_held_along_the_flow(tmp_path, make_clip, make_model, playing):
    clip, output = make_clip(frames=3), tmp_path / "o.mp4"
    model, content = make_model(), []
    events = []
    options = playing(model, gamma=1.0)
    render(clip, output, options, keep_frames=True, observe=events.append)
    first, second, _ = frames_of(output.with_name("o.mp4.mnst"))
    from mnst_video.media.input.decode import read_frames
    from mnst_video.media.input.probe import probe

    content = list(read_frames(probe(clip), 32, 24))
    network, mix = load_model(model).network, torch.tensor([1.0, 0.0])
    with torch.no_grad():
        one, two = (
            to_picture(network(to_image(c, torch.device("cpu")), mix)).clip(0, 255)
            for c in content[:2]
        )
    np.testing.assert_array_equal(first, one.round())
    backward, trust = follow(content[1], content[0])
    held = HELD * trust[..., None]
    wanted = (1 - held) * two + held * warp(first.astype(np.float32), backward).clip(0, 255)
    assert np.abs(second - wanted).max() <= 0.51
    done = [event.figures for event in events if isinstance(event, FrameDone)]
    assert [result.steps for result in done] == [0, 0, 0]
    entries = json.loads(output.with_name("o.mp4.mnst.json").read_text())["frames"]
    assert [entry["style"] for entry in entries] == [None] * 3


@pytest.mark.parametrize("polish", [0, 1])
def test_it_goes_on_to_the_same_bytes(tmp_path, make_clip, make_model, playing, polish):
    clip, options = make_clip(frames=4), playing(make_model(), polish=polish)
    render(clip, tmp_path / "whole.mp4", options, keep_frames=True)

    class Stop(Exception):
        pass

    def stop(event):
        if isinstance(event, FrameDone) and event.done == 2:
            raise Stop

    with pytest.raises(Stop):
        render(clip, tmp_path / "again.mp4", options, observe=stop)
    report = render(clip, tmp_path / "again.mp4", options, keep_frames=True)
    assert report.reused == 2
    one, other = (frames_of(tmp_path / f"{name}.mp4.mnst") for name in ("whole", "again"))
    np.testing.assert_array_equal(one, other)


def test_jobs_play_the_same_bytes(tmp_path, make_clip, make_model, playing):
    """Each process reads the model by itself."""
    clip, model = make_clip(frames=6), make_model(content_weight=0.3)
    for jobs in (1, 2):
        options = playing(model, cuts="0.125s", threads=jobs)
        render(clip, tmp_path / f"{jobs}.mp4", options, keep_frames=True, jobs=jobs)
    one, other = (frames_of(tmp_path / f"{jobs}.mp4.mnst") for jobs in (1, 2))
    np.testing.assert_array_equal(one, other)


def test_polish_brings_it_nearer_to_the_paintings(tmp_path, make_clip, make_model, playing):
    clip, model = make_clip(frames=2), make_model()
    left = {}
    for steps in (0, 3):
        output = tmp_path / f"{steps}.mp4"
        events = []
        options = playing(model, polish=steps)
        render(clip, output, options, observe=events.append, keep_frames=True)
        assert [e.figures.steps for e in events if isinstance(e, FrameDone)] == [steps, steps]
        left[steps] = evaluate(clip, output.with_name(f"{steps}.mp4.mnst"), options).frames[-1].rho
    assert left[3] < 0.9 * left[0]


def test_another_model_is_another_job(tmp_path, make_clip, make_model, playing):
    clip, output = make_clip(frames=2), tmp_path / "o.mp4"
    render(clip, output, playing(make_model()), frames_dir=tmp_path / "frames")
    other = playing(make_model("other.safetensors", seed=1))
    with pytest.raises(UsageError, match=r"other settings \(model: another file\)"):
        render(clip, output, other, frames_dir=tmp_path / "frames", overwrite=True)


def test_a_record_makes_the_same_again(tmp_path, make_clip, make_model, playing):
    clip, output = make_clip(frames=2), tmp_path / "o.mp4"
    render(clip, output, playing(make_model(content_weight=0.3)), keep_frames=True)
    options = make_options([str(tmp_path / "o.mp4.mnst.json")], {})
    assert options.model == (tmp_path / "pair.safetensors").resolve()
    render(clip, tmp_path / "p.mp4", options, keep_frames=True)
    one, other = (frames_of(tmp_path / f"{name}.mp4.mnst") for name in "op")
    np.testing.assert_array_equal(one, other)
    setup = prepare(plan(clip, options)[0].setup.clip, options)
    assert setup.options.content_weight == 0.3


def test_what_was_learned_cannot_be_said_again(tmp_path, make_clip, make_model, playing, quick):
    clip, model = make_clip(frames=2), make_model(content_weight=0.3)
    for given, words in (
        ({"content_weight": 0.5}, "--content-weight: the model was trained with 0.3; leave it out"),
        ({"style1": quick().style2}, "trained with other paintings, one.png, two.png; leave the"),
    ):
        with pytest.raises(UsageError, match=words):
            render(clip, tmp_path / "o.mp4", playing(model, **given))
    same = {"style1": quick().style1, "style2": quick().style2, "content_weight": 0.3}
    render(clip, tmp_path / "o.mp4", playing(model, **same))


def test_a_setlist_is_played(tmp_path, make_clip, make_model, playing):
    clip, model = make_clip(frames=2), make_model(paintings=3)
    frames = {}
    for position in (1, 2, 3):
        output = tmp_path / f"{position}.mp4"
        render(clip, output, playing(model, position=position), keep_frames=True)
        frames[position] = frames_of(output.with_name(f"{output.name}.mnst"))[0]
    assert len({picture.tobytes() for picture in frames.values()}) == 3
    with pytest.raises(UsageError, match="there are 3: give --position"):
        render(clip, tmp_path / "o.mp4", playing(model, gamma=0.5))


def test_a_plan_of_a_model_has_an_estimate(make_clip, make_model, playing):
    for polish in (0, 2):
        whole, estimate = plan(make_clip(frames=3), playing(make_model(), polish=polish))
        assert 0.0 < estimate.seconds < 60.0
        assert whole.pending == (0, 1, 2)


def test_a_preview_is_of_the_optimiser(make_clip, make_model, playing):
    with pytest.raises(UsageError, match="it paints as fast as a preview: leave one out"):
        render_preview(make_clip(frames=2), options=playing(make_model()))


def test_polish_needs_a_model():
    with pytest.raises(UsageError, match="polish goes on from a model's picture: give one"):
        make_options((), {"polish": 3})
    with pytest.raises(UsageError, match="relative losses, not the article's"):
        make_options(["article"], {"model": "a.safetensors"})


def test_without_a_size_it_is_that_of_the_training(make_clip, make_model, playing):
    clip = probe(make_clip(frames=1))
    options = playing(make_model()).model_copy(update={"max_side": None})
    assert prepare(clip, options).size == (32, 24)
    assert prepare(clip, options.model_copy(update={"max_side": 48})).size == (48, 36)


def test_a_model_paints_each_side_of_a_mask(tmp_path, make_clip, make_model, playing):
    """A first frame is the network's at either end, each where its mask is."""
    clip, model = make_clip(frames=3), make_model()
    mask = np.zeros((48, 64, 3), np.uint8)
    mask[:, :32] = 255
    save_image(mask, tmp_path / "half.png")
    found = {}
    for name, given in (("both", {"gamma_mask": str(tmp_path / "half.png")}), *ENDS):
        output = tmp_path / f"{name}.mp4"
        render(clip, output, playing(model, **given), keep_frames=True)
        found[name] = frames_of(output.with_name(f"{output.name}.mnst"))
    both, one, zero = (frames[0] for frames in found.values())
    assert np.array_equal(both[:, :15], one[:, :15])
    assert np.array_equal(both[:, 17:], zero[:, 17:])
    assert not np.array_equal(one, zero)
    assert not np.array_equal(found["both"][2], found["both"][0])
