"""Optimisation of the pixels of one image for one objective."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mnst_video.errors import DivergedError
from mnst_video.losses import Losses

# Kingma and Ba, "Adam" (ICLR 2015), the constants of section 2 but for beta 1, the momentum.
BETA2, EPSILON = 0.999, 1e-8


@dataclass(frozen=True)
class Hold:
    """The temporal term as a step of its own: an image is drawn towards the warped previous result.

    warped: `(1, 3, H, W)`, 0..255. weight: `(1, 1, H, W)`, 0 or more; at 1 half the way.

    This is the proximal operator of weight / 2 * (x - warped)^2 (Parikh and Boyd, "Proximal
    Algorithms", 2014, section 1.1), exact at any weight. In the gradient, as Ruder et al. have the
    term, Adam scales it with all the rest: then settled pixels move by the full rate nonetheless.
    """

    warped: Tensor
    weight: Tensor

    def __call__(self, image: Tensor) -> Tensor:
        return (image + self.weight * self.warped) / (1.0 + self.weight)


def minimize(
    image: Tensor,
    objective: Callable[[Tensor], Losses],
    steps: int,
    rate: Callable[[int, Losses], float | Tensor],
    levels: int = 1,
    hold: Hold | None = None,
    momentum: float = 0.9,
    settled: float = 0.0,
    callback: Callable[[int, Losses, Tensor], None] | None = None,
) -> tuple[Tensor, Losses, int]:
    """Adam on `image`, or on the levels of a pyramid over it.

    image: float32 `(1, 3, H, W)`, 0..255, the starting point; it is not changed.
    rate: the learning rate of a step, in pixel values, from its number and the losses before it:
        each level moves a pixel by at most about that. One number, or a map `(1, 1, H, W)`.
    levels: with 1 this is Adam on the pixels, clamped to 0..255 after each step, as the article
        has it. With more, level k moves all pixels of a 2^k x 2^k square alike (bilinear between
        squares) and has moments of its own. Large areas then reach their colour in a few steps,
        and less of the change is pixel noise. This is our departure from the article.
    hold: applied after each step.
    momentum: the share of the gradient's running mean that a step keeps, Adam's beta 1.
    settled: the last step is the one that finds the loss less than this share under what the step
        before it found, or above; at 0 all steps are taken.
    callback: called after each step with its number, from 0, the losses before that step, and the
        image after it, which the next step changes.

    Returns the image, the losses before the last step, and how many steps there were.
    Raises DivergedError where the loss is not finite, ValueError for less than one step.
    """
    if steps < 1:
        raise ValueError(f"an optimisation needs at least one step, not {steps}")
    height, width = image.shape[2:]
    levels = min(levels, 1 + int(math.log2(min(height, width))))
    image = image.detach().clone()
    moments: list[tuple[Tensor, Tensor]] = []
    before = math.inf
    for step in range(steps):
        image.requires_grad_()
        losses = objective(image)
        (gradient,) = torch.autograd.grad(losses.total, image)
        # All that is looked at comes from the device at once: it waits for no more than this.
        terms = (losses.total, losses.content, losses.style, gradient.abs().amax())
        *values, steepest = torch.stack(terms).detach().cpu()
        if not (values[0].isfinite() and steepest.isfinite()):
            raise DivergedError(
                f"the loss or its gradient is not finite at step {step + 1} ({float(values[0])})"
            )
        image, losses = image.detach(), Losses(*values)
        pace, loss = rate(step, losses), float(losses.total)
        for level in range(levels):
            # The gradient of a level is the pixels' gradient summed over its squares; Adam does
            # not see its scale, so the mean does as well.
            g = F.avg_pool2d(gradient, 2**level, ceil_mode=True) if level else gradient
            if len(moments) == level:
                moments.append((torch.zeros_like(g), torch.zeros_like(g)))
            mean, variance = moments[level]
            mean.lerp_(g, 1 - momentum)
            variance.lerp_(g.square(), 1 - BETA2)
            # Losses are means over pixels, so gradients shrink with their number: so must EPSILON.
            unbiased = (variance / (1 - BETA2 ** (step + 1))).sqrt_().add_(EPSILON / image.numel())
            move = mean / (1 - momentum ** (step + 1)) / unbiased
            if level:
                move = F.interpolate(move, scale_factor=2**level, mode="bilinear")
            image.sub_(pace * move[..., :height, :width])
        if hold is not None:
            image = hold(image)
        image.clamp_(0.0, 255.0)
        if callback is not None:
            callback(step, losses, image)
        if settled > 0.0 and loss > (1.0 - settled) * before:
            break
        before = loss
    return image, losses, step + 1
