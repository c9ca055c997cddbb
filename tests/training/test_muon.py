"""Muon, against the singular value decomposition."""

import pytest
import torch

from mnst_video.training.muon import MOMENTUM, Muon, orthogonal


@pytest.mark.parametrize("shape", [(16, 16), (8, 90), (90, 8)])
def test_a_matrix_is_made_orthogonal(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    found = torch.linalg.svdvals(orthogonal(matrix))
    strong = found[: int((s > 0.1 * s[0]).sum())]
    assert float(strong.min()) > 0.6
    assert float(found.max()) < 1.3
    turned = u.T @ orthogonal(matrix) @ v.T  # of the same directions
    torch.testing.assert_close(turned, torch.diag(turned.diagonal()), atol=1e-4, rtol=0.0)


def test_a_step_goes_against_the_gradient_as_far_as_it_says():
    weight = torch.nn.Parameter(torch.zeros(4, 2, 3, 3))
    muon = Muon([weight])
    gradient = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    for _ in range(2):
        weight.grad = gradient.clone()
        muon.step(0.1)
    torch.testing.assert_close(muon.momenta[0], (1.0 - MOMENTUM**2) * gradient)
    torch.testing.assert_close(
        weight.detach(), -0.2 * orthogonal(gradient.flatten(1)).view_as(weight)
    )


def test_all_directions_are_learned_alike():
    """Of a sum of squares that differ a thousandfold, the flattest comes as far as the steepest."""
    flat = torch.logspace(-1.5, 1.5, 6)
    weight = torch.nn.Parameter(torch.eye(6).view(6, 6, 1, 1).clone())
    muon = Muon([weight])
    for _ in range(30):
        weight.grad = None
        (weight[:, :, 0, 0].square() * flat[:, None]).sum().backward()
        muon.step(0.02)
    left = weight.detach()[:, :, 0, 0].diagonal()
    assert float(left.max() - left.min()) < 0.5
    assert float(left.max()) < 0.75
