"""What `mnst-video plan` resolves, estimates, prints and draws."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from mnst_video.cli.show.durations import clock_time
from mnst_video.cli.show.plan import plan_json, plan_report
from mnst_video.cli.show.plots import check_plot, draw_plan, terminal_curve
from mnst_video.errors import MachineError, UsageError
from mnst_video.job.render import render
from mnst_video.plan.estimate import Estimate, plan
from mnst_video.presets import make_options, preset_names

DOCS = Path(__file__).parents[2] / "docs"
SAMPLE = Path(__file__).parents[2] / "samples" / "clip.mp4"


def lines(resolved, width=200):
    """The report as text."""
    from rich.console import Console

    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        for part in plan_report(resolved, Estimate((75.0,), 9_000_000)):
            console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))
    return capture.get()


def test_a_plan_is_what_a_render_does(make_clip, quick, tmp_path):
    """The same gammas, shots, size and sigma; and nothing is written."""
    clip = make_clip(frames=9)
    options = quick(gamma="0=0 ease-in, 3f=1, end=0.5", cuts=[0.125], start="2f", sigma="shot")
    before = sorted(tmp_path.rglob("*"))
    resolved, _ = plan(clip, options)
    assert sorted(tmp_path.rglob("*")) == before
    about = json.loads(plan_json(resolved, Estimate((1.0, 2.5), 1)))
    assert about["shots"] == [
        {"number": 1, "frames": [2, 3], "estimate_s": 1.0},
        {"number": 2, "frames": [3, 9], "estimate_s": 2.5},
    ]
    assert about["estimate_s"] == 3.5
    render(clip, tmp_path / "o.mp4", options)
    record = json.loads((tmp_path / "o.mp4.mnst.json").read_text())
    assert about["gamma"] == record["gamma"]
    assert about["sigma2"] == record["sigma2"]
    assert about["fps"] == record["fps"] == "24/1"
    assert about["cuts"] == record["cuts"] == [3]
    assert (about["frames"], about["first"]) == (7, 2)
    assert about["size"] == [32, 24]


def test_the_json_has_the_documented_fields(clip, quick):
    resolved, estimate = plan(clip, quick(bpm=120))
    about = json.loads(plan_json(resolved, estimate))
    section = (DOCS / "cli.md").read_text().split("## Plan")[1].split("##")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(about)
    assert about["bpm"] == 120.0
    assert about["strength"] == [1.0] * 6


def test_an_estimate_counts_steps_frames_and_shots(make_clip, quick):
    """Ten times the steps take more than three times as long, ten times the frames too."""
    short, long = make_clip("a.mp4", frames=4), make_clip("b.mp4", frames=40)
    few, many = quick(first_steps=20, steps=20), quick(first_steps=200, steps=200)
    base = plan(short, few)[1]
    assert base.seconds > 0.0
    assert plan(short, many)[1].seconds > 3 * base.seconds
    longer = plan(long, few)[1]
    assert longer.seconds > 3 * base.seconds
    assert 5 * base.disk_bytes < longer.disk_bytes < 20 * base.disk_bytes


@pytest.mark.parametrize("change", [{"gamma": "0=0, 1f=1 repeat 2f"}, {"warm_start": False}])
def test_an_estimate_counts_the_steps_of_jumps_and_of_frames_on_their_own(make_clip, quick, change):
    """At rest one frame of 24 takes 200 steps and the others 2: 246; in the end all take 200."""
    clip = make_clip(frames=24)
    rest = {"gamma": 0.5, "first_steps": 200, "steps": 2}
    assert plan(clip, quick(**rest | change))[1].seconds > 3 * plan(clip, quick(**rest))[1].seconds


def test_an_estimate_of_disk_holds(make_clip, quick, tmp_path):
    clip = make_clip(frames=8, size=(96, 64))
    options = quick(first_steps=10, steps=3, max_side=96)
    guess = plan(clip, options)[1].disk_bytes
    render(clip, tmp_path / "o.mp4", options, keep_frames=True)
    frames = sum(path.stat().st_size for path in (tmp_path / "o.mp4.mnst").iterdir())
    assert 0.6 < guess / (frames + (tmp_path / "o.mp4").stat().st_size) < 1.7


def test_one_frame_can_be_planned(make_clip, quick):
    resolved, estimate = plan(make_clip(frames=1), quick(gamma_from=0.3))
    assert json.loads(plan_json(resolved, estimate))["gamma"] == [0.3]
    assert "γ 0.3 → 0.3" in lines(resolved)


def test_the_report_shows_keys_curve_cuts_and_directions(make_clip, quick):
    options = quick(
        gamma="0b=0 hold, 1b=1 ease-in-out, 2b=0",
        strength="0=0, 1=1",
        react="beat:0.25",
        bpm=120,
        cuts=[0.5],
    )
    text = lines(plan(make_clip(frames=48), options)[0])
    assert "0 is stripes.png, 1 is noise.png" in text
    assert "tempo: 120 bpm, the first bar begins at 0.000 s" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["0:00", "0", "1.1.1", "0", "hold"] in rows
    assert ["0:00.5", "12", "1.2.1", "1", "ease-in-out"] in rows
    assert ["0:01", "24", "1.3.1", "0", "linear"] in rows
    assert "+ beat:0.25" in text
    assert "1 ┤" in text
    assert "strength ┤" in text
    cuts = next(line for line in text.splitlines() if "▲" in line)
    assert cuts.index("▲") - 10 == 64 // 4
    assert "about 1:15 on this machine, and 9 MB of disk" in text


def test_a_setlist_names_its_positions(make_clip, quick, styles):
    names = {"style": [styles[0], styles[1], styles[0]]}
    base = quick().model_dump(exclude={"style1", "style2", "more_styles"})
    resolved, _ = plan(make_clip(frames=9), type(quick())(**base, **names))
    text = lines(resolved)
    assert "position 1 → 3 (1 is noise.png, 2 is stripes.png, 3 is noise.png), σ" in text
    about = json.loads(plan_json(resolved, Estimate((1.0,), 1)))
    assert about["pair"] == [1, 1, 1, 1, 2, 2, 2, 2, 2]
    assert about["gamma"] == pytest.approx([1, 0.75, 0.5, 0.25, 1, 0.75, 0.5, 0.25, 0])
    assert len(about["sigma2"][0]) == 2


def test_a_thousand_keys_are_cut_short(make_clip, quick):
    options = quick(gamma="0f=0, 1f=1 repeat 2f")
    text = lines(plan(make_clip(frames=96), options)[0])
    assert "and 72 more" in text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (7.25, "0:07.25"), (59.9997, "1:00"), (-0.3, "-0:00.3"), (-61.5, "-1:01.5")],
)
def test_times_are_shown_as_minutes_and_seconds(seconds, shown):
    assert clock_time(seconds) == shown


def dots(rows):
    """The dots of a curve in Braille as rows of 0 and 1, from top to bottom."""
    bits = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
    return [
        [int(bool((ord(letter) - 0x2800) & bit)) for letter in row for bit in bits[line]]
        for row in rows
        for line in range(4)
    ]


def test_a_curve_in_the_terminal_has_its_dots_where_its_values_are():
    rows = terminal_curve([0.0] * 8 + [1.0] * 8, 0.0, 1.0, width=8, height=2)
    assert [len(row) for row in rows] == [8, 8]
    grid = dots(rows)
    assert grid[7] == [1] * 9 + [0] * 7  # low at first, and the foot of the jump
    assert grid[0] == [0] * 8 + [1] * 8
    assert [row[8] for row in grid] == [1] * 8  # joined
    ramp = dots(terminal_curve([i / 7 for i in range(8)], 0.0, 1.0, width=4, height=2))
    assert all(ramp[7 - i][i] for i in range(8))


@pytest.mark.parametrize("count", [1, 2, 5, 1000])
def test_a_curve_fills_its_width_whatever_the_number_of_values(count):
    grid = dots(terminal_curve([0.5] * count, 0.0, 1.0, width=10, height=3))
    assert sum(map(sum, grid)) == 20
    spike = [0.0] * count
    spike[count // 2] = 1.0
    assert any(dots(terminal_curve(spike, 0.0, 1.0, width=10, height=3))[0])


def test_the_plot_shows_curve_sound_cuts_and_beats(make_clip, quick, tmp_path):
    clip = make_clip(frames=24)
    options = quick(bpm=120, cuts=[0.5], strength="0=0, 0.5=1")
    pictures = {}
    for name, change in (
        ("all", {}),
        ("silent", {"source": make_clip("silent.mp4", frames=24, audio=False)}),
        ("no cuts", {"cuts": "none"}),
        ("no beats", {"bpm": None}),
        ("no strength", {"strength": 1}),
    ):
        source = change.pop("source", clip)
        values = options.model_dump(exclude_none=True) | change
        resolved, _ = plan(source, type(options)(**values))
        draw_plan(resolved, tmp_path / f"{name}.png")
        pictures[name] = Image.open(tmp_path / f"{name}.png").convert("RGB")
    counts = {
        name: {color: count for count, color in picture.getcolors(10**6)}
        for name, picture in pictures.items()
    }

    def shows(name, channel):
        """Whether one of red, green and blue stands out anywhere."""
        return any(2 * c[channel] > sum(c) - c[channel] + 60 for c in counts[name])

    assert all(shows("all", channel) for channel in range(3))
    assert not shows("no cuts", 0)
    assert not shows("no strength", 1)
    assert not shows("no beats", 2)
    grey = (217, 217, 217)
    assert counts["all"][grey] > 10 * counts["silent"].get(grey, 0) + 1000


def test_a_plot_of_an_unknown_kind_or_without_matplotlib_is_refused(clip, tmp_path, monkeypatch):
    for name in ("curve.xyz", "curve"):
        with pytest.raises(UsageError, match=r"unknown kind of picture; use one of \.png"):
            check_plot(tmp_path / name, [clip], overwrite=False)
    check_plot(tmp_path / "curve.png", [clip], overwrite=False)
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MachineError, match=r"pip install 'mnst-video\[plots\]'"):
        check_plot(tmp_path / "curve.png", [clip], overwrite=False)


TINY = {
    "max_side": 32,
    "first_steps": 2,
    "steps": 1,
    "device": "cpu",
    "precision": "float32",
    "threads": 1,
}


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_renders_the_sample(name, tmp_path):
    """And moves gamma as it says."""
    tempo = {"bpm": 120} if name in ("verse-chorus", "strobe") else {}
    options = make_options((name,), {**TINY, **tempo})
    report = render(SAMPLE, tmp_path / "o.mp4", options)
    assert report.frames == 72
    gammas = json.loads((tmp_path / "o.mp4.mnst.json").read_text())["gamma"]
    beats = gammas[::12]
    expected = {
        "crossfade": lambda: gammas[0] == 0.0 and gammas[-1] == 1.0 and gammas[9] < 9 / 71,
        "verse-chorus": lambda: set(gammas) == {0.0},  # three seconds are a bar and a half
        "strobe": lambda: beats == [0.0, 1.0] * 3,
        "subject": lambda: set(gammas) == {1.0},
        "pulse": lambda: max(gammas) > 0.6 and min(gammas) < 0.35,
        "ping-pong": lambda: (gammas[0], gammas[36]) == (0.0, 1.0) and gammas[-1] < 0.01,
    }.get(name, lambda: gammas[0] == 0.0 and gammas[-1] == 1.0)
    assert expected(), gammas


def test_a_clip_that_begins_black_has_an_estimate(make_clip, quick):
    """Its second frame repeats the first, which takes no step."""
    resolved, estimate = plan(make_clip(frames=3, picture="color=black"), quick())
    assert len(resolved.pending) == 3
    assert estimate.seconds > 0.0


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", None), ("a.mov", None), ("shots", None)])
def test_an_estimate_of_disk_knows_what_is_written(make_clip, quick, tmp_path, name, codec):
    clip, options = make_clip(frames=8, size=(160, 120)), quick(max_side=160, codec=codec)
    _, estimate = plan(clip, options, tmp_path / name)
    report = render(clip, tmp_path / name, options, keep_frames=True)
    written = report.output
    files = written.iterdir() if written.is_dir() else [written]
    frames = sum(path.stat().st_size for path in report.kept.glob("*.png"))
    there = frames + sum(path.stat().st_size for path in files)
    assert 0.6 * there < estimate.disk_bytes < 1.7 * there
