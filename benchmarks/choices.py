"""What each choice of the method does, measured on the shipped sample: a table for docs/method.md.

    python benchmarks/choices.py

Each row is the defaults with one thing changed, or a preset at the same size, on the first 24
frames of the sample's first shot while gamma runs from 0 to 1 over them. The columns:

* sqrt(E): the warping error, after Lai et al., "Learning Blind Video Temporal Consistency" (ECCV
  2018): the mean over pairs of frames of sum(M * (O_t - W(O_t-1))^2) / (3 * sum(M)), pixels in
  0..1, flow and mask of the input clip. The flow is Farneback's, not the renderer's.
* style: the residual style loss, as a share of the bare content's, in the middle and at the end.
* sharpness: the high-frequency deviation of the last frame over that of the first.
"""

import argparse
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray

from mnst_video import stylize
from mnst_video.config import Options
from mnst_video.flow import Flow, Mask, reliability
from mnst_video.images import Frame, load_image
from mnst_video.presets import read_preset
from mnst_video.schedule import Fader
from mnst_video.video import probe, read_frames

SAMPLES = Path(__file__).parents[1] / "samples"
Patches = dict[str, Callable[..., object]]


def bilinear(picture: NDArray[np.float32], flow: Flow) -> NDArray[np.float32]:
    """`flow.warp` with the usual sampling."""
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]].astype(np.float32)
    places = (x + flow[..., 0], y + flow[..., 1])
    return cv2.remap(picture, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def bare(frame: Frame, *_: Frame) -> NDArray[np.float32]:
    """Instead of `stylize.match_colors`: the content as it is."""
    return frame.astype(np.float32)


ROWS: list[tuple[str, dict[str, object], Patches]] = [
    ("the defaults", {}, {}),
    ("`temporal_weight` 1", {"temporal_weight": 1.0}, {}),
    ("`temporal_weight` 100", {"temporal_weight": 100.0}, {}),
    ("`uncovered_weight` 0", {"uncovered_weight": 0.0}, {}),
    ("mask with hard edges", {}, {"feather": lambda mask: mask}),
    ("uncovered areas from bare content", {}, {"match_colors": bare}),
    ("bilinear warp", {}, {"warp": bilinear}),
    ("pixels instead of a pyramid", {"pyramid_levels": 1}, {}),
    ("preset `draft`", read_preset("draft"), {}),
    ("preset `fine`", read_preset("fine"), {}),
]


def judge(content: list[Frame]) -> list[tuple[Flow, Mask]]:
    """Backward flow and its mask for each pair of frames, by Farneback's method."""

    def flow(a: Frame, b: Frame) -> Flow:
        gray = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (a, b)]
        return cv2.calcOpticalFlowFarneback(*gray, None, 0.5, 5, 15, 5, 7, 1.5, 0)

    backward = [flow(b, a) for a, b in pairwise(content)]
    forward = [flow(a, b) for a, b in pairwise(content)]
    return [(b, reliability(b, f)) for b, f in zip(backward, forward, strict=True)]


def warping_error(frames: list[Frame], judged: list[tuple[Flow, Mask]]) -> float:
    errors = []
    for (previous, frame), (flow, mask) in zip(pairwise(frames), judged, strict=True):
        difference = (frame - bilinear(previous.astype(np.float32), flow)) / 255.0
        errors.append((mask[..., None] * difference**2).sum() / (3 * mask.sum()))
    return math.sqrt(float(np.mean(errors)))


def high_frequencies(frame: Frame) -> float:
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float((gray - cv2.GaussianBlur(gray, (0, 0), 1.0)).std())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--only", default="", help="only rows whose name has this in it")
    arguments = parser.parse_args()
    count = arguments.frames
    info = probe(SAMPLES / "clip.mp4")
    content = list(read_frames(info, info.width, info.height, 0, count))
    faders = [Fader(0, t / (count - 1)) for t in range(count)]
    styles = [load_image(SAMPLES / name) for name in ("swirls.jpg", "ink.jpg")]
    network = stylize.load_network(Options())
    judged = judge(content)
    print(f"{info.width}x{info.height}, {count} frames, {network.dtype}")
    print(f"sqrt(E) of the input: {warping_error(content, judged):.4f}\n")
    print("| | √E | style, middle | style, end | sharpness | s a frame |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, options, patches in ROWS:
        if arguments.only not in name:
            continue
        stylist = stylize.Stylist(network, Options(**options), styles, info.width, info.height)
        calibration = stylist.calibrate(content[::3])
        begun = time.monotonic()
        with patch.multiple(stylize, **patches) if patches else nullcontext():
            results = list(stylize.stylize_shot(stylist, calibration, content, faders))
        seconds = (time.monotonic() - begun) / count
        frames = [result.frame for result in results]
        sharpness = high_frequencies(frames[-1]) / high_frequencies(frames[0])
        print(
            f"| {name} | {warping_error(frames, judged):.4f} | {results[count // 2].style:.4f} "
            f"| {results[-1].style:.4f} | {sharpness:.2f} | {seconds:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
