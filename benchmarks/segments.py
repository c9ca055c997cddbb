"""A long shot painted in two pieces at once: is the seam seen?

    python benchmarks/segments.py WORK --clip walk.mp4 --overlap 12 --overlap 24

The second piece begins with a first frame of its own, `overlap` frames before the first one ends.
Over the overlap the two are joined in one of two ways:

* faded: the pixels of the pieces, both of which follow the picture, are mixed, ever more of the
  second.
* repainted: as the program does it, see `Seam`.

A table has the warping error E, and what is missing of the paintings, at the seam, in the middle of
the pieces, and in the same frames of the shot painted whole. A picture shows frames of the overlap:
the whole shot, faded, repainted.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from clips import looped
from tables import markdown

from mnst_video.judge.judge import FrameScores, Judge
from mnst_video.media.frames import Frame
from mnst_video.media.images import save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import Figures, Previous, Result
from mnst_video.painting.shot import Seam, stylize_shot
from mnst_video.plan.analysis import Analysis, analyse
from mnst_video.plan.setup import Setup, prepare
from mnst_video.presets import make_options

SAMPLE = Path(__file__).parents[1] / "samples" / "clip.mp4"
FRAMES = 96


def painted(setup: Setup, analysis: Analysis, content: list[Frame], start: int) -> list[Frame]:
    """A chain from a frame on to the end."""
    faders = [setup.course.fader(t) for t in range(start, FRAMES)]
    calibrations = analysis.calibrations[0]
    results = stylize_shot(setup.styles, calibrations, content[start:], faders)
    return [result.frame for result in results]


def faded(before: Frame, after: Frame, share: float) -> Frame:
    a, b = before.astype(np.float32), after.astype(np.float32)
    return np.asarray((a + share * (b - a)).round(), np.uint8)


def repainted(
    setup: Setup, analysis: Analysis, content: list[Frame], before: Frame, own: list[Frame]
) -> list[Frame]:
    """The seam, of which the second piece's own frames are given, and the frame before it."""
    span = range(FRAMES // 2 - len(own) // 2, FRAMES // 2 + len(own) // 2)
    calibrations, last = analysis.calibrations[0], span.start - 1
    aim = Aim.at(setup.styles, calibrations, setup.course.fader(last))
    result = Result.again(before.astype(np.float32), Figures(0, 0.0, 0.0, 0.0))
    results = stylize_shot(
        setup.styles,
        calibrations,
        content[span.start : span.stop],
        [setup.course.fader(t) for t in span],
        Previous(content[last], result, aim),
        seam=Seam([None, *own[:-1]], len(own)),
    )
    return [result.frame for result in results]


def scores(
    setup: Setup, analysis: Analysis, content: list[Frame], frames: list[Frame]
) -> list[FrameScores]:
    judge = Judge(setup, analysis, None, setup.size)
    return [judge(t, c, f) for t, (c, f) in enumerate(zip(content, frames, strict=True))]


def figures(found: list[FrameScores], where: Sequence[int]) -> list[float]:
    """The mean E, the mean residual, that of strokes, and the grain, over some frames."""
    some = [found[t] for t in where]
    return [
        float(np.mean(values))
        for values in (
            [f.e for f in some],
            [f.rho for f in some],
            [f.residuals[2] for f in some],
            [f.fine for f in some],
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--clip", type=Path, action="append", default=[])
    parser.add_argument("--style1", type=Path)
    parser.add_argument("--style2", type=Path)
    parser.add_argument("--overlap", type=int, action="append", default=[])
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    rows = []
    for source in (SAMPLE, *arguments.clip):
        clip = probe(looped(source, FRAMES, arguments.work / f"{source.stem}.mkv"))
        given = {"style1": arguments.style1, "style2": arguments.style2, "gamma": "0.5"}
        given |= {"cuts": "none", "faces": "paint"}
        options = make_options((), {k: v for k, v in given.items() if v is not None})
        setup = prepare(clip, options)
        analysis = analyse(setup)
        content = list(read_frames(clip, *setup.size))
        whole = painted(setup, analysis, content, 0)
        of_whole = scores(setup, analysis, content, whole)
        for overlap in arguments.overlap or [12, 24]:
            first = FRAMES // 2 - overlap // 2
            span = range(first, first + overlap)
            tail = painted(setup, analysis, content, first)
            one, two = [whole[t] for t in span], tail[:overlap]
            shares = [(i + 1) / (overlap + 1) for i in range(overlap)]
            joins = {
                "faded": list(map(faded, one, two, shares)),
                "repainted": repainted(setup, analysis, content, whole[first - 1], two),
            }
            # From the first frame that is joined to the first that is the second piece's alone.
            seam, middles = range(first, first + overlap + 1), [*range(12, first - 4)]
            middles += range(first + overlap + 8, FRAMES)
            pictures = [[whole[t] for t in span]]
            for name, joined in joins.items():
                frames = [*whole[:first], *joined, *tail[overlap:]]
                found = scores(setup, analysis, content, frames)
                at_seam, elsewhere = figures(found, seam), figures(found, middles)
                unsplit = figures(of_whole, seam)
                rows.append([source.stem, str(overlap), name])
                rows[-1] += [f"{a / b:.2f}" for a, b in zip(at_seam, elsewhere, strict=True)]
                rows[-1] += [f"{a / b:.2f}" for a, b in zip(at_seam, unsplit, strict=True)]
                pictures.append(joined)
                print(rows[-1])
            chosen = [0, overlap // 4, overlap // 2, 3 * overlap // 4, overlap - 1]
            stacked = np.vstack([np.hstack([line[i] for i in chosen]) for line in pictures])
            save_image(stacked, arguments.work / f"{source.stem}-{overlap}.png")
    names = ("E", "residual", "strokes", "grain")
    header = ["clip", "overlap", "way", *(f"{n}, to the middles" for n in names)]
    header += [*(f"{n}, to the whole shot" for n in names)]
    print(markdown(*header, rows=rows))


if __name__ == "__main__":
    main()
