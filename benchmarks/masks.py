"""Masks and wipes: the tables of docs/benchmarks.md.

    python benchmarks/masks.py WORK --clip talk.mp4@12.5 [--table wipes]

WORK is a folder for clips and pictures. A clip's window begins at the seconds after its @; the
shipped sample is always the first. What is measured, at 256 pixels:

* halves: a still with a painting on each side of a hard boundary. Of each half what is missing of
  the style, the mean over the layers, over the same of the whole picture painted so, in that half
  and in all of it. bleed: the pixels from the boundary on which the colours, in blocks of 12
  pixels along it, are nearer to their own painting than to the other by nine to one; the mean over
  boundaries at three eighths and at five, and both orders.
* wipes: 48 frames while gamma goes from 0 to 1 in two seconds. area: the largest distance of the
  area that is painted from gamma, found by the column at which colours change from one painting's
  to the other's. E at the boundary, where the mask is between or has just passed, over E elsewhere.
  passes: a frame's, the mean, over those of the same fade without a mask.
* crossing: the left half in one painting, at rest, while the picture moves across. E within 8
  pixels of the boundary over E elsewhere, and over that there in either painting alone.
* cost: a step of a later frame with masks over one without, the median of interleaved rounds, and
  the products of Grams alone.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from clips import window
from numpy.typing import NDArray
from stability import SAMPLE
from tables import compared, markdown

from mnst_video.judge.stability import judge_flow, near_boundary, pull
from mnst_video.media.frames import Frame
from mnst_video.media.images import save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.method.losses import STYLE_LAYERS, area_grams, gram_matrix
from mnst_video.method.regions import by_layer
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.areas import MaskedAim, Masks
from mnst_video.painting.flow import Mask, reliability
from mnst_video.painting.frame import first_frame, objective
from mnst_video.painting.shot import stylize_shot
from mnst_video.painting.styles import Calibrations, Styles
from mnst_video.plan.analysis import analyse
from mnst_video.plan.setup import Setup, prepare
from mnst_video.plan.shots import Shot
from mnst_video.timeline.fader import Fader, Split
from mnst_video.timeline.wipe import uncovered

FRAMES = 48
TABLES = ("halves", "cost", "crossing", "wipes")
SPLIT = Split(0.0, 1.0)
Array = NDArray[np.float64]


def half(width: int, height: int, at: int, white_left: bool) -> Frame:
    """A mask that is hard at a column."""
    mask = np.zeros((height, width, 3), np.uint8)
    mask[..., 1] = 255
    mask[:, :at, 0], mask[:, at:, 0] = (255, 0) if white_left else (0, 255)
    return mask


def missing(
    styles: Styles, picture: Frame, content: Frame, area: Mask | None, gamma: float
) -> float:
    """What is missing of the style of an end of gamma in an area: the mean over the layers."""
    target = styles.target(0, gamma)
    losses = []
    for shown in (picture, content):
        with torch.no_grad():
            features = styles.network(styles.image(shown), STYLE_LAYERS)
        masks = None if area is None else by_layer(styles.image(area[..., None]))
        found = []
        for name in STYLE_LAYERS:
            mask = None if masks is None else masks[name]
            share = 1.0 if mask is None else float(mask.mean())
            gram = gram_matrix(features[name], mask) / (share * styles.divisor)
            found.append(float((gram - target[name]).square().mean()))
        losses.append(found)
    return float(np.mean(np.array(losses[0]) / np.array(losses[1])))


def mix_of_columns(picture: Frame, one: Frame, two: Frame) -> Array:
    """Of each column where its colours, in blocks of rows, stand between two pictures."""
    smooth = np.ones(12) / 12
    found = []
    for x in range(picture.shape[1]):
        away, apart = (
            np.stack([np.convolve(p[:, x, c] - two[:, x, c], smooth, "valid") for c in range(3)])
            for p in (picture.astype(float), one.astype(float))
        )
        found.append(float((away * apart).sum() / (apart * apart).sum()))
    return np.array(found, np.float64)


def halves(setup: Setup, content: Frame, folder: Path, name: str) -> list[str]:
    """A row of the table."""
    styles, (width, height) = setup.styles, setup.size
    calibrations = styles.calibrate([content])
    whole = {
        gamma: first_frame(styles, content, Aim.at(styles, calibrations, Fader(0, gamma))).frame
        for gamma in (0.0, 1.0)
    }
    here, all_of_it, profiles = [], [], []
    reach = 40
    for at in (3 * width // 8, 5 * width // 8):
        for white_left in (True, False):
            mask = half(width, height, at, white_left)
            aim = MaskedAim.of(styles, calibrations, Masks(mask, SPLIT))
            painted = first_frame(styles, content, aim).frame
            save_image(painted, folder / f"{name}-half-{at}-{white_left:d}.png")
            for gamma, levels in ((1.0, mask[..., 0]), (0.0, 255 - mask[..., 0])):
                area = (levels / 255.0).astype(np.float32)
                mine = missing(styles, painted, content, area, gamma)
                here.append(mine / missing(styles, whole[gamma], content, area, gamma))
                all_of_it.append(mine / missing(styles, whole[gamma], content, None, gamma))
            mixes = mix_of_columns(painted, whole[1.0], whole[0.0])[at - reach : at + reach]
            profiles.append(mixes if white_left else 1.0 - mixes)
    profile = np.mean(profiles, axis=0)
    # From what either side comes to away from the boundary.
    left, right = profile[:16].mean(), profile[-16:].mean()
    profile = (profile - right) / (left - right)
    bleed = [
        next((d for d in range(reach) if (side[d:] > 0.9).all()), reach)
        for side in (profile[:reach][::-1], 1.0 - profile[reach:])
    ]
    return [
        name,
        f"{np.mean(here):.2f} ({max(here):.2f})",
        f"{np.mean(all_of_it):.2f} ({max(all_of_it):.2f})",
        f"{bleed[0]} and {bleed[1]}",
    ]


def painted(
    setup: Setup, content: Sequence[Frame], masks: Sequence[Masks] | None
) -> tuple[list[Frame], float]:
    """The frames of a clip of one shot, and the mean of their steps."""
    calibrations = analyse(setup).calibrations[0]
    faders = [setup.course.fader(t) for t in range(len(content))]
    results = list(stylize_shot(setup.styles, calibrations, content, faders, masks=masks))
    steps = float(np.mean([result.steps for result in results[1:]]))
    return [result.frame for result in results], steps


def errors(
    content: Sequence[Frame], frames: Sequence[Frame], masks: Sequence[Frame], reach: int
) -> tuple[float, float]:
    """E near the boundaries of masks, see `near_boundary`, and elsewhere."""
    sums = np.zeros((2, 2))
    for t in range(1, len(frames)):
        backward, forward = (
            judge_flow(content[t], content[t - 1]),
            judge_flow(content[t - 1], content[t]),
        )
        trust = reliability(backward, forward)
        came = pull(frames[t - 1].astype(np.float32), backward)
        wrong = (((frames[t] - came) / 255.0) ** 2).mean(axis=-1) * trust
        near = near_boundary(masks[t][..., 0], masks[t - 1][..., 0], reach)
        for row, where in enumerate((near, ~near)):
            sums[row] += (wrong * where).sum(), (trust * where).sum()
    return tuple((sums[:, 0] / np.maximum(sums[:, 1], 1e-9)).tolist())


def area_of(frame: Frame, one: Frame, two: Frame, shape: Callable[[float], Array]) -> float:
    """The share of the picture that is painted in the first of two paintings, by its columns.

    shape: the mask's mean of each column at a share; the best fit of that is taken.
    """
    mixes = mix_of_columns(frame, one, two)
    found = []
    shares = np.linspace(0.0, 1.0, 201)
    for share in shares:
        design = np.stack([shape(share), np.ones_like(mixes)], axis=1)
        fit, *_ = np.linalg.lstsq(design, mixes, rcond=None)
        found.append(float(((design @ fit - mixes) ** 2).sum()) if fit[0] > 0 else np.inf)
    return float(shares[int(np.argmin(found))])


def wiped(path: Path, folder: Path, name: str) -> Iterator[list[str]]:
    """Rows of the table."""
    content: list[Frame] = []
    pure: dict[float, list[Frame]] = {}
    plain_steps = 0.0
    for gamma in ("0", "1", "start=0, end=1"):
        setup = prepare(probe(path), options(gamma=gamma, cuts="none"))
        content = content or list(read_frames(setup.clip, *setup.size))
        frames, plain_steps = painted(setup, content, None)
        if gamma in ("0", "1"):
            pure[float(gamma)] = frames
    fade = frames
    for softness in (0.5, 0.25, 0.0):
        setup = prepare(
            probe(path),
            options(gamma="start=0, end=1", cuts="none", wipe="left", softness=softness),
        )
        shots = (Shot(0, 0, len(content)),)
        masks = list(setup.masks_of(shots, range(len(content))) or ())
        frames, steps = painted(setup, content, masks)
        for t in (12, 24, 25, 26, 36):
            save_image(frames[t], folder / f"{name}-wipe-{softness:g}-{t:02d}.png")
        pictures = [mask.picture for mask in masks]
        at, elsewhere = errors(content, frames, pictures, 2)
        same, _ = errors(content, fade, pictures, 2)
        order = setup.options.wipe.order(*setup.size) if setup.options.wipe else None
        assert order is not None

        def shape(share: float, order: Mask = order, softness: float = softness) -> Array:
            columns: Array = uncovered(order, share, softness).mean(axis=0).astype(np.float64)
            return columns

        off = [
            abs(area_of(frames[t], pure[1.0][t], pure[0.0][t], shape) - t / (len(content) - 1))
            for t in range(6, len(content) - 6, 3)
        ]
        exact = max(
            abs(float(m.sides.mean()) / 255.0 - t / (len(content) - 1)) for t, m in enumerate(masks)
        )
        yield [
            name,
            f"{softness:g}",
            f"{100 * exact:.2f} %",
            f"{100 * np.mean(off):.1f} % ({100 * max(off):.1f} %)",
            f"{at / elsewhere:.2f}",
            f"{at / same:.2f}",
            f"{steps / plain_steps:.2f}",
        ]


def crossed(path: Path, folder: Path, name: str) -> list[str]:
    """A row of the table."""
    alone: list[float] = []
    content: list[Frame] = []
    mask: Frame = np.zeros((1, 1, 3), np.uint8)
    plain = 1.0
    for gamma in ("0", "1"):
        setup = prepare(probe(path), options(gamma=gamma, cuts="none"))
        content = content or list(read_frames(setup.clip, *setup.size))
        frames, plain = painted(setup, content, None)
        mask = half(*setup.size, setup.size[0] // 2, True)
        alone.append(errors(content, frames, [mask] * len(content), 8)[0])
    frames, steps = painted(setup, content, [Masks(mask, SPLIT)] * len(content))
    for t in (0, 23, 24, 25, 47):
        save_image(frames[t], folder / f"{name}-crossing-{t:02d}.png")
    at, elsewhere = errors(content, frames, [mask] * len(content), 8)
    return [
        name,
        f"{at / elsewhere:.2f}",
        f"{at / float(np.mean(alone)):.2f}",
        f"{steps / plain:.2f}",
    ]


def cost(setup: Setup, content: Frame, rounds: int) -> list[list[str]]:
    """Rows of the table: seconds of a step, and of its Grams."""
    styles, (width, height) = setup.styles, setup.size
    calibrations: Calibrations = styles.calibrate([content])
    plain = Aim.at(styles, calibrations, Fader(0, 0.5))
    ramp = half(width, height, 0, True)
    ramp[..., 0] = np.linspace(255, 0, width).round()
    aims = {
        "no mask": plain,
        "hard halves": MaskedAim.of(
            styles, calibrations, Masks(half(width, height, width // 2, True), SPLIT)
        ),
        "a ramp of five": MaskedAim.of(styles, calibrations, Masks(ramp, SPLIT)),
    }
    image, seconds = styles.image(content), {name: list[float]() for name in aims}
    fresh = np.zeros((height, width), np.float32)
    fresh[height // 3 :, : width // 4] = 1.0
    goals = {name: objective(styles, image, aim, (), fresh) for name, aim in aims.items()}
    features = {name: value.detach() for name, value in styles.network(image, STYLE_LAYERS).items()}
    grams: dict[str, list[float]] = {name: [] for name in aims}
    for turn in range(rounds + 1):
        for name, goal in goals.items():
            begun = time.perf_counter()
            start = image.clone().requires_grad_()
            torch.autograd.grad(goal(start).total, start)
            ended = time.perf_counter()
            alone = [f.clone().requires_grad_() for f in features.values()]
            middle = time.perf_counter()
            total = torch.zeros(())
            for layer, value in zip(features, alone, strict=True):
                if goal.areas:
                    masks = [area.masks[layer] for area in goal.areas]
                    masks += [a.uncovered[layer] for a in goal.areas if a.uncovered is not None]
                    total = total + area_grams(value, masks).sum()
                else:
                    assert goal.uncovered is not None
                    total = total + gram_matrix(value).sum()
                    total = total + gram_matrix(value, goal.uncovered[layer]).sum()
            torch.autograd.grad(total, alone)
            if turn:  # the first one warms up
                seconds[name].append(ended - begun)
                grams[name].append(time.perf_counter() - middle)
    return [*compared(seconds, "step"), *compared(grams, "Grams")]


def options(**given: object) -> Options:
    return Options.model_validate({"faces": "paint", "max_side": 256, **given})


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("--clip", action="append", default=[])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--table", action="append", choices=TABLES)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    paths = []
    for clip in (f"{SAMPLE}@0", *arguments.clip):
        source, _, start = clip.partition("@")
        name = Path(source).stem
        path = arguments.work / f"{name}-{start or 0}.mkv"
        paths.append((name, window(Path(source), float(start or 0), FRAMES, path)))
    work, tables = arguments.work, arguments.table or TABLES
    first = []
    for name, path in paths:
        setup = prepare(probe(path), options(cuts="none"))
        content = next(read_frames(setup.clip, *setup.size, 24, 25))
        first.append((name, setup, content))
    if "halves" in tables:
        columns = ("clip", "half / whole, there", "half / whole", "bleed, pixels")
        rows = [halves(setup, content, work, name) for name, setup, content in first]
        print(markdown(*columns, rows=rows), flush=True)
    if "cost" in tables:
        rows = cost(*first[0][1:], arguments.rounds)
        print(markdown("", "", "s", "times", rows=rows), flush=True)
    if "crossing" in tables:
        columns = ("clip", "E there / elsewhere", "E there / alone", "steps / plain")
        rows = [crossed(path, work, name) for name, path in paths]
        print(markdown(*columns, rows=rows), flush=True)
    if "wipes" in tables:
        header = (
            *("clip", "softness", "mask's area off", "painted area off", "E there / elsewhere"),
            *("E there / fade's", "steps / fade's"),
        )
        rows = [row for name, path in paths for row in wiped(path, work, name)]
        print(markdown(*header, rows=rows), flush=True)


if __name__ == "__main__":
    main()
