"""How balanced two styles are over γ: the article's relative improvements, and σ from them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnst_video.errors import UsageError
from mnst_video.job.workplace import Count, CountObserver, at_work
from mnst_video.media.frames import Frame, resize, working_size
from mnst_video.media.images import Photo, load_image
from mnst_video.media.input.near import read_at
from mnst_video.method.crossfade import mix
from mnst_video.options import Options
from mnst_video.painting.aim import Aim
from mnst_video.painting.frame import first_frame
from mnst_video.painting.machine import load_network
from mnst_video.painting.styles import Styles
from mnst_video.plan.shots import spread
from mnst_video.stills.content import open_content
from mnst_video.timeline.fader import Fader

# Longer side of the pictures unless `max_side` says, and frames of a clip that are measured.
SIDE, CLIP_FRAMES = 256, 3
# Where RI is measured, as gamma with sigma in closed form; 0.5 without sigma comes to it.
MEASURED = tuple(i / 10 for i in range(11))
# Where it is told.
GAMMAS = tuple(i / 20 for i in range(21))

# |ln(RI1/RI2)| at which two styles are the same to the content.
EQUAL = 1e-3

METHODS = ("none", "closed_form", "article", "refined")


@dataclass(frozen=True)
class Balance:
    """RI_i = S_i(content) / S_i(result) of two styles, measured over the mix w.

    gamma and sigma act only through w (`crossfade.mix`), so one measurement serves every sigma.
    w: increasing. ri1, ri2: at each w, geometric means over the contents.
    closed_form: sqrt(S1(content) / S2(content)).
    check: RI1 and RI2 of a real run at gamma = 0.5 with the refined sigma, where there is one.
    seconds: what the measurement took.
    """

    w: tuple[float, ...]
    ri1: tuple[float, ...]
    ri2: tuple[float, ...]
    closed_form: float
    check: tuple[float, float] | None = None
    seconds: float = 0.0

    @property
    def balanced_w(self) -> float:
        """The mix with RI1 = RI2; NaN where one style improves more at every mix."""
        inner = [i for i, w in enumerate(self.w) if 0.0 < w < 1.0]
        # By the theory ln(RI1/RI2) is a straight line over the logit of w.
        logits = [math.log(self.w[i] / (1.0 - self.w[i])) for i in inner]
        ratios = [math.log(self.ri1[i] / self.ri2[i]) for i in inner]
        if max(map(abs, ratios)) < EQUAL:
            return 0.5  # one style twice
        for (low, below), (high, above) in pairwise(zip(logits, ratios, strict=True)):
            if below <= 0.0 < above:
                crossing = low + (high - low) * below / (below - above)
                return 1.0 / (1.0 + math.exp(-crossing))
        return math.nan

    @property
    def sigma2(self) -> Mapping[str, float]:
        """By method. none: 1. article: sqrt(RI1/RI2) of one run at gamma = 0.5 without sigma.

        refined: with which RI1 = RI2 at gamma = 0.5; NaN where there is none.
        """
        ri1, ri2 = self.at(0.5)
        balanced = self.balanced_w
        return {
            "none": 1.0,
            "closed_form": self.closed_form,
            "article": math.sqrt(ri1 / ri2),
            "refined": (1.0 - balanced) / balanced,
        }

    @property
    def balanced_gamma(self) -> Mapping[str, float]:
        """The gamma with RI1 = RI2, by method; NaN where there is none."""
        w = self.balanced_w
        return {name: w * s / (1.0 - w + w * s) for name, s in self.sigma2.items()}

    def at(self, w: float) -> tuple[float, float]:
        """RI1 and RI2 at a mix, interpolated in their logarithms."""
        first, second = (
            math.exp(float(np.interp(w, self.w, np.log(values)))) for values in (self.ri1, self.ri2)
        )
        return first, second

    def curves(self, method: str) -> NDArray[np.float64]:
        """RI1 and RI2 over `GAMMAS` with a method's sigma: shape `(2, len(GAMMAS))`."""
        sigma2 = self.sigma2[method]
        if math.isnan(sigma2):
            return np.full((2, len(GAMMAS)), np.nan)
        return np.array([self.at(mix(gamma, sigma2)) for gamma in GAMMAS]).T


def measure(
    source: Path | str,
    options: Options | None = None,
    observe: CountObserver | None = None,
) -> Balance:
    """Measure two styles on a picture, or on frames sampled from a clip.

    Each picture is painted from the content in `first_steps` steps, as the article does.
    Last, the refined sigma is checked by a run with it.
    observe: called with the pictures painted and all pictures.
    Raises UsageError for more than two styles, InputError, MachineError or DivergedError.
    """
    count, options = Count(observe), options or Options()
    if len(options.styles) > 2:
        raise UsageError("calibrate compares two styles: give --style1 and --style2")
    contents = _contents(Path(source), options, options.max_side or SIDE)
    pictures = [load_image(path) for path in options.styles]
    height, width = contents[0].shape[:2]
    with at_work(None, options.machine):
        # Gamma is the mix itself.
        plain = replace(options.paint, gamma_scale="linear")
        styles = Styles(load_network(options.machine), plain, pictures, width, height)
        styles = styles.in_colors_of(contents)
        closed_form = styles.calibrate(contents)[0].sigma2
        mixes = sorted({0.5, *(mix(gamma, closed_form) for gamma in MEASURED)})
        count.total = (len(mixes) + 1) * len(contents)

        def improve(w: float) -> tuple[float, float]:
            logs = np.zeros(2)
            for content in contents:
                logs += np.log(improvements(styles, content, w))
                count.one()
            ri1, ri2 = np.exp(logs / len(contents)).tolist()
            return ri1, ri2

        ri1, ri2 = zip(*map(improve, mixes), strict=True)
        balance = Balance(tuple(mixes), ri1, ri2, closed_form)
        w = balance.balanced_w
        check = None if math.isnan(w) else improve(w)
    return replace(balance, check=check, seconds=count.seconds)


def improvements(styles: Styles, content: Frame, w: float) -> tuple[float, float]:
    """RI1 and RI2 of a content painted at a mix, by styles whose gamma is the mix."""
    (before,) = calibrations = styles.calibrate([content])
    result = first_frame(styles, content, Aim.at(styles, calibrations, Fader(0, w)))
    (after,) = styles.compare(styles.look(result.frame), before.weights)
    return before.improvements(after)


def _contents(path: Path, options: Options, side: int) -> Sequence[Frame]:
    """A picture, or frames of a clip, at the size in which they are measured."""
    content = open_content(path, options.input)
    if isinstance(content, Photo):
        photo = content.on(options.input.ground)
        return [resize(photo, *working_size(photo.shape[1], photo.shape[0], side))]
    wanted = sorted(spread(0, content.times.frames, CLIP_FRAMES))
    size, ground = working_size(content.width, content.height, side), options.input.ground
    return [resize(photo.on(ground), *size) for _, photo in read_at(content, wanted)]
