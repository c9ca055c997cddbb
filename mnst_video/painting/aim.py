"""What one frame is painted towards: γ as a mix, a target, weights and steps, found once."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from mnst_video.media.frames import Frame, Picture
from mnst_video.method.crossfade import Grams
from mnst_video.method.losses import Area, LayerWeights
from mnst_video.method.regions import Levels
from mnst_video.painting.flow import Mask
from mnst_video.painting.palette import match_colors
from mnst_video.painting.styles import Calibrations, Styles, sigma2_of
from mnst_video.timeline.fader import Fader

# The most that a target is ahead of the mix, and the change of the mix in a frame that is a jump.
LEAD, JUMP = 0.05, 0.25
# The change of the mix from a frame to the next, from which on all paint is fresh.
FASTEST_FADE = 0.05


@dataclass(frozen=True)
class Aim:
    """The aim of a frame.

    w: the share of the fader's first style in the target.
    bare, energy: the style loss of bare content against the target, and the mean square of its
        content features: what losses are relative to.
    layer_weights: of the layers in the style loss.
    ahead: how far the target is beyond w.
    content_weight, style_weight: of the losses as they are, not relative.
    first_steps, later_steps: of a shot's first frame, and of a later one where nothing changes.
    """

    styles: Styles
    fader: Fader
    w: float
    bare: float
    energy: float
    layer_weights: LayerWeights
    content_weight: float
    style_weight: float
    first_steps: int
    later_steps: int
    ahead: float = 0.0

    @classmethod
    def at(cls, styles: Styles, calibrations: Calibrations, fader: Fader) -> "Aim":
        """The aim at a place of the fader; calibrations: of the clip or the shot."""
        paint, pair, gamma = styles.paint, fader.pair, fader.gamma
        calibration, w = calibrations[pair], styles.mix(fader, calibrations)
        bare = calibration.style(w)
        content_weight, style_weight = paint.content_weight, paint.style_weight
        if paint.losses == "article":
            # In a setlist sigma of style k is the product of the pairs' sigma2 before it, so that
            # nothing jumps where one pair hands over to the next.
            sigmas = sigma2_of(paint, calibrations)
            style_weight *= math.prod(sigmas[:pair]) * (gamma + (1.0 - gamma) * sigmas[pair])
        else:
            content_weight /= calibration.content
            style_weight /= bare
        return cls(
            styles=styles,
            fader=fader,
            w=w,
            bare=bare,
            energy=calibration.content,
            layer_weights=calibration.layer_weights(w),
            content_weight=content_weight,
            style_weight=style_weight,
            first_steps=paint.first_steps,
            later_steps=paint.steps,
        )

    @property
    def target(self) -> Grams:
        """The blended Grams."""
        return self.styles.target(self.fader.pair, self.w + self.ahead)

    def led(self, before: "Aim") -> "Aim":
        """The same with a target ahead of the mix, by as much as the mix went since `before`.

        A few steps a frame leave the picture about a frame behind a target that moves. Where γ
        stops, the last frames lie beyond a style by no more than `LEAD`. A jump, and the way from a
        pair of a setlist to the next, have no lead.
        """
        if before.fader.pair != self.fader.pair:
            return self
        went = self.w - before.w
        lead = went * max(0.0, 1.0 - abs(went) / JUMP)
        return replace(self, ahead=max(-LEAD, min(LEAD, lead)))

    def moved(self, before: "Aim") -> float:
        """How far the mix went since the frame before; 1 is from a style to the next."""
        places = [aim.fader.pair + 1.0 - aim.w for aim in (before, self)]
        return abs(places[1] - places[0])

    def rest(self, before: "Aim") -> float | Mask:
        """The share of the paint that is settled, as the mix went no farther since the frame
        before: of all of it, or by place, float32 `(H, W)`."""
        return rest_of(self.moved(before))

    def same(self, before: "Aim") -> bool:
        """Whether it is that of the frame before once more."""
        return self.fader == before.fader

    @property
    def covered(self) -> float:
        """The share of the picture that is painted, 0..1."""
        return 1.0

    @property
    def hold(self) -> Levels | None:
        """Where content is kept tighter, uint8 `(H, W)`; None: nowhere."""
        return None

    def areas(self, uncovered: Mask | None) -> tuple[Area, ...]:
        """What is painted towards targets of their own; none: all towards `target`.

        uncovered: `(H, W)`, 0..1, of an area with a style loss of its own.
        """
        return ()

    def carried(self, trusted: Mask) -> Mask:
        """Where the paint of the frame before is that of this one too; trusted: by the flow."""
        return trusted

    def fresh(self, trusted: Mask) -> Mask:
        """Where paint is new, 0..1; trusted: where it comes from the frame before."""
        return 1.0 - trusted

    def begun(
        self, content: Frame, previous: Frame, painted: Frame, warped: Picture, before: "Aim"
    ) -> tuple[Picture, Picture]:
        """What a frame begins with: the paint that has come, and the content in its colours.

        previous, painted: content and result of the frame before, whose aim is `before`. warped:
        that result where it has come to.
        """
        return warped, match_colors(content, previous, painted)

    def blended(self, paint: "Callable[[Aim], Picture]") -> Picture:
        """A picture that is made by aims, each painting all of it."""
        return paint(self)

    def steps(self, before: "Aim | None" = None, uncovered_share: float = 0.0) -> int:
        """The steps of a frame; `before` is the aim of the frame before, if any.

        As many as a shot's first frame takes where the mix jumps from a style to another, or where
        nothing of the frame before is left, as in a flash. uncovered_share: what is not left, 0..1.
        """
        if before is None:
            return self.first_steps
        # Squared: a tenth of the picture is new wherever something moves, and has steps enough.
        share = min(1.0, max(self.moved(before), uncovered_share**2))
        return self.later_steps + round(max(0, self.first_steps - self.later_steps) * share)


def rest_of(moved: float) -> float:
    """The share of the paint that is settled where the mix went so far since the frame before."""
    return 1.0 - min(1.0, moved / FASTEST_FADE)
