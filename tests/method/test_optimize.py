import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from mnst_video.errors import DivergedError
from mnst_video.method.losses import Losses
from mnst_video.method.optimize import EPSILON, Hold, minimize


def image_of(height, width, seed=0):
    return torch.from_numpy(
        np.random.default_rng(seed).uniform(0.0, 255.0, (1, 3, height, width)).astype(np.float32)
    )


class Quadratic:
    """mean(weight * (image - target)^2), which keeps every image that it was called with."""

    def __init__(self, target, weight=1.0):
        self.target, self.weight = target, weight
        self.seen = []

    def __call__(self, image):
        self.seen.append(image.detach().clone())
        total = (self.weight * (image - self.target).square()).mean()
        zero = torch.zeros(())
        return Losses(total, total, zero)

    def steps_until(self, mean_difference):
        """The number of steps after which the image was near the target."""
        for step, image in enumerate(self.seen):
            if (image - self.target).abs().mean() < mean_difference:
                return step
        return len(self.seen)


def test_one_level_is_adam_on_the_pixels_clamped_step_by_step():
    """Its epsilon is divided by the number of elements, as the gradient of a mean is."""
    start = image_of(12, 16, 1)
    target = image_of(12, 16, 2) * 1.5 - 60.0  # some of it out of reach
    weight = image_of(12, 16, 3) / 50.0
    steps, rates = 40, [9.0 * 0.6 ** (step / 10) for step in range(40)]

    ours = Quadratic(target, weight)
    result, *_ = minimize(start, ours, steps, lambda i, _: rates[i])

    theirs = Quadratic(target, weight)
    pixels = start.clone().requires_grad_()
    adam = torch.optim.Adam([pixels], lr=1.0, eps=EPSILON / pixels.numel())
    for rate in rates:
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        theirs(pixels).total.backward()
        adam.step()
        with torch.no_grad():
            pixels.clamp_(0.0, 255.0)

    for got, expected in zip([*ours.seen, result], [*theirs.seen, pixels.detach()], strict=True):
        torch.testing.assert_close(got, expected, rtol=0.0, atol=2e-3)
    assert (result == 0.0).any()
    assert (result == 255.0).any()


def test_the_first_step_of_adam_moves_each_pixel_by_the_rate():
    start = torch.full((1, 3, 8, 8), 100.0)
    target = start.clone()
    target[..., :4] += 0.01
    target[..., 4:] -= 90.0
    result, *_ = minimize(start, Quadratic(target), 1, lambda *_: 2.0)
    torch.testing.assert_close(result[..., :4], start[..., :4] + 2.0)
    torch.testing.assert_close(result[..., 4:], start[..., 4:] - 2.0)


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_a_quadratic_is_minimised(levels):
    target = image_of(20, 28, 5)
    result, losses, _ = minimize(
        image_of(20, 28, 6), Quadratic(target), 300, lambda i, _: 8.0 * 0.98**i, levels
    )
    assert (result - target).abs().mean() < 0.5
    assert losses.total < 1.0


def test_settled_stops_at_the_step_that_finds_the_loss_hardly_lower():
    objective = Quadratic(image_of(20, 28, 5))
    *_, steps = minimize(
        image_of(20, 28, 6), objective, 300, lambda i, _: 8.0 * 0.9**i, settled=0.02
    )
    losses = [float((image - objective.target).square().mean()) for image in objective.seen]
    falls = [1.0 - after / before for before, after in pairwise(losses)]
    assert 3 < steps < 300
    assert len(losses) == steps
    assert all(fall >= 0.02 for fall in falls[:-1])
    assert falls[-1] < 0.02
    everything = minimize(image_of(20, 28, 6), objective, 300, lambda i, _: 8.0 * 0.9**i)
    assert everything[2] == 300


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_momentum_is_adams_beta_1(momentum):
    start, target = image_of(12, 16, 1), image_of(12, 16, 2)
    result, *_ = minimize(start, Quadratic(target), 6, lambda *_: 3.0, momentum=momentum)
    pixels = start.clone().requires_grad_()
    betas = (momentum, 0.999)
    adam = torch.optim.Adam([pixels], lr=3.0, betas=betas, eps=EPSILON / pixels.numel())
    for _ in range(6):
        adam.zero_grad()
        Quadratic(target)(pixels).total.backward()
        adam.step()
        with torch.no_grad():
            pixels.clamp_(0.0, 255.0)
    torch.testing.assert_close(result, pixels.detach(), rtol=0.0, atol=2e-3)


def test_a_pyramid_removes_an_offset_in_far_fewer_steps():
    start = image_of(32, 48, 7) * 0.5
    steps = {}
    for levels in (1, 4):
        objective = Quadratic(start + 60.0)
        minimize(start, objective, 60, lambda *_: 2.0, levels)
        steps[levels] = objective.steps_until(4.0)
    assert 25 <= steps[1] < 60
    assert steps[4] <= steps[1] / 3


@pytest.mark.parametrize(("height", "width"), [(33, 47), (32, 48), (17, 16)])
def test_all_levels_move_the_whole_picture_alike(height, width):
    """Up to the last row and column of odd sizes: one step moves every pixel by rate * levels."""
    start = torch.full((1, 3, height, width), 100.0)
    result, *_ = minimize(start, Quadratic(start + 50.0), 1, lambda *_: 3.0, levels=4)
    torch.testing.assert_close(result, start + 12.0)


def test_single_pixels_move_at_a_rate_of_their_own():
    start = torch.full((1, 3, 32, 48), 100.0)
    for levels, moved in ((1, 3.0), (3, 15.0)):
        result, *_ = minimize(
            start, Quadratic(start + 50.0), 1, lambda *_: 6.0, levels, pixel_rate=0.5
        )
        torch.testing.assert_close(result, start + moved)


def test_a_change_stays_where_it_was_asked_for():
    """One step towards a square that lies on the grid of all levels: around it, not beside it."""
    start = torch.full((1, 3, 33, 47), 100.0)
    target = start.clone()
    target[..., 8:16, 16:24] = 150.0
    result, *_ = minimize(start, Quadratic(target), 1, lambda *_: 1.0, levels=4)
    change = (result - start)[0, 0].double()
    rows, columns = torch.arange(33.0).double(), torch.arange(47.0).double()
    assert float(change.sum(1) @ rows / change.sum()) == pytest.approx(11.5, abs=1e-4)
    assert float(change.sum(0) @ columns / change.sum()) == pytest.approx(19.5, abs=1e-4)
    around = change[:24, 8:32]
    torch.testing.assert_close(around, around.flip(0))
    torch.testing.assert_close(around, around.flip(1))
    assert around.max() == change[11, 19] > 3.5
    # Squares of 2, 4 and 8 fade into one another: only single pixels have an edge, of 1.
    assert around.diff(dim=0).abs().max() < 2.0
    assert change[7, 19] > 0.5
    assert change[24:].abs().max() == 0.0


@pytest.mark.parametrize("levels", [4, 8])
def test_a_shifted_picture_of_odd_size_is_reached_in_place(texture, as_image, levels):
    start = as_image(texture(47, 33, 8))
    target = start.roll(3, dims=3)
    result, *_ = minimize(start, Quadratic(target), 200, lambda i, _: 4.0 * 0.97**i, levels)
    assert result.shape == start.shape
    assert (result - target).abs().mean() < 1.0
    errors = {
        (dy, dx): float((result.roll((dy, dx), dims=(2, 3)) - target).abs().mean())
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    }
    assert min(errors, key=errors.get) == (0, 0)


@pytest.mark.parametrize("levels", [1, 4])
def test_the_start_is_left_alone_and_values_stay_in_range(levels):
    start = image_of(20, 24, 9)
    kept = start.clone()
    objective = Quadratic(image_of(20, 24, 10) * 9.0 - 1000.0)
    result, *_ = minimize(start, objective, 20, lambda *_: 40.0, levels)
    assert torch.equal(start, kept)
    assert not start.requires_grad
    assert not result.requires_grad
    for image in (*objective.seen, result):
        assert image.min() >= 0.0
        assert image.max() <= 255.0


def test_a_held_picture_ends_where_the_pull_and_the_steps_balance():
    """One step up by 6, then a share of weight / (1 + weight) of the way back to the start."""
    start = torch.full((1, 3, 16, 16), 100.0)
    weight = torch.zeros(1, 1, 16, 16)
    weight[..., 8:] = 0.5
    hold = Hold(start, weight)
    result, *_ = minimize(start, Quadratic(start + 50.0), 1, lambda *_: 6.0, 1, hold)
    torch.testing.assert_close(result[..., :8], start[..., :8] + 6.0)
    torch.testing.assert_close(result[..., 8:], start[..., 8:] + 4.0)


def test_a_hold_is_the_minimum_of_its_term_and_the_distance():
    image, warped = image_of(16, 20, 1), image_of(16, 20, 2)
    weight = torch.rand(1, 1, 16, 20, generator=torch.Generator().manual_seed(0)) * 3.0
    found = Hold(warped, weight)(image).requires_grad_()
    term = 0.5 * (weight * (found - warped).square()).sum() + 0.5 * (found - image).square().sum()
    (gradient,) = torch.autograd.grad(term, found)
    assert gradient.abs().max() < 1e-3


def test_a_rate_can_be_a_map_and_follow_the_losses():
    start = torch.full((1, 3, 16, 16), 100.0)
    half = torch.ones(1, 1, 16, 16)
    half[..., 8:] = 0.0
    seen = []

    def rate(step, losses):
        seen.append((step, float(losses.total)))
        return 2.0 * half

    result, *_ = minimize(start, Quadratic(start + 50.0), 2, rate)
    assert torch.equal(result[..., 8:], start[..., 8:])
    assert (result[..., :8] > start[..., :8] + 3.0).all()
    assert seen[0] == (0, pytest.approx(2500.0))
    assert seen[1][0] == 1
    assert seen[1][1] < 2500.0


class Faulty(Quadratic):
    """The same, but `bad` where `fails(number of the call from 1, image)`."""

    def __init__(self, target, fails, bad=math.nan):
        super().__init__(target)
        self.fails, self.bad = fails, bad

    def __call__(self, image):
        losses = super().__call__(image)
        if not self.fails(len(self.seen), image):
            return losses
        return replace(losses, total=losses.total + self.bad)  # its gradient stays finite


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_stays_infinite_ends_the_run(bad):
    objective = Faulty(image_of(16, 16), lambda call, _: call >= 3, bad)
    with pytest.raises(DivergedError, match=r"step 6 .*--precision float32") as caught:
        minimize(image_of(16, 16, 1), objective, 100, lambda *_: 1.0)
    assert caught.value.exit_code == 5
    assert len(objective.seen) == 6


@pytest.mark.parametrize("steps", [1, 100])
def test_without_one_finite_loss_there_is_nothing_to_go_back_to(steps):
    objective = Faulty(image_of(16, 16), lambda *_: True)
    with pytest.raises(DivergedError, match="step 1 "):
        minimize(image_of(16, 16, 1), objective, steps, lambda *_: 1.0)
    assert len(objective.seen) == 1


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_after_a_loss_that_is_not_finite_it_goes_on_from_the_last_good_image(levels, bad):
    start, target = image_of(16, 20, 1), image_of(16, 20, 2)
    told = []

    def run():
        objective = Faulty(target, lambda call, _: call == 3, bad)
        told.clear()
        image, losses, steps = minimize(
            *(start, objective, 8, lambda *_: 4.0, levels),
            settled=1e-9,
            callback=lambda step, losses, _: told.append((step, float(losses.total))),
        )
        return image, losses, steps, objective.seen

    image, losses, steps, seen = run()
    assert steps == 8
    assert [step for step, _ in told] == list(range(8))
    assert told[2][1] == told[1][1]  # at the same image once more
    assert all(math.isfinite(loss) for _, loss in told)
    # The first step from there is a tenth as long, and has no momentum.
    alone, *_ = minimize(seen[1], Quadratic(target), 1, lambda *_: 0.4, levels)
    torch.testing.assert_close(seen[3], alone, rtol=0.0, atol=1e-4)
    assert losses.total < told[1][1]
    assert torch.equal(run()[0], image)


def test_steps_that_are_too_long_are_shortened_until_they_are_not():
    start = torch.full((1, 3, 16, 16), 100.0)
    far = Faulty(start + 50.0, lambda _, image: (image - start).abs().max() > 1.0)
    image, losses, steps = minimize(start, far, 6, lambda *_: 20.0)
    assert steps == 6
    assert 0.3 < (image - start).mean() <= 1.0
    assert losses.total.isfinite()
    # The last image is looked at as well, once there was trouble.
    far = Faulty(start + 50.0, lambda call, _: call in (2, 4))
    with pytest.raises(DivergedError, match="step 4 "):
        minimize(start, far, 3, lambda *_: 20.0)


@pytest.mark.parametrize("steps", [1, 3])
def test_pixels_that_are_not_finite_are_never_returned(steps):
    start = image_of(16, 16, 1)

    def rate(step, _):
        return math.nan if step == steps - 1 else 1.0

    with pytest.raises(DivergedError):
        minimize(start, Quadratic(image_of(16, 16)), steps, rate)


def test_without_trouble_no_loss_is_asked_for_twice():
    objective = Quadratic(image_of(16, 16))
    minimize(image_of(16, 16, 1), objective, 5, lambda *_: 1.0)
    assert len(objective.seen) == 5


def test_a_gradient_that_is_not_finite_ends_the_run():
    def objective(image):
        total = (image * 0.0).sqrt().mean()  # 0, and 0 * infinity before it
        zero = torch.zeros(())
        return Losses(total, zero, zero)

    with pytest.raises(DivergedError, match="step 1"):
        minimize(image_of(16, 16), objective, 1, lambda *_: 1.0)


@pytest.mark.parametrize("levels", [1, 3])
@pytest.mark.parametrize("weight", [1e-5, 1e15])
def test_the_scale_of_a_loss_does_not_matter(weight, levels):
    """From relative losses to the article's, which are about 1e15."""
    start, target = image_of(24, 32, 13), image_of(24, 32, 14)
    plain, *_ = minimize(start, Quadratic(target), 5, lambda *_: 3.0, levels)
    scaled, *_ = minimize(start, Quadratic(target, weight), 5, lambda *_: 3.0, levels)
    torch.testing.assert_close(scaled, plain, rtol=0.0, atol=0.05)
    assert (plain - start).abs().mean() > 5.0


@pytest.mark.parametrize("steps", [0, -1])
def test_less_than_one_step_is_refused(steps):
    image = image_of(16, 16)
    with pytest.raises(ValueError, match="at least one step"):
        minimize(image, Quadratic(image), steps, lambda *_: 1.0)


def test_the_callback_gets_every_step_and_the_losses_before_it():
    objective = Quadratic(image_of(16, 20, 11))
    got, asked = [], []

    def rate(step, _):
        asked.append(step)
        return 1.0

    def callback(step, losses, _):
        got.append((step, losses))

    _, last, _ = minimize(image_of(16, 20, 12), objective, 5, rate, levels=3, callback=callback)
    assert [step for step, _ in got] == [0, 1, 2, 3, 4]
    assert set(asked) == {0, 1, 2, 3, 4}
    for (_, losses), image in zip(got, objective.seen, strict=True):
        assert not losses.total.requires_grad
        assert losses.total == (image - objective.target).square().mean()
    assert last.total == got[-1][1].total < got[0][1].total
