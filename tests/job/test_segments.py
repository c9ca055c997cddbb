"""Long shots in pieces: what is painted, in which order, to the same bytes however it is done."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnst_video.job.events import FrameDone
from mnst_video.job.render import paint_shots_alone, render
from mnst_video.media.images import load_frame
from mnst_video.plan import segments
from mnst_video.plan.plan import Plan
from mnst_video.plan.segments import SEAM, segments_of
from mnst_video.plan.shots import split


@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=5),
    st.floats(1.0, 20.0),
    st.sampled_from([Fraction(24), Fraction(25), Fraction(60000, 1001)]),
)
def test_pieces_are_the_shots_and_seams_lie_in_them(lengths, seconds, fps):
    ends = np.cumsum(lengths).tolist()
    shots = split(ends[-1], ends[:-1])
    found = segments_of(shots, seconds, fps)
    assert [f for piece in found.pieces for f in piece.frames] == list(range(ends[-1]))
    for shot in shots:
        pieces = [piece for piece in found.pieces if piece.index == shot.index]
        assert (pieces[0].start, pieces[-1].end) == (shot.start, shot.end)
        sizes = [len(piece.frames) for piece in pieces]
        assert max(sizes) - min(sizes) <= 1
        if len(pieces) > 1:
            assert min(sizes) >= 2 * SEAM
        starts = [seam.start for seam in found.seams if seam.index == shot.index]
        assert starts == [piece.start for piece in pieces[1:]]
    assert all(len(seam.frames) == SEAM for seam in found.seams)
    assert segments_of(shots, None, fps).pieces == shots


@pytest.fixture
def source(make_clip):
    """28 frames: a shot of 24, in three pieces of 8, and one of 4."""
    return make_clip(frames=28)


@pytest.fixture
def options(quick):
    return quick(cuts="1", segments=1.0, steps=2)


@pytest.fixture
def pieces(monkeypatch):
    """Pieces of 8 frames, which the option does not go down to, with seams of 4."""
    monkeypatch.setattr(segments, "SEAM", 4)
    whole = segments.segments_of
    for module in ("mnst_video.job.resume", "mnst_video.plan.plan"):
        monkeypatch.setattr(f"{module}.segments_of", lambda s, t, fps: whole(s, t and t / 3, fps))


def pngs(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


@pytest.mark.usefixtures("pieces")
def test_a_piece_starts_by_itself_and_a_seam_ends_in_it(tmp_path, source, options, quick):
    events, names = [], set()

    def observe(event):
        events.append(event)
        names.update(path.name for path in (tmp_path / "o.mp4.mnst").glob("*.own.png"))

    report = render(source, tmp_path / "o.mp4", options, keep_frames=True, observe=observe)
    assert names == {f"{f:06d}.own.png" for f in (*range(8, 12), *range(16, 20))}
    assert not list(report.kept.glob("*.own.png"))
    (plan,) = (event for event in events if isinstance(event, Plan))
    assert "shots that are painted in pieces: 1, with 2 seams" in plan.notes
    done = [event.frame for event in events if isinstance(event, FrameDone)]
    assert sorted(done) == list(range(28))
    seams = [*range(8, 12), *range(16, 20)]
    assert sorted(done[-8:]) == seams  # they come last
    # The same shot cut where the pieces begin: what is no seam is the same, to the byte, as is the
    # last frame of each seam; their first frames go on from the piece before.
    cut = quick(cuts="8f,16f,24f", steps=2, sigma="auto")
    apart = render(source, tmp_path / "cut.mp4", cut, keep_frames=True)
    whole = render(source, tmp_path / "whole.mp4", quick(cuts="1", steps=2), keep_frames=True)
    made, single, chained = (pngs(r.kept) for r in (report, apart, whole))
    for frame in range(28):
        name = f"{frame:06d}.png"
        assert (made[name] == single[name]) == (frame not in seams or frame in (11, 19))
    assert made["000008.png"] == chained["000008.png"]
    away = [
        np.abs(
            load_frame(report.kept / f"{f:06d}.png").astype(float)
            - load_frame(apart.kept / f"{f:06d}.png")
        ).mean()
        for f in range(8, 12)
    ]
    assert away == sorted(away, reverse=True)


@pytest.mark.usefixtures("pieces")
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("stop", [3, 13, 21, 25])
def test_a_render_in_pieces_goes_on_to_the_same_bytes(tmp_path, source, options, jobs, stop):
    whole = render(source, tmp_path / "whole.mp4", options, keep_frames=True)

    def observe(event):
        if isinstance(event, FrameDone) and event.done == stop:
            raise KeyboardInterrupt

    output = tmp_path / "o.mp4"
    with pytest.raises(KeyboardInterrupt):
        render(source, output, options, jobs=jobs, observe=observe)
    report = render(source, output, options, jobs=3 - jobs, keep_frames=True)
    assert report.reused >= min(stop, 8)
    assert pngs(report.kept) == pngs(whole.kept)
    assert output.read_bytes() == whole.output.read_bytes()


@pytest.mark.usefixtures("pieces")
def test_shots_in_pieces_are_painted_by_runs_of_their_own(tmp_path, source, options):
    whole = render(source, tmp_path / "whole.mp4", options, keep_frames=True)
    folder = tmp_path / "frames"
    assert paint_shots_alone(source, folder, {1}, options).frames == 24
    report = render(source, tmp_path / "o.mp4", options, frames_dir=folder)
    assert report.reused == 24
    assert pngs(folder) == pngs(whole.kept)
