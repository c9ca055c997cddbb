"""The pictures of README, docs/method.md and docs/masks.md.

    python docs/make_pictures.py [NAME …]

NAME is one of sample, faces, masks, people and wipes; without one all are made: sample.jpg,
faces.jpg, masks.jpg with masks-closer.jpg, people.jpg and wipes.png. It takes ten minutes on two
CPU cores, and needs matplotlib (the extra `plots`), of whose sample data the portrait is: Rear
Admiral Grace Hopper, by James S. Davis of the U.S. Navy (1984), in the public domain.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib.cbook
import numpy as np

from mnst_video.job.render import render
from mnst_video.media.frames import Frame, resize
from mnst_video.media.images import load_frame, load_image, save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.stills.still import render_still
from mnst_video.stills.stylize import stylize_image
from mnst_video.timeline.wipe import KINDS, Wipe, uncovered

DOCS = Path(__file__).parent
SAMPLES = DOCS.parent / "samples"
# Of the sample: the size that a frame is shown at, and what is between the rows.
SHOWN, GAP = (410, 230), 6
# Of the portrait: its size, with a face of some 90 pixels, and the mixes that it is painted at.
PORTRAIT, GAMMAS = (256, 300), (1.0, 0.3)


def sample() -> Frame:
    """The first, the middle and the last frame of the README's render, below the sample's own."""
    clip = probe(SAMPLES / "clip.mp4")
    last = clip.times.frames - 1
    numbers = (0, round(last / 2), last)
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / "frames"
        options = Options.model_validate({"gamma_from": 0.0, "gamma_to": 1.0})
        render(clip.path, Path(folder) / "clip.mp4", options, frames_dir=frames)
        painted = [load_frame(frames / f"{number:06d}.png") for number in numbers]
    height, width = painted[0].shape[:2]
    content = read_frames(clip, width, height, only={*numbers})
    rows = [np.hstack([resize(frame, *SHOWN) for frame in row]) for row in (content, painted)]
    between = np.full((GAP, 3 * SHOWN[0], 3), 255, np.uint8)
    return np.vstack([rows[0], between, rows[1]])


def faces() -> Frame:
    """A portrait, and it painted with `--faces paint` and with `keep`."""
    photo = load_image(Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))
    small = resize(photo, *PORTRAIT)
    styles = [load_image(SAMPLES / f"{name}.jpg") for name in ("swirls", "ink")]
    row = [small]
    for gamma in GAMMAS:
        for word in ("paint", "keep"):
            options = Options.model_validate({"faces": word})
            row.append(stylize_image(small, styles[0], styles[1], gamma, options))
    return np.hstack(row)


def masks() -> Mapping[str, Frame]:
    """The sample, its mask and two renders with it; and three neighbours of the first, closer."""
    mask = SAMPLES / "mask.mp4"
    asked = {
        "sides": {"gamma_mask": f"{mask}"},
        "kept": {"strength_mask": f"{mask}[invert]", "gamma": "1"},
    }
    numbers, near = (30, 60), (33, 34, 35)
    rows = [
        list(read_frames(probe(SAMPLES / f"{name}.mp4"), *SHOWN, only={*numbers}))
        for name in ("clip", "mask")
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, given in asked.items():
            made = Path(folder) / f"{name}.mkv"
            render(SAMPLES / "clip.mp4", made, Options.model_validate(given))
            frames = {
                number: frame
                for number, frame in enumerate(read_frames(probe(made), 256, 144))
                if number in (*numbers, *near)
            }
            rows.append([resize(frames[number], *SHOWN) for number in numbers])
            if name == "sides":
                parts = [frames[number][2:66, 84:166] for number in near]
        closer = [resize(part, 4 * part.shape[1], 4 * part.shape[0]) for part in parts]
    between = np.full((GAP, 4 * SHOWN[0] + 3 * GAP, 3), 255, np.uint8)
    gap = np.full((SHOWN[1], GAP, 3), 255, np.uint8)
    # Side by side: footage and mask, then the renders, a frame a row.
    lines = []
    for at in range(len(numbers)):
        row = [picture for made in rows for picture in (made[at], gap)]
        lines += [np.hstack(row[:-1]), between]
    return {"masks.jpg": np.vstack(lines[:-1]), "masks-closer.jpg": np.hstack(closer)}


def people() -> Frame:
    """A portrait in one painting before the other, and as it is before a wipe of both."""
    photo = Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    made = []
    for given in (
        {"gamma_mask": "person[blur=0.004]"},
        {"strength_mask": "person[invert]", "wipe": "iris", "gamma": "0.5"},
    ):
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "still.png"
            options = Options.model_validate({"max_side": PORTRAIT[1], **given})
            render_still(photo, picture, options)
            made.append(load_image(picture))
    return np.hstack(made)


def wipes() -> Frame:
    """All wipes at two shares, hard and soft."""
    width, height = 128, 72
    rows = []
    for softness in (0.0, 0.25):
        for share in (0.3, 0.7):
            shown = [uncovered(Wipe(k).order(width, height), share, softness) for k in KINDS]
            grey = np.full((height, GAP), 0.5)
            line = [part for picture in shown for part in (picture, grey)]
            rows += [np.hstack(line[:-1]), np.full((GAP, sum(p.shape[1] for p in line[:-1])), 0.5)]
    levels = (255.0 * np.vstack(rows[:-1])).round().astype(np.uint8)
    return np.dstack([levels] * 3)


MADE: Mapping[str, Callable[[], Mapping[str, Frame]]] = {
    "sample": lambda: {"sample.jpg": sample()},
    "faces": lambda: {"faces.jpg": faces()},
    "masks": masks,
    "people": lambda: {"people.jpg": people()},
    "wipes": lambda: {"wipes.png": wipes()},
}


def main() -> None:
    for name in sys.argv[1:] or MADE:
        for file, picture in MADE[name]().items():
            save_image(picture, DOCS / file)


if __name__ == "__main__":
    main()
