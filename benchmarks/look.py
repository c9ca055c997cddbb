"""What a clip has of the paintings, before and now: a table of docs/benchmarks.md.

    python benchmarks/look.py WORK --clip talk.mp4 --clip walk.mp4@12.5

WORK is a folder for what is made: a picture for each test shows, before and now, three frames in a
row, the last one, and the still of that. A clip's window begins at the seconds after its @; the
shipped sample is always the first. The tests, at 256 pixels: `fixed`, 48 frames at one gamma;
`fade`, 48 frames while it goes from 0 to 1; `long`, 100 frames of one shot. The columns:

* E / in, E / var: the mean warping error over the input's own, and over the output's variance, in
  thousandths.
* residuals: what is missing in each layer of the last frame; / still: the same over that of a still
  of the frame with the same options; worst: texture, strokes and motifs of the worst decile of
  tiles over the still's.
* mix: where the last frame stands between the paintings, over where the still does.
* naked: the bare share of what was uncovered within the last second; passes: a frame's, the median.
* eyes, and with --landmarks a mesh's faces and how far its eyes and mouths are off: see
  landmarks.py.

*before*: the article's weights of the layers, content at 0.1, four levels of squares, single pixels
at the full rate, fresh paint at 2, held at 0.7, no lead, zeros around the picture, faces painted.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from clips import LONG, looped, window
from landmarks import faces_seen
from stability import SAMPLE, Meter

from mnst_video.judge.evaluate import Evaluation
from mnst_video.judge.judge import FrameScores, Judge, StillScores
from mnst_video.media.frames import Frame
from mnst_video.media.images import save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.method.sigma import Calibration
from mnst_video.method.vgg import VGG19
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import first_frame
from mnst_video.painting.shot import stylize_shot
from mnst_video.plan.analysis import analyse, with_faces
from mnst_video.plan.setup import Setup, prepare

FRAMES = 48
TESTS = {"fixed": "0.7", "fade": "start=0, end=1", "long": "0.7"}
BEFORE = {
    "content_weight": 0.1,
    "pyramid_levels": 4,
    "pixel_rate": 1.0,
    "temporal_weight": 0.7,
    "fresh_rate": 2.0,
    "faces": "paint",
}
COLUMNS = ("E / in", "E / var", "residuals", "/ still", "worst", "mix", "naked", "passes", "eyes")


@contextmanager
def as_before() -> Iterator[None]:
    """Without what is no option: shares of the layers, the lead, and repeated edges."""

    def no_shares(pair: Calibration, _: tuple[float, ...]) -> Calibration:
        return pair

    def no_lead(aim: Aim, _: Aim) -> Aim:
        return aim

    def with_zeros(network: VGG19) -> VGG19:
        return network

    with ExitStack() as stack:
        stack.enter_context(patch.object(VGG19, "repeating_edges", with_zeros))
        stack.enter_context(patch.object(Calibration, "with_shares", no_shares))
        stack.enter_context(patch.object(Aim, "led", no_lead))
        yield


def paint(setup: Setup) -> tuple[list[Frame], list[float], Frame]:
    """The frames of a clip of one shot, the passes of each, and a still of the last one."""
    analysis = with_faces(setup, analyse(setup))
    calibrations = analysis.calibrations[0]
    content = list(read_frames(setup.clip, *setup.size))
    numbers = range(len(content))
    faders = [setup.course.fader(t) for t in numbers]
    faces = [analysis.faces.get(t, ()) for t in numbers]
    shot = stylize_shot(setup.styles, calibrations, content, faders, faces=faces)
    frames, passes = [], []
    for _ in numbers:
        with Meter(*setup.size) as meter:
            frames.append(next(shot).frame)
        passes.append(meter.passes)
    aim = Aim.at(setup.styles, calibrations, faders[-1])
    kept = setup.styles.faces(content[-1])
    return frames, passes, first_frame(setup.styles, content[-1], aim, faces=kept).frame


def judged(
    setup: Setup, content: list[Frame], frames: list[Frame], still: Frame
) -> tuple[list[FrameScores], StillScores]:
    """The scores of frames, and of a still of the last."""
    judge = Judge(setup, analyse(setup), None, setup.size)
    scores = [judge(t, c, f) for t, (c, f) in enumerate(zip(content, frames, strict=True))]
    return scores, judge.score_still(len(frames) - 1, still)


def cells(
    setup: Setup,
    scores: list[FrameScores],
    still: StillScores,
    frames: list[Frame],
    passes: list[float],
) -> list[str]:
    """A row of the table, but for the faces."""
    last, all_of_it = scores[-1], Evaluation(tuple(scores), 1.0, setup.size)
    error = all_of_it.mean("e")
    variance = np.mean([frame.astype(np.float64).var() for frame in frames]) / 255.0**2
    return [
        f"{error / all_of_it.mean('e_input'):.2f}",
        f"{1000 * error / variance:.1f}",
        ", ".join(f"{value:.3f}" for value in last.residuals),
        over(last.residuals, still.residuals),
        over(last.worst, still.worst),
        f"{last.mix / still.mix:.2f}" if last.wanted > 0.9 else "–",
        f"{100 * all_of_it.naked_uncovered:.1f} %",
        f"{np.median(passes[1:]):.1f}",
    ]


def over(values: tuple[float, ...], others: tuple[float, ...]) -> str:
    return ", ".join(f"{a / b:.1f}" for a, b in zip(values, others, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--clip", action="append", default=[], help="PATH or PATH@SECONDS")
    parser.add_argument("--style1", type=Path)
    parser.add_argument("--style2", type=Path)
    parser.add_argument("--tests", default=",".join(TESTS))
    parser.add_argument("--landmarks", type=Path, help="face_landmark.tflite")
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    shared = {"style1": arguments.style1, "style2": arguments.style2, "threads": arguments.threads}
    given = {"cuts": "none"} | {k: v for k, v in shared.items() if v is not None}
    more = ("faces", "off, %") if arguments.landmarks else ()
    print(f"| | | {' | '.join((*COLUMNS, *more))} |")
    print("| --- " * (2 + len(COLUMNS) + len(more)) + "|", flush=True)
    for text in (str(SAMPLE), *arguments.clip):
        path, _, begin = text.partition("@")
        for test in arguments.tests.split(","):
            stem = f"{Path(path).stem}-{'long' if test == 'long' else 'window'}"
            copy = arguments.work / f"{stem}.mkv"
            clip = (
                looped(Path(path), LONG, copy)
                if test == "long"
                else window(Path(path), float(begin or 0), FRAMES, copy)
            )
            pictures = compare(clip, {"gamma": TESTS[test], **given}, test, arguments.landmarks)
            save_image(pictures, arguments.work / f"{Path(path).stem}-{test}.png")


def compare(clip: Path, given: dict[str, Any], test: str, landmarks: Path | None) -> Frame:
    """Print a clip's two rows; the last frame before and now, the stills, and three neighbours."""
    rows: list[Frame] = []
    sides: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
        "before": (as_before, BEFORE),
        "now": (ExitStack, {}),
    }
    for name, (others, changed) in sides.items():
        with others():
            setup = prepare(probe(clip), Options(**{**given, **changed}))
            content = list(read_frames(setup.clip, *setup.size))
            frames, passes, still = paint(setup)
            scores, beside = judged(setup, content, frames, still)
        values = cells(setup, scores, beside, frames, passes)
        values += faces_seen(content, frames, landmarks)
        print(f"| {clip.stem}, {test} | {name} | {' | '.join(values)} |", flush=True)
        middle = len(frames) // 2
        rows.append(np.hstack([*frames[middle : middle + 3], frames[-1], still]))
    return np.vstack(rows)


if __name__ == "__main__":
    main()
