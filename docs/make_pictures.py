"""The pictures of README and docs/method.md: writes docs/sample.jpg and docs/faces.jpg.

    python docs/make_pictures.py

It takes about three minutes on two CPU cores, and needs matplotlib (the extra `plots`), of whose
sample data the portrait is: Rear Admiral Grace Hopper, by James S. Davis of the U.S. Navy (1984),
in the public domain.
"""

import tempfile
from pathlib import Path

import matplotlib.cbook
import numpy as np

from mnst_video.job.render import render
from mnst_video.media.frames import Frame, resize
from mnst_video.media.images import load_frame, load_image, save_image
from mnst_video.media.input.decode import read_frames
from mnst_video.media.input.probe import probe
from mnst_video.options import Options
from mnst_video.stills.stylize import stylize_image

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


def main() -> None:
    save_image(sample(), DOCS / "sample.jpg")
    save_image(faces(), DOCS / "faces.jpg")


if __name__ == "__main__":
    main()
