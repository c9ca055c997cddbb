"""What each choice of the method does, measured on the shipped sample: a table for docs/method.md.

    python benchmarks/choices.py

Each row is the defaults with one thing changed, or a preset at the same size, on the first 24
frames of the sample's first shot while gamma runs from 0 to 1 over them. The columns:

* sqrt(E): the root of the warping error, docs/evaluation.md.
* style: the residual style loss, as a share of the bare content's, in the middle and at the end.
* mix: where the last frame's Grams stand between the styles, of 1 asked for.
* sharpness: the high-frequency deviation of the last frame over that of the first.
"""

import argparse
import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray

from mnst_video.judge.grain import high_frequencies
from mnst_video.judge.stability import judge_flow, pull, warping_error
from mnst_video.judge.style import StyleScores
from mnst_video.media.frames import Frame
from mnst_video.media.images import load_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.painting import aim, flow, frame, palette
from mnst_video.painting.flow import Flow, Mask, reliability
from mnst_video.painting.machine import load_network
from mnst_video.painting.shot import stylize_shot
from mnst_video.painting.styles import Styles
from mnst_video.presets import read_preset
from mnst_video.timeline.fader import Fader

SAMPLES = Path(__file__).parents[1] / "samples"
# A function of a module, and what takes its place.
Patches = list[tuple[ModuleType, Callable[..., object], Callable[..., object]]]


def bare(frame: Frame, *_: Frame) -> NDArray[np.float32]:
    """Instead of `palette.match_colors`: the content as it is."""
    return frame.astype(np.float32)


def paper(_frame: Frame, _other: Frame, backward: Flow, forward: Flow) -> Mask:
    """Instead of `flow.trust`: the rules of Ruder et al. as they are."""
    return reliability(backward, forward)


def preset_flow(frame: Frame, other: Frame) -> Flow:
    """Instead of `flow.optical_flow`: OpenCV's medium preset, which ends at half resolution."""
    gray, other_gray = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (frame, other))
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(dis.calc(gray, other_gray, np.zeros((*gray.shape, 2), np.float32)))


ROWS: list[tuple[str, dict[str, Any], Patches]] = [
    ("the defaults", {}, []),
    ("`temporal_weight` 0", {"temporal_weight": 0.0}, []),
    ("`temporal_weight` 3", {"temporal_weight": 3.0}, []),
    ("`fresh_rate` 1", {"fresh_rate": 1.0}, []),
    ("`fresh_rate` 6", {"fresh_rate": 6.0}, []),
    ("`uncovered_weight` 0", {"uncovered_weight": 0.0}, []),
    ("the paper's reliability, hard edges", {}, [(flow, flow.trust, paper)]),
    ("the flow's preset alone", {}, [(flow, flow.optical_flow, preset_flow)]),
    ("uncovered areas from bare content", {}, [(aim, palette.match_colors, bare)]),
    ("bilinear warp", {}, [(frame, flow.warp, pull)]),
    ("`momentum` 0.9", {"momentum": 0.9}, []),
    ("`settled` 0", {"settled": 0.0}, []),
    ("pixels instead of a pyramid", {"pyramid_levels": 1}, []),
    ("preset `draft`", read_preset("draft"), []),
    ("preset `fine`", read_preset("fine"), []),
]


def judge(content: list[Frame]) -> list[tuple[Flow, Mask]]:
    """Backward flow and its mask for each pair of frames."""
    backward = [judge_flow(b, a) for a, b in pairwise(content)]
    forward = [judge_flow(a, b) for a, b in pairwise(content)]
    return [(b, reliability(b, f)) for b, f in zip(backward, forward, strict=True)]


def root_error(frames: list[Frame], judged: list[tuple[Flow, Mask]]) -> float:
    pairs = zip(pairwise(frames), judged, strict=True)
    errors = [warping_error(b, a, flow, mask) for (a, b), (flow, mask) in pairs]
    return math.sqrt(float(np.mean(errors)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--only", default="", help="only rows whose name has this in it")
    arguments = parser.parse_args()
    count = arguments.frames
    info = probe(SAMPLES / "clip.mp4")
    content = list(read_frames(info, info.width, info.height, 0, count))
    faders = [Fader(0, t / (count - 1)) for t in range(count)]
    styles = [load_image(SAMPLES / name) for name in ("swirls.jpg", "ink.jpg")]
    network = load_network(Options(threads=arguments.threads).machine)
    judged = judge(content)
    print(f"{info.width}x{info.height}, {count} frames, {network.dtype}")
    print(f"sqrt(E) of the input: {root_error(content, judged):.4f}\n")
    print("| | √E | style, middle | style, end | mix | sharpness | s a frame |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, options, patches in ROWS:
        if arguments.only not in name:
            continue
        row_styles = Styles(network, Options(**options).paint, styles, info.width, info.height)
        calibration = row_styles.calibrate(content[::3])
        begun = time.monotonic()
        with ExitStack() as stack:
            for module, function, other in patches:
                stack.enter_context(patch.object(module, function.__name__, other))
            results = list(stylize_shot(row_styles, calibration, content, faders))
        seconds = (time.monotonic() - begun) / count
        pictures = [result.frame for result in results]
        sharpness = math.sqrt(high_frequencies(pictures[-1]) / high_frequencies(pictures[0]))
        measured = row_styles.compare(row_styles.look(pictures[-1]))[0]
        mix = StyleScores.of(calibration[0], measured, 1.0).mix
        print(
            f"| {name} | {root_error(pictures, judged):.4f} | {results[count // 2].style:.4f} "
            f"| {results[-1].style:.4f} | {mix:.2f} | {sharpness:.2f} | {seconds:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
