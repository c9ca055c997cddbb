"""Optimisation of the pixels of one image for one objective."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from mnst_video.errors import DivergedError
from mnst_video.method.losses import Losses

# Kingma and Ba, "Adam" (ICLR 2015), the constants of section 2 but for beta 1, the momentum.
BETA2, EPSILON = 0.999, 1e-8

# Where a loss is not finite: the factor on the rate of all later steps, and how often it is tried.
SLOWER, RETRIES = 0.1, 3


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
    pixel_rate: float = 1.0,
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
    pixel_rate: the factor on the rate of single pixels. Their moves are noise in good part: Adam's
        step is as large for a gradient that changes its sign as for one that does not.
    hold: applied after each step.
    momentum: the share of the gradient's running mean that a step keeps, Adam's beta 1.
    settled: the last step is the one that finds the loss less than this share under what the step
        before it found, or above; at 0 all steps are taken.
    callback: called after each step with its number, from 0, the losses before that step, and the
        image after it, which the next step changes.

    Where a loss or its gradient is not finite, the step goes from the last image whose losses were,
    without momentum; it and all later ones at a tenth of the rate.

    Returns the image, the losses before the last step, and how many steps there were.
    Raises DivergedError where that does not help, ValueError for less than one step.
    """
    if steps < 1:
        raise ValueError(f"an optimisation needs at least one step, not {steps}")
    levels = min(levels, 1 + int(math.log2(min(image.shape[2:]))))
    adam = _Adam(levels, momentum, pixel_rate)
    image = image.detach().clone()
    good: _Evaluated | None = None
    before, slower, retries = math.inf, 1.0, RETRIES
    for step in range(steps):
        now = _evaluate(objective, image)
        if now.finite:
            good = now
        elif good is None or not retries:
            raise _diverged(step, now.losses)
        else:
            before, slower, retries = math.inf, slower * SLOWER, retries - 1
            adam.forget()
        losses, image = good.losses, good.image.clone()
        adam.step(image, good.gradient, slower * rate(step, losses))
        if hold is not None:
            image = hold(image)
        image.clamp_(0.0, 255.0)
        if callback is not None:
            callback(step, losses, image)
        loss = float(losses.total)
        if settled > 0.0 and loss > (1.0 - settled) * before:
            break
        before = loss
    # No loss is known of the last image: after trouble it is looked at too.
    if slower < 1.0 and not (now := _evaluate(objective, image)).finite:
        raise _diverged(step + 1, now.losses)
    if not image.isfinite().all():
        raise _diverged(step, losses)
    return image.detach(), losses, step + 1


class _Adam:
    """The moments of the levels of a pyramid."""

    def __init__(self, levels: int, momentum: float, pixel_rate: float) -> None:
        self.levels, self.momentum, self.pixel_rate = levels, momentum, pixel_rate
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.moments: list[tuple[Tensor, Tensor]] = []
        self.steps = 0

    def step(self, image: Tensor, gradient: Tensor, pace: float | Tensor) -> None:
        """Change the image by a step."""
        height, width = image.shape[2:]
        self.steps += 1
        for level in range(self.levels):
            # The gradient of a level is the pixels' gradient summed over its squares; Adam does
            # not see its scale, so the mean does as well.
            g = F.avg_pool2d(gradient, 2**level, ceil_mode=True) if level else gradient
            if len(self.moments) == level:
                self.moments.append((torch.zeros_like(g), torch.zeros_like(g)))
            mean, variance = self.moments[level]
            mean.lerp_(g, 1 - self.momentum)
            variance.lerp_(g.square(), 1 - BETA2)
            # Losses are means over pixels, so gradients shrink with their number: so must EPSILON.
            unbiased = (variance / (1 - BETA2**self.steps)).sqrt_().add_(EPSILON / image.numel())
            move = mean / (1 - self.momentum**self.steps) / unbiased
            if level:
                move = F.interpolate(move, scale_factor=2**level, mode="bilinear")
            else:
                move = self.pixel_rate * move
            image.sub_(pace * move[..., :height, :width])


@dataclass(frozen=True)
class _Evaluated:
    """An image, what its losses are there, their gradient, and whether all that is finite."""

    image: Tensor
    losses: Losses
    gradient: Tensor
    finite: bool


def _evaluate(objective: Callable[[Tensor], Losses], image: Tensor) -> _Evaluated:
    image.requires_grad_()
    losses = objective(image)
    (gradient,) = torch.autograd.grad(losses.total, image)
    # All that is looked at comes from the device at once: it waits for no more than this.
    terms = (losses.total, losses.content, losses.style, gradient.abs().amax())
    *values, steepest = torch.stack(terms).detach().cpu()
    finite = bool(values[0].isfinite() and steepest.isfinite())
    return _Evaluated(image.detach(), Losses(*values), gradient, finite)


def _diverged(step: int, losses: Losses) -> DivergedError:
    return DivergedError(
        f"the loss or its gradient is not finite at step {step + 1} ({float(losses.total)}); give "
        "--precision float32, or a preset with a smaller first_rate, rate and fresh_rate"
    )
