"""How much style a frame has, and how its mix follows the one that was asked for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mnst_video.method.sigma import ByLayer, Calibration

# The least residual of a lag over the greatest, above which no shift stands out.
DISTINCT = 0.75
# The share of a requested jump that the mix has to go in all.
LEAST_WAY = 0.75


@dataclass(frozen=True)
class StyleScores:
    """How much style a frame has, against the target at its own mix.

    residuals: of each style layer, its loss over that of its content; 0 is the target.
    ri1, ri2: relative improvements.
    mix: where its Grams stand on the line from style 2 (0) to style 1 (1).
    """

    residuals: ByLayer
    ri1: float
    ri2: float
    mix: float

    @property
    def rho(self) -> float:
        """The mean over the layers, of which none hides another."""
        return sum(self.residuals) / len(self.residuals)

    @classmethod
    def mean(cls, scores: "Sequence[StyleScores]", shares: Sequence[float]) -> "StyleScores":
        """The mean by shares, together 1; of RI the geometric one."""
        if len(scores) == 1:
            return scores[0]

        def mean(values: Sequence[float]) -> float:
            return sum(share * value for share, value in zip(shares, values, strict=True))

        return cls(
            residuals=tuple(map(mean, zip(*(s.residuals for s in scores), strict=True))),
            ri1=math.exp(mean([math.log(s.ri1) for s in scores])),
            ri2=math.exp(mean([math.log(s.ri2) for s in scores])),
            mix=mean([s.mix for s in scores]),
        )

    @classmethod
    def of(cls, content: Calibration, frame: Calibration, w: float) -> "StyleScores":
        """From what `calibrate` measures of a content frame and of the stylized one, at mix w.

        With D_i = G - G_i the place on the line is <G - G2, G1 - G2> / |G1 - G2|^2, and
        G1 - G2 = D2 - D1. Products are weighted over the layers as in the style loss.
        """
        ri1, ri2 = content.improvements(frame)
        apart = frame.style1 + frame.style2 - 2.0 * frame.cross
        return cls(
            residuals=frame.residuals(content, w),
            ri1=ri1,
            ri2=ri2,
            mix=(frame.style2 - frame.cross) / apart if apart > 0.0 else math.nan,
        )


def lag(requested: Sequence[float], measured: Sequence[float], longest: int) -> float:
    """By how many frames the measured mix follows the requested one; NaN where that is not known.

    The shift, 0 to `longest` or a third of the frames, with the least root mean square residual of
    an affine fit of the measured mix to the shifted request, all over the same frames. It is not
    known where the request rests, and where it moves so steadily that all shifts fit nearly alike:
    a straight line that is late is a straight line that is lower.
    """
    wanted, found = np.asarray(requested, np.float64), np.asarray(measured, np.float64)
    longest = min(longest, len(wanted) // 3)
    if longest < 1 or np.ptp(wanted) < 1e-3:
        return math.nan
    residuals = []
    for shift in range(longest + 1):
        x = wanted[longest - shift : len(wanted) - shift]
        design = np.stack([x, np.ones_like(x)], axis=1)
        fit, *_ = np.linalg.lstsq(design, found[longest:])
        residuals.append(float(np.sqrt(np.square(found[longest:] - design @ fit).mean())))
    best = int(np.argmin(residuals))
    told = best < longest and residuals[best] <= DISTINCT * max(residuals)
    return float(best) if told else math.nan


def jumps(
    requested: Sequence[float], measured: Sequence[float], least: float = 0.25
) -> list[tuple[int, int | None]]:
    """Frames at which the request jumps by `least` or more, and how many it then takes.

    A jump is a step from a request that is held afterwards. It has arrived when the measured mix
    has gone 90 % of its way from the frame before to where it stands at the end of the hold; None
    where that way is less than `LEAST_WAY` of the step. As with a lag, a paler style is no delay.
    """
    found: list[tuple[int, int | None]] = []
    for t in range(1, len(requested)):
        step = requested[t] - requested[t - 1]
        if abs(step) < least:
            continue
        end = t
        while end + 1 < len(requested) and requested[end + 1] == requested[t]:
            end += 1
        gone = [(measured[k] - measured[t - 1]) / step for k in range(t, end + 1)]
        arrived = None
        if gone[-1] >= LEAST_WAY:
            arrived = next(k for k, share in enumerate(gone) if share >= 0.9 * gone[-1])
        found.append((t, arrived))
    return found
