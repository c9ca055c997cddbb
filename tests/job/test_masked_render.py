"""Renders with masks and wipes: exact, repeatable, resumed, shared; no paint, no change."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from mnst_video.cli.show.plan import plan_lines
from mnst_video.errors import InputError, UsageError
from mnst_video.job.events import FrameDone
from mnst_video.job.preview import render_preview
from mnst_video.job.render import paint_shots_alone, render
from mnst_video.media.images import load_frame, note_of
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.plan import segments
from mnst_video.plan.estimate import plan
from mnst_video.plan.plan import Plan
from mnst_video.presets import make_options


def pngs(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


@pytest.fixture
def half(tmp_path):
    """White on the left, with an edge that is soft over eight pixels."""
    ramp = (255 * ((36.0 - np.arange(64)) / 8).clip(0, 1)).round().astype(np.uint8)
    path = tmp_path / "half.png"
    Image.fromarray(np.tile(ramp, (48, 1))).save(path)
    return path


@pytest.fixture
def moving(tmp_path):
    """A square that goes to the right by three pixels a frame, of 8 frames."""
    folder = tmp_path / "moving"
    folder.mkdir()
    for t in range(8):
        mask = np.zeros((48, 64), np.uint8)
        mask[8:40, 8 + 3 * t : 32 + 3 * t] = 255
        Image.fromarray(mask).save(folder / f"{t}.png")
    return folder


class Stop(Exception):
    pass


def stop_after(frames):
    def observe(event):
        if isinstance(event, FrameDone) and event.done == frames:
            raise Stop

    return observe


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ({"gamma_mask": "{grey}"}, {"gamma": "0.2"}),
        ({"gamma_mask": "{grey}[mode=multiply]", "gamma": "0=1, end=0"}, {"gamma": "0=0.2, end=0"}),
        ({"strength_mask": "{white}", "gamma": "0.4"}, {"gamma": "0.4"}),
        ({"content_mask": "{black}", "gamma": "0.4"}, {"gamma": "0.4"}),
        ({"wipe": "left", "gamma": "0"}, {"gamma": "0"}),
    ],
)
def test_a_mask_of_one_value_has_the_bytes_of_none(make_clip, quick, tmp_path, given, plain):
    values = {"grey": 51, "white": 255, "black": 0}
    for name, value in values.items():
        Image.new("L", (64, 48), value).save(tmp_path / f"{name}.png")
    paths = {name: tmp_path / f"{name}.png" for name in values}
    given = {name: text.format(**paths) for name, text in given.items()}
    clip, kept = make_clip(frames=4), []
    for name, options in (("masked", given), ("plain", plain)):
        report = render(clip, tmp_path / f"{name}.mp4", quick(**options), keep_frames=True)
        kept.append((pngs(report.kept), report.output.read_bytes()))
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    "given",
    [
        {"gamma_mask": "{half}"},
        {"gamma_mask": "{moving}", "strength_mask": "luma:0.3-1", "colors": "keep"},
        {"wipe": "iris,follow", "gamma": "0=0.2, end=0.9"},
        {"wipe": "left", "position": "0=1, end=3"},
    ],
)
def test_interrupted_and_resumed_is_never_interrupted(
    make_clip, quick, tmp_path, half, moving, given
):
    given = {name: text.format(half=half, moving=moving) for name, text in given.items()}
    if "position" in given:
        given["more_styles"] = (half,)
    clip, options = make_clip(frames=8), quick(**given)
    whole = render(clip, tmp_path / "whole.mp4", options, keep_frames=True)
    there = pngs(whole.kept)
    notes = [note_of(png) is not None for png in there.values()]
    for stopped in (1, 4):
        output = tmp_path / f"stopped{stopped}.mp4"
        with pytest.raises(Stop):
            render(clip, output, options, observe=stop_after(stopped))
        report = render(clip, output, options, keep_frames=True)
        assert report.reused == stopped
        assert pngs(report.kept) == there
        assert output.read_bytes() == whole.output.read_bytes()
    if given.get("gamma_mask") == str(moving):
        assert any(notes)  # somewhere paint is still of the other side


def test_jobs_and_shots_have_the_same_bytes(make_clip, quick, tmp_path, moving):
    clip = make_clip(frames=8)
    options = quick(gamma_mask=str(moving), content_mask="person", cuts="0.125,0.25")
    alone = render(clip, tmp_path / "alone.mp4", options, keep_frames=True)
    shared = render(clip, tmp_path / "jobs.mp4", options, keep_frames=True, jobs=2)
    assert pngs(shared.kept) == pngs(alone.kept)
    frames = tmp_path / "frames"
    for numbers in ((3,), (1, 2)):
        paint_shots_alone(clip, frames, numbers, options)
    joined = render(clip, tmp_path / "shots.mp4", options, frames_dir=frames)
    assert joined.reused == 8
    assert pngs(frames) == pngs(alone.kept)
    assert joined.output.read_bytes() == alone.output.read_bytes()


def test_pieces_with_masks_go_on_from_seams(make_clip, quick, tmp_path, monkeypatch, half):
    monkeypatch.setattr(segments, "SEAM", 4)
    whole = segments.segments_of
    for module in ("mnst_video.job.resume", "mnst_video.plan.plan"):
        monkeypatch.setattr(f"{module}.segments_of", lambda s, t, fps: whole(s, t and t / 3, fps))
    clip, options = make_clip(frames=24), quick(segments=1.0, gamma_mask=str(half))
    report = render(clip, tmp_path / "o.mp4", options, keep_frames=True)
    assert len(pngs(report.kept)) == 24
    with pytest.raises(Stop):
        render(clip, tmp_path / "p.mp4", options, observe=stop_after(19))
    again = render(clip, tmp_path / "p.mp4", options, keep_frames=True)
    assert pngs(again.kept) == pngs(report.kept)


def test_what_has_no_paint_is_the_footage_to_the_bit(make_clip, quick, tmp_path, half):
    clip = make_clip(frames=3, extra=("-qp", "0"))
    options = quick(strength_mask=f"{half}[invert]", codec="ffv1", output_size="source")
    report = render(clip, tmp_path / "o.mkv", options)
    shown = list(read_frames(probe(report.output), 64, 48))
    footage = list(read_frames(probe(clip), 64, 48))
    for one, other in zip(shown, footage, strict=True):
        difference = np.abs(one.astype(int) - other)
        assert difference[:, :27].max() <= 1  # what ffv1's colours make of it
        assert difference[:, 38:].mean() > 5


def test_each_side_is_painted_with_its_own_style(make_clip, quick, tmp_path, half):
    """Against renders of either style alone, in colours."""
    clip, means = make_clip(frames=3), {}
    for name, given in (
        ("both", {"gamma_mask": str(half)}),
        ("1", {"gamma": "1"}),
        ("0", {"gamma": "0"}),
    ):
        options = quick(first_steps=30, steps=4, max_side=64, **given)
        report = render(clip, tmp_path / f"{name}.mp4", options, keep_frames=True)
        means[name] = load_frame(report.kept / "000002.png").astype(float)
    left, right = np.s_[:, :24], np.s_[:, 40:]

    def apart(area, name):
        return np.abs(means["both"][area] - means[name][area]).mean()

    assert apart(left, "1") < apart(left, "0")
    assert apart(right, "0") < apart(right, "1")


def test_other_masks_are_another_job(make_clip, quick, tmp_path, half, moving):
    clip, output = make_clip(frames=8), tmp_path / "o.mp4"
    with pytest.raises(Stop):
        render(clip, output, quick(gamma_mask=str(half)), observe=stop_after(2))
    shutil.copy(half, tmp_path / "same.png")
    with pytest.raises(Stop):  # the same file elsewhere is the same mask
        render(clip, output, quick(gamma_mask=str(tmp_path / "same.png")), observe=stop_after(3))
    for other in (str(moving), f"{half}[invert]", f"{half}[mode=multiply]"):
        with pytest.raises(UsageError, match="gamma_mask: another mask"):
            render(clip, output, quick(gamma_mask=other))
    with pytest.raises(UsageError, match=r"gamma_mask: .* → None"):
        render(clip, output, quick())
    Image.new("L", (64, 48), 9).save(half)
    with pytest.raises(UsageError, match="another mask"):
        render(clip, output, quick(gamma_mask=str(half)))


def test_a_mask_that_changes_while_it_is_read_is_told(make_clip, quick, tmp_path, half):
    def change(event):
        if isinstance(event, FrameDone) and event.done == 2:
            Image.new("L", (64, 48), 9).save(half)

    with pytest.raises(InputError, match=r"half\.png: has changed"):
        render(make_clip(frames=4), tmp_path / "o.mp4", quick(gamma_mask=str(half)), observe=change)


def test_the_record_makes_the_same_again(make_clip, quick, tmp_path, half, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = make_clip(frames=3)
    given = quick(gamma_mask="half.png[mode=multiply]", wipe=None, strength_mask="luma:0.2-1")
    first = render(clip, tmp_path / "o.mp4", given, keep_frames=True)
    record = tmp_path / "o.mp4.mnst.json"
    options = json.loads(record.read_text())["options"]
    assert options["gamma_mask"] == f"{half}[mode=multiply]"
    assert options["strength_mask"] == "luma:0.2-1"
    again = make_options([str(record)], {})
    second = render(clip, tmp_path / "p.mp4", again, keep_frames=True)
    assert pngs(first.kept) == pngs(second.kept)


def test_the_mask_s_notes_are_the_plan_s(make_clip, quick, tmp_path):
    Image.new("L", (64, 48), 0).save(tmp_path / "m.png")
    plans = []

    def observe(event):
        plans.extend([event] if isinstance(event, Plan) else [])

    options = quick(strength_mask=str(tmp_path / "m.png"))
    render(make_clip(frames=2), tmp_path / "o.mp4", options, observe=observe)
    assert "m.png: is black: nothing is painted" in plans[0].notes


def test_a_timeline_that_a_mask_replaces_is_told(make_clip, quick, half):
    clip, said = make_clip(frames=2), "γ is read from its mask: the timeline has no say"
    for given, told in (
        ({"gamma": "0.4"}, True),
        ({}, False),
        ({"gamma": "0.4", "gamma_mask": f"{half}[mode=multiply]"}, False),
    ):
        made, _ = plan(clip, quick(**{"gamma_mask": str(half), **given}))
        assert any(note.startswith(said) for note in made.notes) == told
        replaced = "multiply" not in str(given)
        assert plan_lines(made)[0].startswith("γ by its mask") == replaced


def test_the_output_must_not_be_a_mask(make_clip, quick):
    mask = make_clip("m.mp4", frames=3)
    with pytest.raises(UsageError, match="is the input"):
        render(make_clip(frames=3), mask, quick(gamma_mask=str(mask)), overwrite=True)


def test_a_preview_has_the_masks(make_clip, quick, tmp_path, half):
    clip = make_clip(frames=8)
    options = quick(strength_mask=f"{half}[invert]", wipe="left,follow", gamma="0=0, end=1")
    done = render_preview(clip, tmp_path / "p.mkv", replace_codec(options))
    assert "--wipe left,follow: in a preview it does not follow the picture" in done.notes
    shown = list(read_frames(probe(done.output), 64, 48))
    footage = list(read_frames(probe(clip), 64, 48))
    away = [
        np.abs(a.astype(int) - b).mean(axis=(0, 2)) for a, b in zip(shown, footage, strict=True)
    ]
    assert np.mean([a[:24].mean() for a in away]) < np.mean([a[44:].mean() for a in away]) / 2


def replace_codec(options):
    return options.model_copy(update={"codec": "ffv1"})
