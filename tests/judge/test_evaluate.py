"""Whole clips judged: made-up ones whose scores are known, and a render with its record."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from typer.testing import CliRunner

from mnst_video.cli.main import app
from mnst_video.errors import InputError, UsageError
from mnst_video.job.render import render
from mnst_video.judge import judge
from mnst_video.judge.evaluate import evaluate
from mnst_video.judge.judge import LONG_TERM
from mnst_video.media.frames import fit_style
from mnst_video.media.images import load_image, save_image
from mnst_video.media.output.containers import EncoderSettings
from mnst_video.media.output.encode import open_encoder

SIZE = (64, 32)


@pytest.fixture
def write_clip(tmp_path):
    """write_clip(name, frames): frames as a clip of 12 a second, nearly lossless."""

    def write(name, frames):
        path = tmp_path / name
        with open_encoder(path, Fraction(12), SIZE, asked=EncoderSettings(crf=1)) as encode:
            for frame in frames:
                encode(np.ascontiguousarray(frame))
        return path

    return write


@pytest.fixture
def small_tiles(monkeypatch):
    """For scores that naked areas have no part in: looking for those takes most of the time."""
    monkeypatch.setattr(judge, "TILES_WIDTH", 64)


@pytest.fixture
def scene(texture):
    """Fourteen frames of a grey texture that moves a pixel to the right in each.

    Grey, because the encoder halves the resolution of colour.
    """
    wide = texture(SIZE[0] + 20, SIZE[1], 7, 1.5)[..., :1].repeat(3, axis=-1) // 2 + 64
    return [wide[:, 20 - t : 20 - t + SIZE[0]] for t in range(14)]


@pytest.mark.usefixtures("small_tiles")
def test_lossless_outputs_of_one_render_have_the_same_scores(make_clip, quick, tmp_path):
    source, options = make_clip(frames=3), quick()
    judged = []
    for name in ("a.mkv", "frames", "f.%02d.tif"):
        render(source, tmp_path / name, options)
        judged.append(evaluate(source, tmp_path / name, options).mean("rho"))
    assert judged[0] == judged[1] == judged[2] > 0


def test_the_input_itself_has_no_style_and_its_own_stability(write_clip, scene, quick):
    clip = write_clip("clip.mp4", scene)
    seen = []
    judged = evaluate(clip, clip, quick(gamma=0.4), observe=lambda *n: seen.append(n))
    assert seen[-1] == (14, 14)
    for frame in judged.frames:
        assert (frame.rho, frame.ri1, frame.ri2) == (1.0, 1.0, 1.0)
        assert frame.content == 0.0
        assert frame.e == frame.e_input or math.isnan(frame.e)
    assert math.isnan(judged.frames[0].e)
    assert [math.isnan(frame.e_long) for frame in judged.frames] == [True] * LONG_TERM + [False] * 2
    assert 0.0 < judged.mean("e") < 1e-3
    assert judged.grain("fine") == judged.grain("fine_input") == pytest.approx(1.0, abs=0.1)
    assert judged.drift == (0.0, 0.0, 0.0, 0.0)
    assert math.isnan(judged.lag)
    assert judged.jumps == []


@pytest.mark.usefixtures("small_tiles")
def test_flicker_grain_and_drift_score_what_was_put_in(write_clip, scene, quick):
    """Every other frame 10 brighter; noise that grows; all frames brighter and brighter."""
    clip, options = write_clip("clip.mp4", scene), quick(gamma=0.4)
    plain = evaluate(clip, clip, options)
    flickering = [frame + np.uint8(10 * (t % 2)) for t, frame in enumerate(scene)]
    judged = evaluate(clip, write_clip("flicker.mp4", flickering), options)
    added = judged.mean("e") - plain.mean("e")
    assert added == pytest.approx((10 / 255) ** 2, rel=0.15)
    assert judged.mean("e_input") == pytest.approx(plain.mean("e_input"), rel=1e-6)
    assert judged.mean("e_long") - plain.mean("e_long") < 0.3 * added  # 12 is even
    rng = np.random.default_rng(0)
    grainy = [
        (frame + t * rng.normal(size=(*frame.shape[:2], 1))).clip(0, 255).astype(np.uint8)
        for t, frame in enumerate(scene)
    ]
    judged = evaluate(clip, write_clip("grain.mp4", grainy), options)
    assert judged.grain("fine") > 1.5 > 1.1 > judged.grain("fine_input")
    brighter = [frame + np.uint8(2 * t) for t, frame in enumerate(scene)]
    judged = evaluate(clip, write_clip("drift.mp4", brighter), options)
    assert judged.drift[0] == pytest.approx(2 * 7 / 255, rel=0.1)  # halves of 14 are 7 apart
    assert judged.grain("fine") == pytest.approx(1.0, abs=0.15)


def test_nothing_is_compared_across_a_cut(write_clip, scene, quick, texture):
    other = [texture(*SIZE, 9, 1.5)] * 7
    clip = write_clip("clip.mp4", [*scene[:7], *other])
    judged = evaluate(clip, clip, quick(gamma=0.4, cuts=(7 / 12,)))
    assert judged.cuts == [7]
    missing = [frame.frame for frame in judged.frames if math.isnan(frame.e)]
    assert missing == [0, 7]
    assert all(math.isnan(frame.e_long) for frame in judged.frames)
    assert judged.frames[7].uncovered == judged.frames[0].uncovered == 0.0


@pytest.mark.usefixtures("small_tiles")
def test_a_clip_that_is_the_style_has_the_style(write_clip, scene, quick, styles):
    clip = write_clip("clip.mp4", scene)
    noise, stripes = (fit_style(load_image(path), *SIZE) for path in styles)
    judged = evaluate(clip, write_clip("one.mp4", [noise] * 14), quick(gamma=1.0, max_side=64))
    assert judged.mean("rho") < 0.01
    assert judged.frames[3].mix == pytest.approx(1.0, abs=0.05)
    assert judged.mean("content") > 0.5
    # A jump of gamma from 0 to 1 at frame 5, which the clip follows three frames late.
    frames = [stripes] * 8 + [noise] * 6
    options = quick(gamma="0=0 hold, 5f=1", max_side=64)
    judged = evaluate(clip, write_clip("late.mp4", frames), options)
    assert judged.jumps == [(5, 3)]
    assert judged.lag == 3.0
    assert [round(frame.wanted) for frame in judged.frames] == [0] * 5 + [1] * 9


@pytest.mark.usefixtures("small_tiles")
def test_a_steady_way_through_a_setlist_has_no_jump(write_clip, scene, quick, styles):
    """Where one pair hands over to the next, w begins anew and the target does not move."""
    clip = write_clip("clip.mp4", scene)
    through = quick(more_styles=[styles[0]], position="start=1, end=3")
    judged = evaluate(clip, clip, through)
    assert {frame.pair for frame in judged.frames} == {1, 2}
    assert np.abs(np.diff([frame.wanted for frame in judged.frames])).max() > 0.5
    assert judged.jumps == []


@pytest.mark.usefixtures("small_tiles")
def test_a_jump_at_a_cut_is_none(write_clip, scene, quick):
    clip = write_clip("clip.mp4", scene)
    judged = evaluate(clip, clip, quick(gamma="0=0 hold, 5f=1", cuts=(5 / 12,)))
    assert judged.jumps == []


def test_what_was_uncovered_does_not_depend_on_how_long_the_shot_has_run(
    write_clip, texture, quick, tmp_path
):
    """Half a pixel a frame, from the left: sampled between pixels, old neighbours weigh no more."""
    grey = [texture(*SIZE, 7, 1.5)] * 26
    clip, folder = write_clip("clip.mp4", grey), tmp_path / "flow"
    folder.mkdir()
    flow, valid = np.zeros((SIZE[1], SIZE[0], 2), np.float32), np.ones((SIZE[1], SIZE[0]), bool)
    flow[..., 0] = -0.5
    for t in range(1, 26):
        now = valid.copy()
        now[:, :20] = t not in (1, 14)
        np.save(folder / f"flow_{t:04d}.npy", flow)
        np.save(folder / f"valid_{t:04d}.npy", now)
    judged = evaluate(clip, clip, quick(gamma=0.4), flow=folder)
    areas = [frame.uncovered for frame in judged.frames]
    assert areas[1:13] == areas[14:26]
    assert areas[12] > 0.2
    assert areas[13] == 0.0


@pytest.mark.usefixtures("small_tiles")
def test_a_shot_that_begins_flat_has_no_grain(write_clip, scene, quick):
    black = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    clip = write_clip("clip.mp4", [black] * 7 + scene[:7])
    assert math.isnan(evaluate(clip, clip, quick(gamma=0.4)).grain("fine"))
    cut = evaluate(clip, clip, quick(gamma=0.4, cuts=(7 / 12,)))
    assert cut.grain("fine") == pytest.approx(1.0, abs=0.15)  # the second shot's


def test_a_known_flow_is_taken(write_clip, scene, quick, tmp_path):
    clip, folder = write_clip("clip.mp4", scene), tmp_path / "flow"
    folder.mkdir()
    for t in range(1, 14):
        flow = np.zeros((SIZE[1], SIZE[0], 2), np.float32)
        flow[..., 0] = -1.0
        valid = np.ones((SIZE[1], SIZE[0]), bool)
        valid[:, 0] = False
        np.save(folder / f"flow_{t:04d}.npy", flow)
        np.save(folder / f"valid_{t:04d}.npy", valid)
    judged = evaluate(clip, clip, quick(gamma=0.4), flow=folder)
    assert judged.mean("e") < 1e-4  # what the encoder leaves
    assert judged.mean("e_long") < 1e-4  # all twelve links of the chain
    # What came in from the left: 5 of 320 columns a frame, of which the first tiles have 24.
    assert [frame.uncovered for frame in judged.frames[:4]] == [0.0, 0.0, 0.0, 24 / 320]
    (folder / "flow_0003.npy").write_bytes(b"no array")
    with pytest.raises(UsageError, match="no flow of frame 3"):
        evaluate(clip, clip, quick(gamma=0.4), flow=folder)


def test_another_number_of_frames_is_refused(write_clip, scene, quick):
    clip, short = write_clip("clip.mp4", scene), write_clip("short.mp4", scene[:5])
    with pytest.raises(InputError, match="has 5 frames, and 14"):
        evaluate(clip, short, quick())
    judged = evaluate(clip, short, quick(start="2f", end="7f"))
    assert [frame.frame for frame in judged.frames] == [2, 3, 4, 5, 6]


def test_the_command_takes_the_record_and_writes_json_and_a_picture(clip, quick, tmp_path):
    output, plot = tmp_path / "out.mp4", tmp_path / "report.png"
    render(clip, output, quick(gamma="start=0.1, end=0.6", sigma=2.0))
    command = ["evaluate", str(clip), str(output)]
    done = CliRunner().invoke(app, [*command, "--json", "--plot", str(plot)])
    assert done.exit_code == 0, done.stderr
    about = json.loads(done.stdout)
    frames = about["frames"]
    assert [frame["gamma"] for frame in frames] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert frames[3]["wanted"] == pytest.approx(0.4 / (0.4 + 0.6 * 2.0))
    assert about["size"] == [32, 24]
    assert frames[0]["e"] is None
    assert about["rho"] == pytest.approx(np.mean([frame["rho"] for frame in frames]))
    assert about["rho"] < 1.0
    assert load_image(plot).std() > 10
    other = CliRunner().invoke(app, [*command, "--gamma", "1", "--json"])
    assert {frame["wanted"] for frame in json.loads(other.stdout)["frames"]} == {1.0}
    table = CliRunner().invoke(app, command)
    assert "√E" in table.stdout
    assert "6 frames, style at 32×24" in table.stdout


def test_a_webp_is_judged_though_it_leaves_out_repeats(make_clip, quick, tmp_path):
    still = "trim=end_frame=3,tpad=stop=3:stop_mode=clone"
    source = make_clip(frames=6, extra=("-vf", still))
    render(source, tmp_path / "a.webp", quick(gamma="0.5"))
    render(source, tmp_path / "a.mkv", quick(gamma="0.5"))
    outputs = tmp_path / "a.webp", tmp_path / "a.mkv"
    webp, lossless = (evaluate(source, output, quick(gamma="0.5")) for output in outputs)
    assert len(webp.frames) == len(lossless.frames) == 6
    assert webp.mean("rho") == pytest.approx(lossless.mean("rho"), rel=0.5)


@pytest.mark.usefixtures("small_tiles")
def test_each_region_is_judged_against_its_own_painting(write_clip, scene, quick, styles, tmp_path):
    """A clip that is one style on the left and the other on the right."""
    clip = write_clip("clip.mp4", scene[:3])
    noise, stripes = (fit_style(load_image(path), *SIZE) for path in styles)
    mask = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    mask[:, :32] = 255
    save_image(mask, tmp_path / "mask.png")
    both = np.where(mask > 0, noise, stripes)
    painted = write_clip("both.mp4", [both] * 3)
    options = quick(gamma_mask=str(tmp_path / "mask.png"), max_side=64)
    frame = evaluate(clip, painted, options).frames[1]
    zero, one = frame.parts
    assert (zero.gamma, one.gamma) == (0.0, 1.0)
    assert zero.share == one.share == 0.5
    assert frame.wanted == 0.5
    assert zero.mix == pytest.approx(0.0, abs=0.2)
    assert one.mix == pytest.approx(1.0, abs=0.2)
    assert frame.mix == pytest.approx((zero.mix + one.mix) / 2)
    assert max(frame.residuals[:4]) < 0.5  # the deepest layer has two places a side
    swapped = write_clip("swapped.mp4", [np.where(mask > 0, stripes, noise)] * 3)
    wrong = evaluate(clip, swapped, options).frames[1]
    assert np.mean(wrong.residuals[:4]) > 2 * np.mean(frame.residuals[:4])
    assert wrong.parts[0].mix > 0.7
    plain = evaluate(clip, painted, quick(gamma=0.5, max_side=64)).frames[1]
    assert plain.parts == ()
    assert math.isnan(plain.e_boundary)


@pytest.mark.usefixtures("small_tiles")
def test_what_flickers_at_the_boundary_is_told_from_the_rest(write_clip, scene, quick, tmp_path):
    clip = write_clip("clip.mp4", scene[:4])
    mask = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    mask[:, :32] = 255
    save_image(mask, tmp_path / "mask.png")
    frames = [frame.copy() for frame in scene[:4]]
    for t, frame in enumerate(frames):
        frame[:, 26:38] += np.uint8(12 * (t % 2))
    options = quick(gamma_mask=str(tmp_path / "mask.png"))
    judged = evaluate(clip, write_clip("flicker.mp4", frames), options)
    assert judged.mean("e_boundary") > 5 * judged.mean("e_inside")


@pytest.mark.usefixtures("small_tiles")
def test_a_render_with_masks_is_judged_by_its_record(make_clip, quick_flags, tmp_path):
    source, output = make_clip(frames=3), tmp_path / "o.mp4"
    flags = [*quick_flags, "--wipe", "left", "--strength-mask", "luma:0.2-1"]
    runner = CliRunner()
    rendered = runner.invoke(app, ["render", str(source), "-o", str(output), *flags])
    assert rendered.exit_code == 0, rendered.output
    shown = runner.invoke(app, ["evaluate", str(source), str(output), "--stills", "1"])
    assert shown.exit_code == 0, shown.output
    assert "region, last frame" in shown.output
    told = runner.invoke(app, ["evaluate", str(source), str(output), "--json", "--stills", "0"])
    parts = json.loads(told.output)["frames"][1]["parts"]
    assert sum(part["share"] for part in parts) == pytest.approx(1.0)
