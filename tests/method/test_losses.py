from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mnst_video.method.crossfade import blend, mix
from mnst_video.method.losses import (
    ARTICLE_WEIGHTS,
    STYLE_LAYERS,
    Area,
    Look,
    Objective,
    content_loss,
    gram_matrix,
    style_grams,
    temporal_loss,
)
from mnst_video.method.vgg import VGG19, Span, Tile
from mnst_video.options import Options
from mnst_video.stills.stylize import stylize_image

CONTENT_LAYER = "block4_conv2"
ALPHA, BETA = 0.002, 0.02  # the article's


class StubNetwork:
    """Takes the place of VGG-19: per layer, the ReLU of one 1x1 convolution of the picture."""

    def __init__(self):
        rng = np.random.default_rng(0)
        channels = {**dict.fromkeys(STYLE_LAYERS, 5), CONTENT_LAYER: 7}
        self.kernels = {name: rng.normal(size=(c, 3)) for name, c in channels.items()}

    def tiles(self, height, width):
        (rows,), (columns,) = Span.parts(height, 1), Span.parts(width, 1)
        return (Tile(rows, columns),)

    def __call__(self, image, layers, tile=None):
        kernels = {name: torch.from_numpy(self.kernels[name]).float() for name in layers}
        return {name: torch.einsum("oc,nchw->nohw", k, image).relu() for name, k in kernels.items()}

    def reference(self, picture, layer):
        """The same of a float64 `(3, H, W)`, as `(C, H * W)`."""
        return np.maximum(self.kernels[layer] @ picture.reshape(3, -1), 0.0)


def reference_style(network, picture, style):
    total = 0.0
    for layer, weight in zip(STYLE_LAYERS, ARTICLE_WEIGHTS, strict=True):
        f, s = network.reference(picture, layer), network.reference(style, layer)
        total += weight * np.mean((f @ f.T - s @ s.T) ** 2)
    return total


def reference_content(network, picture, content):
    f, c = (network.reference(p, CONTENT_LAYER) for p in (picture, content))
    return np.mean((f - c) ** 2)


@pytest.fixture
def stub():
    return StubNetwork()


@pytest.fixture
def pictures():
    """The picture, its content and the two styles, float64 `(3, 6, 8)`."""
    return np.random.default_rng(1).uniform(0.0, 255.0, size=(4, 3, 6, 8))


def tensor(picture):
    return torch.from_numpy(picture)[None].float()


def objective_of(network, content, style1, style2, gamma, sigma2):
    """What `Objective` needs for the article's loss, with Grams that are not divided."""
    grams1, grams2 = (style_grams(network, tensor(style), 1.0) for style in (style1, style2))
    return Objective(
        network=network,
        content_layer=CONTENT_LAYER,
        content=network(tensor(content), {CONTENT_LAYER})[CONTENT_LAYER],
        target=blend(grams1, grams2, mix(gamma, sigma2)),
        gram_divisor=1.0,
        layer_weights=ARTICLE_WEIGHTS,
        content_weight=ALPHA,
        style_weight=BETA * (gamma + (1.0 - gamma) * sigma2),
    )


@pytest.mark.parametrize(("gamma", "sigma2"), [(0.5, 1.0), (0.3, 1.9), (0.9, 0.25)])
def test_the_article_s_loss_is_the_objective_plus_a_constant(stub, pictures, gamma, sigma2):
    picture, content, style1, style2 = pictures
    a, b = gamma, (1.0 - gamma) * sigma2
    article = ALPHA * reference_content(stub, picture, content) + BETA * (
        a * reference_style(stub, picture, style1) + b * reference_style(stub, picture, style2)
    )
    constant = BETA * a * b / (a + b) * reference_style(stub, style1, style2)
    losses = objective_of(stub, content, style1, style2, gamma, sigma2)(tensor(picture))
    assert float(losses.total) == pytest.approx(article - constant, rel=1e-5)
    assert float(losses.content) == pytest.approx(
        reference_content(stub, picture, content), rel=1e-5
    )


@pytest.mark.parametrize("gamma", [0.0, 1.0])
def test_at_the_ends_of_gamma_the_objective_is_that_of_one_style(stub, pictures, gamma):
    picture, content, *styles = pictures
    sigma2 = 1.9
    strength = 1.0 if gamma == 1.0 else sigma2
    style = styles[0] if gamma == 1.0 else styles[1]
    expected = ALPHA * reference_content(stub, picture, content)
    expected += BETA * strength * reference_style(stub, picture, style)
    losses = objective_of(stub, content, *styles, gamma, sigma2)(tensor(picture))
    assert float(losses.total) == pytest.approx(expected, rel=1e-5)
    assert float(losses.style) == pytest.approx(reference_style(stub, picture, style), rel=1e-5)


def test_the_objective_weighs_content_and_style(stub, pictures):
    picture, content, style, _ = pictures
    objective = Objective(
        network=stub,
        content_layer=CONTENT_LAYER,
        content=stub(tensor(content), {CONTENT_LAYER})[CONTENT_LAYER],
        target=style_grams(stub, tensor(style), 48.0),
        gram_divisor=48.0,
        layer_weights=ARTICLE_WEIGHTS,
        content_weight=0.5,
        style_weight=0.25,
    )
    losses = objective(tensor(picture).requires_grad_())
    style_part = reference_style(stub, picture, style) / 48.0**2
    assert float(losses.style.detach()) == pytest.approx(style_part, rel=1e-5)
    content_part = reference_content(stub, picture, content)
    expected = 0.5 * content_part + 0.25 * style_part
    assert float(losses.total.detach()) == pytest.approx(expected, rel=1e-5)


def test_temporal_loss_is_a_mean_with_a_gradient(pictures):
    picture, _, _, warped = pictures
    reliability = np.random.default_rng(2).uniform(size=(1, 6, 8))
    image = tensor(picture).requires_grad_()
    loss = temporal_loss(image, tensor(warped), tensor(reliability))
    expected = np.mean(reliability * (picture - warped) ** 2)
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    (gradient,) = torch.autograd.grad(loss, image)
    by_hand = 2.0 * reliability * (picture - warped) / picture.size
    np.testing.assert_allclose(gradient[0].numpy(), by_hand, rtol=1e-4, atol=1e-6)


def test_temporal_loss_is_blind_where_reliability_is_zero():
    image, warped = torch.rand(2, 1, 3, 4, 6).mul(255.0)
    reliability = torch.zeros(1, 1, 4, 6)
    assert temporal_loss(image, warped, reliability) == 0.0
    reliability[..., 2, 3] = 1.0
    expected = (image - warped)[0, :, 2, 3].square().sum() / (3 * 4 * 6)
    torch.testing.assert_close(temporal_loss(image, warped, reliability), expected)


def test_gram_matrix_is_the_plain_sum_of_products():
    features = np.random.default_rng(3).normal(size=(4, 5, 6))
    expected = np.zeros((4, 4))
    for i, j in np.ndindex(4, 4):
        expected[i, j] = sum(features[i, y, x] * features[j, y, x] for y, x in np.ndindex(5, 6))
    got = gram_matrix(torch.from_numpy(features)[None].float())
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5, atol=1e-5)


def test_gram_matrix_of_bf16_features_is_float32_and_accurate():
    """Products of bf16 numbers are exact in float32: only the features have been rounded."""
    features = torch.from_numpy(np.random.default_rng(4).uniform(0.0, 9.0, size=(1, 8, 20, 30)))
    rounded = features.to(torch.bfloat16)
    got = gram_matrix(rounded)
    assert got.dtype == torch.float32
    flat = rounded[0].double().flatten(1)
    torch.testing.assert_close(got.double(), flat @ flat.T, rtol=1e-6, atol=0.0)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("chunk", [7, 1000])
def test_gram_matrix_has_the_gradient_that_autograd_finds(monkeypatch, masked, chunk):
    monkeypatch.setattr("mnst_video.method.losses.CHUNK", chunk)
    rng = np.random.default_rng(6)
    features, slope = (torch.from_numpy(rng.normal(size=s)) for s in ((1, 4, 5, 6), (4, 4)))
    mask = torch.from_numpy(rng.uniform(size=(1, 1, 5, 6))) if masked else None
    features.requires_grad_()
    flat = features[0].flatten(1)
    plain = flat * (1.0 if mask is None else mask.flatten()) @ flat.T
    (expected,) = torch.autograd.grad((plain * slope).sum(), features)
    gram = gram_matrix(features, mask)
    torch.testing.assert_close(gram.double(), plain, rtol=1e-5, atol=1e-5)
    (got,) = torch.autograd.grad((gram * slope).sum(), features)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_content_loss_is_a_mean_over_elements():
    a, b = np.random.default_rng(5).normal(size=(2, 1, 4, 3, 5))
    got = content_loss(torch.from_numpy(a), torch.from_numpy(b).to(torch.float64))
    assert float(got) == pytest.approx(np.mean((a - b) ** 2), rel=1e-5)
    assert content_loss(torch.from_numpy(a), torch.from_numpy(a)) == 0.0


@pytest.mark.parametrize("losses", ["relative", "article"])
def test_gamma_and_sigma_act_through_their_mix_alone(texture, losses):
    """Both have w = 0.5, but for the last digits of a float, which may move a pixel by one level.

    In the article's formula they differ by a factor on the whole style loss, to which Adam is blind
    as long as the content term beside it is negligible, as it is there.
    """
    content, style1, style2 = texture(32, 32, 1), texture(40, 32, 2, 0.7), texture(32, 40, 3, 4.0)
    results = [
        stylize_image(
            content,
            style1,
            style2,
            gamma,
            Options(
                losses=losses,
                sigma=sigma,
                first_steps=4,
                content_weight=0.002,
                precision="float32",
                threads=1,
                device="cpu",
            ),
        ).astype(int)
        for gamma, sigma in ((0.5, 1.0), (0.8, 4.0))
    ]
    assert np.abs(results[0] - results[1]).max() <= 1
    assert np.abs(results[0] - content).mean() > 3.0  # it did something


def test_divided_grams_do_not_depend_on_the_size_of_the_picture(network, texture, as_image):
    """A picture tiled twice as often has the same Grams, but for the zeros around the picture.

    What the zeros spoil is a share of the whole that halves when width and height double, and that
    grows with the reach of a layer: 1, 5 and 12 pixels to either side in blocks 1, 2 and 3 are much
    beside 64, so that only blocks 1 and 2 are near.
    """
    frame = texture(64, 64, 3)
    grams = {}
    for times in (1, 2, 4):
        tiled = np.tile(frame, (times, times, 1))
        grams[times] = style_grams(network, as_image(tiled), float(tiled.shape[0] * tiled.shape[1]))
    change = {}
    for once, twice in ((1, 2), (2, 4)):
        change[twice] = {
            layer: float(
                (grams[once][layer] - grams[twice][layer]).norm() / grams[twice][layer].norm()
            )
            for layer in STYLE_LAYERS
        }
    assert change[4]["block1_conv1"] < 0.01
    assert change[4]["block2_conv1"] < 0.04
    for layer in ("block1_conv1", "block2_conv1", "block3_conv1"):
        assert change[4][layer] == pytest.approx(change[2][layer] / 2, rel=0.1), layer


def test_a_masked_gram_is_that_of_a_picture_that_is_all_like_the_masked_area():
    rng = np.random.default_rng(0)
    features = torch.from_numpy(rng.normal(size=(1, 4, 6, 8))).float()
    mask = torch.zeros(1, 1, 6, 8)
    mask[..., :4] = 1.0
    everywhere = torch.cat([features[..., :4], features[..., :4]], dim=-1)
    assert torch.allclose(
        gram_matrix(features, mask) / mask.mean(), gram_matrix(everywhere), rtol=1e-5
    )
    assert torch.allclose(
        gram_matrix(features, torch.ones(1, 1, 6, 8)), gram_matrix(features), rtol=1e-5
    )


def uncovered_objective(stub, pictures, uncovered, weight):
    _, content, style, _ = pictures
    mask = torch.zeros(1, 1, 6, 8)
    mask[..., :uncovered] = 1.0
    return Objective(
        network=stub,
        content_layer=CONTENT_LAYER,
        content=stub(tensor(content), {CONTENT_LAYER})[CONTENT_LAYER],
        target=style_grams(stub, tensor(style), 48.0),
        gram_divisor=48.0,
        layer_weights=ARTICLE_WEIGHTS,
        content_weight=0.0,
        style_weight=3.0,
        uncovered_weight=weight,
        uncovered=dict.fromkeys(STYLE_LAYERS, mask) if uncovered else None,
    )


def test_the_uncovered_area_has_a_style_loss_of_its_own(stub, pictures):
    picture, _, style, _ = pictures
    losses = uncovered_objective(stub, pictures, uncovered=2, weight=0.5)(tensor(picture))
    area = 0.0
    for layer, weight in zip(STYLE_LAYERS, ARTICLE_WEIGHTS, strict=True):
        f, s = (stub.reference(p, layer).reshape(5, 6, 8) for p in (picture, style))
        part, whole = f[..., :2].reshape(5, -1), s.reshape(5, -1)
        area += weight * np.mean((part @ part.T / 12 - whole @ whole.T / 48) ** 2)
    expected = 3.0 * float(losses.style) + 0.5 * area
    assert float(losses.total) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("uncovered", "weight"), [(0, 0.5), (2, 0.0)])
def test_where_nothing_is_uncovered_the_picture_s_style_is_all(stub, pictures, uncovered, weight):
    losses = uncovered_objective(stub, pictures, uncovered, weight)(tensor(pictures[0]))
    assert float(losses.total) == pytest.approx(3.0 * float(losses.style), rel=1e-6)


def test_what_is_kept_adds_its_weighted_distance_and_no_more(stub, pictures):
    picture, content, *_ = pictures
    weight = np.random.default_rng(5).uniform(size=48)
    factors = {"block3_conv1": 1.0, CONTENT_LAYER: 0.5}
    weights = torch.from_numpy(weight.reshape(1, 1, 6, 8)).float()
    kept = {
        name: (stub(tensor(content), {name})[name], factor * weights)
        for name, factor in factors.items()
    }
    plain = uncovered_objective(stub, pictures, 0, 0.0)
    keeping = replace(plain, kept=kept)
    losses, more = plain(tensor(picture)), keeping(tensor(picture))
    expected = float(losses.total)
    for name, factor in factors.items():
        f, c = (stub.reference(p, name) for p in (picture, content))
        expected += factor * np.mean((f - c) ** 2 * weight)
    assert float(more.total) == pytest.approx(expected, rel=1e-5)
    assert (more.content, more.style) == (losses.content, losses.style)
    assert float(keeping(tensor(content)).total) == float(plain(tensor(content)).total)


@pytest.mark.parametrize("areas", [False, True])
@pytest.mark.parametrize(
    ("layer", "height", "width"), [("block4_conv2", 53, 437), ("block5_conv2", 437, 53)]
)
def test_tiles_add_up_to_the_losses_and_the_gradient_of_the_whole(
    weights, network, texture, as_image, layer, height, width, areas
):
    image, content, style = (as_image(texture(width, height, seed, 1.0)) for seed in (1, 2, 3))
    mask = (image[:, :1] > 180.0).float()
    by_layer = {n: F.avg_pool2d(mask, 2 ** (int(n[5]) - 1)) for n in STYLE_LAYERS}
    rest = {n: 1.0 - shown for n, shown in by_layer.items()}
    targets = (style_grams(network, s, float(height * width)) for s in (style, content))
    parts = [
        Area(target, ARTICLE_WEIGHTS, masks, weight, by_layer, 1e-7)
        for target, masks, weight in zip(targets, (by_layer, rest), (0.4, 0.6), strict=True)
    ]
    found = []
    for vgg in (network, VGG19(weights, most_pixels=17_000)):
        look = Look.at(vgg, content, layer)
        objective = Objective(
            network=vgg,
            content_layer=layer,
            content=look.content,
            target=style_grams(vgg, style, float(height * width)),
            gram_divisor=float(height * width),
            layer_weights=ARTICLE_WEIGHTS,
            content_weight=1e-3,
            style_weight=1e-6,
            uncovered_weight=5e-7,
            uncovered=by_layer,
            kept={
                n: (Look.at(vgg, content, n, style_layers=()).content, 1e-3 * F.avg_pool2d(mask, s))
                for n, s in (("block3_conv1", 4), ("block4_conv2", 8))
            },
            areas=parts if areas else (),
        )
        start = image.clone().requires_grad_()
        losses = objective(start)
        (gradient,) = torch.autograd.grad(losses.total, start)
        found.append((look, losses, gradient))
    (look, losses, gradient), (look_in_parts, losses_in_parts, gradient_in_parts) = found
    for name in STYLE_LAYERS:
        torch.testing.assert_close(look_in_parts.grams[name], look.grams[name], rtol=1e-4, atol=1.0)
    torch.testing.assert_close(look_in_parts.content, look.content, rtol=1e-4, atol=1e-3)
    for term in ("total", "content", "style"):
        torch.testing.assert_close(
            getattr(losses_in_parts, term), getattr(losses, term), rtol=1e-5, atol=0.0
        )
    assert (gradient_in_parts - gradient).norm() < 1e-4 * gradient.norm()


def test_areas_have_targets_of_their_own(stub, pictures):
    """Against numpy: two halves, and what is uncovered in one of them."""
    picture, _, style1, style2 = pictures
    left = torch.zeros(1, 1, 6, 8)
    left[..., :4] = 1.0
    corner = left.clone()
    corner[..., 3:, :] = 0.0

    def all_layers(mask):
        return dict.fromkeys(STYLE_LAYERS, mask)

    areas = [
        Area(
            style_grams(stub, tensor(style1), 48.0),
            ARTICLE_WEIGHTS,
            all_layers(left),
            0.25,
            all_layers(corner),
            0.5,
        ),
        Area(
            style_grams(stub, tensor(style2), 48.0),
            (1.0,) * 5,
            all_layers(1.0 - left),
            0.75,
        ),
    ]
    objective = replace(uncovered_objective(stub, pictures, 0, 0.0), areas=areas)
    losses = objective(tensor(picture))

    def loss(style, weights, part):
        total = 0.0
        for layer, weight in zip(STYLE_LAYERS, weights, strict=True):
            f, s = (stub.reference(p, layer).reshape(5, 6, 8) for p in (picture, style))
            own, whole = f[part].reshape(5, -1), s.reshape(5, -1)
            gram = own @ own.T / own.shape[1]
            total += weight * np.mean((gram - whole @ whole.T / 48) ** 2)
        return total

    style = 0.25 * loss(style1, ARTICLE_WEIGHTS, np.s_[:, :, :4])
    style += 0.75 * loss(style2, (1.0,) * 5, np.s_[:, :, 4:])
    fresh = 0.5 * loss(style1, ARTICLE_WEIGHTS, np.s_[:, :3, :4])
    assert float(losses.style) == pytest.approx(style, rel=1e-5)
    assert float(losses.total) == pytest.approx(3.0 * style + fresh, rel=1e-5)


def test_a_picture_in_memory_has_no_masks(texture):
    pictures = [texture(32, 32, seed) for seed in (1, 2, 3)]
    with pytest.raises(ValueError, match="render_still"):
        stylize_image(*pictures, options=Options(wipe="left"))
