"""The article's experiments again, on the shipped samples: writes docs/reproduction.md.

    python docs/make_reproduction.py [--cache FOLDER]

It takes about an hour on two CPU cores, and needs the extra `plots`. Every picture is stored in the
cache folder as it ends, so that an interrupted run goes on where it stopped; after a change of the
method, delete that folder. The text around the figures stands in docs/reproduction.in.md.
"""

import argparse
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from mnst_video.cli.show.plots import draw_balance
from mnst_video.media.frames import Frame, resize, working_size
from mnst_video.media.images import load_image, save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.method.losses import gram_matrix
from mnst_video.method.vgg import VGG19
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import first_frame
from mnst_video.painting.machine import load_network
from mnst_video.painting.styles import Styles
from mnst_video.presets import make_options
from mnst_video.stills.calibrate import METHODS, Balance
from mnst_video.stills.sheet import render_sheet
from mnst_video.timeline.fader import Fader

DOCS = Path(__file__).parent
SAMPLES = DOCS.parent / "samples"
# Longer side of the pictures.
SIDE = 160
# Frames of the sample clip, one of each shot.
CONTENTS = {"first shot": 20, "second shot": 60}
# Style 1 and style 2. The first pair is that of the figures: its sigma2 is close to the article's.
PAIRS = [
    *(("spray", "ink"), ("swirls", "ink"), ("swirls", "mosaic")),
    *(("swirls", "spray"), ("ink", "mosaic"), ("mosaic", "spray")),
]
SETTINGS = {"article": ("article",), "defaults": ()}
SCALES = ("linear", "balanced", "even")
STEPS = np.linspace(0.0, 1.0, 11)
# Start of the noise floor's second picture: the content with noise of this deviation, 0..255.
NOISE = 3.0
# Not among the style layers.
JUDGES = ("block2_conv2", "block3_conv3")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One pair of styles on one content with one preset, measured.

    steps: by scale and measure, the distances of neighbours in a sweep of 11 pictures.
    floor: by measure, the distance of two pictures for the same mix from different starts.
    checked: ln(RI1/RI2) of a real run at gamma = 0.5 with the refined sigma.
    """

    setting: str
    pair: tuple[str, str]
    content: str
    balance: Balance
    checked: float
    steps: Mapping[str, Mapping[str, Array]]
    floor: Mapping[str, float]

    def asymmetry(self, method: str) -> float:
        """Largest |f(gamma) + f(1 - gamma)| / 2 of f = ln(RI1/RI2), over 0.1 to 0.9."""
        ri1, ri2 = self.balance.curves(method)[:, 2:-2]
        logs = np.log(ri1 / ri2)
        return float(np.abs(logs + logs[::-1]).max() / 2.0)


def distances(network: VGG19, a: Frame, b: Frame) -> dict[str, float]:
    """How far two pictures are apart, by measures that no scale was made with.

    Lab: the earth mover's distance between the histograms of L*, a* and b*, summed, in units of
    CIE Lab. Of each judging layer, the Grams G over positions, as amplitudes: the Bures distance
    (2-Wasserstein, of Gaussians with these second moments); and as powers: Frobenius.
    """
    found = {"Lab": float(np.abs(_sorted_lab(a) - _sorted_lab(b)).mean(axis=0).sum())}
    for layer in JUDGES:
        one, two = (_moments(network, picture, layer) for picture in (a, b))
        found[f"{layer}, amplitude"] = _bures(one, two)
        found[f"{layer}, power"] = float(np.linalg.norm(one - two))
    return found


def _sorted_lab(picture: Frame) -> NDArray[np.float32]:
    lab = cv2.cvtColor(picture.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    return np.sort(lab.reshape(-1, 3), axis=0)


def _moments(network: VGG19, picture: Frame, layer: str) -> Array:
    image = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
    with torch.no_grad():
        features = network(image.to(network.device), {layer})[layer]
    gram: Array = gram_matrix(features).double().cpu().numpy()
    moments: Array = gram / features[0, 0].numel()
    return moments


def _bures(one: Array, two: Array) -> float:
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(0.0))) @ vectors.T
    between = np.sqrt(np.linalg.eigvalsh(root @ two @ root).clip(0.0)).sum()
    return math.sqrt(max(float(np.trace(one) + np.trace(two) - 2.0 * between), 0.0))


class Painter:
    """Paints pictures at a mix, or takes them from the cache."""

    def __init__(self, cache: Path, name: str, styles: Styles, content: Frame) -> None:
        self.cache, self.name, self.styles, self.content = cache, name, styles, content
        self.before = styles.calibrate([content])

    def __call__(self, w: float, noise: float = 0.0) -> Frame:
        path = self.cache / f"{self.name} {w:.9f}{' noise' if noise else ''}.png"
        if not path.exists():
            start = None
            if noise:
                disturbed = np.random.default_rng(0).normal(self.content, noise)
                start = disturbed.clip(0, 255).astype(np.float32)
            aim = Aim.at(self.styles, self.before, Fader(0, w))
            result = first_frame(self.styles, self.content, aim, start=start)
            save_image(result.frame, path)
            print(path.stem, flush=True)
        return load_image(path)

    def improvements(self, w: float) -> tuple[float, float]:
        """RI1 and RI2."""
        (after,) = self.styles.compare(self.styles.look(self(w)), self.before[0].weights)
        return self.before[0].improvements(after)


def measure(network: VGG19, cache: Path, contents: Mapping[str, Frame]) -> Iterator[Case]:
    """All cases, by setting, pair, content."""
    for (setting, presets), pair, (content, frame) in product(
        SETTINGS.items(), PAIRS, contents.items()
    ):
        pictures = [load_image(SAMPLES / f"{name}.jpg") for name in pair]
        options = make_options(presets, {"gamma_scale": "linear"})
        height, width = frame.shape[:2]
        styles = Styles(network, options.paint, pictures, width, height)
        paint = Painter(cache, f"{setting} {' '.join(pair)} {content}", styles, frame)
        sweeps = {}
        for scale in SCALES:
            scaled = options.model_copy(update={"gamma_scale": scale, "sigma": "auto"})
            by_scale = Styles(network, scaled.paint, pictures, width, height)
            sweeps[scale] = [by_scale.mix(Fader(0, float(g)), paint.before) for g in STEPS]
        mixes = sorted({0.5, *(w for sweep in sweeps.values() for w in sweep)})
        ri1, ri2 = zip(*map(paint.improvements, mixes), strict=True)
        balance = Balance(tuple(mixes), ri1, ri2, paint.before[0].sigma2)
        one, two = paint.improvements(balance.balanced_w)
        steps = {
            name: [distances(network, paint(a), paint(b)) for a, b in pairwise(sweep)]
            for name, sweep in sweeps.items()
        }
        yield Case(
            setting,
            pair,
            content,
            balance,
            math.log(one / two),
            {
                name: {measure: np.array([step[measure] for step in found]) for measure in found[0]}
                for name, found in steps.items()
            },
            distances(network, paint(0.5), paint(0.5, NOISE)),
        )


def balance_table(cases: list[Case]) -> str:
    """sigma2 and the balanced gamma by method, a row for each case."""
    lines = [
        "| style 1, style 2 | content | σ2 closed | article's | refined | γ* without σ | closed "
        "| article's | refined, by a real run | not antisymmetric |",
        "| --- | --- |" + " ---: |" * 8,
    ]
    for case in cases:
        sigma2, gamma = case.balance.sigma2, case.balance.balanced_gamma
        # ln(RI1/RI2) is close to 2 * logit(gamma) - 2 * logit(gamma*).
        real = 1.0 / (1.0 + math.exp(case.checked / 2.0))
        numbers = [
            *(f"{sigma2[name]:.3f}" for name in METHODS[1:]),
            *(f"{gamma[name]:.3f}" for name in METHODS[:3]),
            f"{real:.3f}",
            f"{case.asymmetry('closed_form'):.2f}",
        ]
        lines.append(f"| {', '.join(case.pair)} | {case.content} | {' | '.join(numbers)} |")
    misses = {
        name: max(abs(case.balance.balanced_gamma[name] - 0.5) for case in cases)
        for name in METHODS
    }
    real = max(abs(1.0 / (1.0 + math.exp(case.checked / 2.0)) - 0.5) for case in cases)
    worst = [
        *("", "", ""),
        *(f"{misses[name]:.3f}" for name in METHODS[:3]),
        f"{real:.3f}",
        f"{max(case.asymmetry('closed_form') for case in cases):.2f}",
    ]
    lines.append(f"| largest \\|γ* − 0.5\\|, or asymmetry | | {' | '.join(worst)} |")
    return "\n".join(lines)


def evenness_table(cases: list[Case]) -> str:
    """The largest step over the smallest, by scale: median and worst of all cases."""
    measures = list(cases[0].floor)
    lines = ["| scale |" + "".join(f" {m} |" for m in measures), "| --- |" + " --- |" * 5]
    for scale in SCALES:
        ratios = {
            m: [float(case.steps[scale][m].max() / case.steps[scale][m].min()) for case in cases]
            for m in measures
        }
        cells = (f" {np.median(r):.2f}, {max(r):.2f} |" for r in ratios.values())
        lines.append(f"| {scale} |" + "".join(cells))
    floors = (
        np.median([case.floor[m] / case.steps["even"][m].mean() for case in cases])
        for m in measures
    )
    lines.append("| noise floor, of a step |" + "".join(f" {floor:.2f} |" for floor in floors))
    return "\n".join(lines)


def evenness_by_pair(cases: list[Case]) -> str:
    """The same for every case: its worst measure."""
    lines = [
        "| style 1, style 2 | content | linear | balanced | even |",
        "| --- | --- |" + " ---: |" * 3,
    ]
    for case in cases:
        cells = []
        for scale in SCALES:
            measured = case.steps[scale]
            worst = max(measured, key=lambda m: measured[m].max() / measured[m].min())
            cells.append(f"{measured[worst].max() / measured[worst].min():.2f} ({worst})")
        lines.append(f"| {', '.join(case.pair)} | {case.content} | {' | '.join(cells)} |")
    return "\n".join(lines)


def figures(frame: Frame, case: Case, cache: Path) -> None:
    """The article's figures 4, 6 and 8, and 9, for one case."""
    content = cache / "content.png"
    save_image(frame, content)
    styles = {f"style{i}": SAMPLES / f"{name}.jpg" for i, name in enumerate(case.pair, 1)}
    for number, sigma in ((4, 1.0), (9, case.balance.sigma2["article"])):
        options = make_options(("article",), {**styles, "sigma": sigma, "max_side": SIDE})
        render_sheet(content, DOCS / f"figure{number}.jpg", options, overwrite=True)
    draw_balance(case.balance, DOCS / "figures6and8.png", "article")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cache", type=Path, default=Path("reproduction-cache"))
    arguments = parser.parse_args()
    arguments.cache.mkdir(exist_ok=True)
    info = probe(SAMPLES / "clip.mp4")
    size = working_size(info.width, info.height, SIDE)
    frames = list(read_frames(info, info.width, info.height))
    contents = {name: resize(frames[number], *size) for name, number in CONTENTS.items()}
    network = load_network(Options().machine)
    cases = list(measure(network, arguments.cache, contents))
    figures(contents["first shot"], cases[0], arguments.cache)
    text = (DOCS / "reproduction.in.md").read_text()
    for setting in SETTINGS:
        chosen = [case for case in cases if case.setting == setting]
        text = text.replace(f"@balance {setting}@", balance_table(chosen))
        text = text.replace(f"@evenness {setting}@", evenness_table(chosen))
        text = text.replace(f"@pairs {setting}@", evenness_by_pair(chosen))
    (DOCS / "reproduction.md").write_text(text)


if __name__ == "__main__":
    main()
