"""Muon: momentum whose matrices are made orthogonal before a step.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024). A gradient of a
convolution has a few strong directions that are learned at once and many weak ones that Adam comes
to late; made orthogonal, all count alike. `torch.optim.Muon` is for linear layers alone, and newer
than the oldest torch that we take.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

# Of the Newton-Schulz iteration, from there: singular values go to 0.7..1.2 in five turns.
COEFFICIENTS, TURNS = (3.4445, -4.7750, 2.0315), 5
MOMENTUM = 0.95


class Muon:
    """The optimiser of some convolutions' weights.

    weights: `(out, in, height, width)`; each is a matrix of a row an output. momenta: of an earlier
    training, to go on with.
    """

    def __init__(self, weights: Sequence[Tensor], momenta: Sequence[Tensor] | None = None) -> None:
        self.weights = list(weights)
        self.momenta = [m.clone() for m in momenta or map(torch.zeros_like, self.weights)]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Go against the gradients. rate: how far a direction moves, about."""
        for weight, momentum in zip(self.weights, self.momenta, strict=True):
            if weight.grad is None:
                continue
            momentum.lerp_(weight.grad, 1.0 - MOMENTUM)
            way = orthogonal(weight.grad.lerp(momentum, MOMENTUM).flatten(1))
            rows, columns = way.shape
            weight.sub_(way.view_as(weight), alpha=rate * max(1.0, rows / columns) ** 0.5)


def orthogonal(matrix: Tensor) -> Tensor:
    """U V^T, about, of a matrix U S V^T: float32 `(rows, columns)`."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-12)
    for _ in range(TURNS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x
