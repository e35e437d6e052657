"""Residual quantization beside a chain of plain quantizers, binary digits, and all codes enumerated."""

from itertools import product

import numpy as np
import pytest

from scratchvae import kernels, mlp
from scratchvae.arrays import InputError
from scratchvae.data import Batch
from scratchvae.distributions import bernoulli
from scratchvae.layers import EVALUATION, GroupSum, Mode, cast, named_parameters
from scratchvae.models import VAE
from scratchvae.objectives import Critic, Elbo, Pass, Quantization, SampledElbo
from scratchvae.posteriors import VectorQuantized
from scratchvae.priors import Codes
from scratchvae.recipes import RECIPES

B, D, T, K = 7, 4, 3, 5
RNG = np.random.default_rng(0)
Z_E = RNG.normal(size=(B, D)).astype(np.float32)
X = RNG.integers(0, 2, (B, 6)).astype(np.float64)
TRAINING = Mode(np.random.default_rng(0), 0)


def chain(q):
    """A plain quantizer for each depth of a posterior whose choices have their own codebooks."""
    groups = q.groups // q.depth
    made = []
    for t in range(q.depth):
        plain = VectorQuantized(q.n_params, K, groups, shared=False, decay=q.decay, revive=q.revive)
        plain.codebooks.value = q.codebooks.value[t :: q.depth].copy()
        made.append(plain)
    return made


def penalty_of(q, z_e, weight=1.0, commitment=0.25):
    """The penalty (B,), its gradients to z_e and to the codebook, of a loss that is its sum."""

    class Model:
        posterior = q

    z, _ = q.sample(z_e, noise=q.draw_noise(len(z_e), RNG))
    one = Pass(np.zeros((len(z_e), 1), z_e.dtype), z_e, z)
    value, pullback = Quantization(weight, commitment)(Model, Batch(z_e), one, None, mode=EVALUATION)
    for parameter in named_parameters(q).values():
        parameter.grad = None
    dz_e = pullback(np.ones_like(value))["dq_params"]
    return value, dz_e, {name: p.grad for name, p in named_parameters(q).items()}


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("groups", [1, 2])
def test_each_depth_is_a_plain_quantizer_of_what_is_left_to_the_bit(groups, twin):
    q = VectorQuantized(D, K, groups, shared=False, depth=T, rng=1)
    with kernels.using(twin):
        indices, vectors = q.quantized(Z_E)
        z = q.code(Z_E)
        left, penalties, gradients = Z_E, 0, 0
        for t, plain in enumerate(chain(q)):
            np.testing.assert_array_equal(vectors[:, t::T].reshape(B, D), left)
            np.testing.assert_array_equal(indices[:, t::T], plain.indices(left))
            e = plain.code(left)
            np.testing.assert_array_equal(z.reshape(B, groups, T, -1)[:, :, t].reshape(B, D), e)
            value, dz_e, by_code = penalty_of(plain, left)
            penalties, gradients = penalties + value, gradients + dz_e
            _, _, found = penalty_of(q, Z_E)
            np.testing.assert_array_equal(found["codebooks"][t::T], by_code["codebooks"])
            left = left - e
        value, dz_e, _ = penalty_of(q, Z_E)
    # sums of T · D squares in another order, of float32
    np.testing.assert_allclose(value, penalties, rtol=T * D * 2**-23)
    np.testing.assert_allclose(dz_e, gradients, rtol=1e-5, atol=1e-6)
    assert z.shape == (B, T * D)
    assert (q.latent_dim, q.groups, q.n_params) == (T * D, T * groups, D)


def test_depth_one_is_the_plain_quantizer():
    plain, q = VectorQuantized(D, K, 2, rng=1), VectorQuantized(D, K, 2, depth=1, rng=1)
    for one, other in zip(penalty_of(plain, Z_E)[:2], penalty_of(q, Z_E)[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    nearest = ((Z_E.reshape(B, 2, 1, 2) - q.codebooks.value[0]) ** 2).sum(axis=3).argmin(axis=2)
    np.testing.assert_array_equal(q.indices(Z_E), nearest)
    np.testing.assert_array_equal(q.code(Z_E), q.codebooks.value[0][nearest].reshape(B, D))
    assert [
        type(layer).__name__ for layer in mlp(6, posterior="vq(depth=1)", prior="codes").decoder.layers
    ] == [
        "Linear",
        "ReLU",
        "Linear",
    ]


@pytest.mark.parametrize("revive", [0, 2])
def test_averages_and_revival_at_each_depth_are_those_of_the_plain_one(revive):
    q = VectorQuantized(D, K, 2, shared=False, depth=T, decay=0.8, revive=revive, rng=1)
    plains = chain(q)
    for step in range(5):
        z_e = np.random.default_rng(step).normal(size=(B, D)).astype(np.float32)
        noise = q.draw_noise(B, np.random.default_rng(step))
        assert noise.shape == (B, 2 * T if revive else 0)
        left = z_e
        for t, plain in enumerate(plains):
            e = plain.code(left)
            plain.sample(left, noise=noise[:, t::T], mode=TRAINING)
            left = left - e  # of the codes as they were when they were chosen
        q.sample(z_e, noise=noise, mode=TRAINING)
        for t, plain in enumerate(plains):
            np.testing.assert_array_equal(q.codebooks.value[t::T], plain.codebooks.value)
            np.testing.assert_array_equal(q.usage.value[t::T], plain.usage.value)


def test_one_codebook_for_all_depths_moves_to_the_mean_of_all_that_chose_a_code():
    """A code chosen for the first time moves there, whatever the depths of what chose it."""
    q = VectorQuantized(D, K, 2, depth=T, decay=0.8, rng=1)
    indices, vectors = q.quantized(Z_E)
    before = q.codebooks.value[0].copy()
    q.sample(Z_E, noise=np.zeros((B, 0)), mode=TRAINING)
    assert q.codebooks.value.shape == (1, K, D // 2)
    for k in range(K):
        members = vectors[indices == k]
        expected = members.mean(axis=0) if len(members) else before[k]
        np.testing.assert_allclose(q.codebooks.value[0, k], expected, rtol=1e-5, atol=1e-6)


def binary(depth):
    """One number in (−1, 1), whose code at depth t is ±2⁻ᵗ: a digit of its binary expansion."""
    q = VectorQuantized(1, 2, depth=depth, shared=False)
    cast(q, np.float64)
    q.codebooks.value = 0.5 ** np.arange(1, depth + 1)[:, None, None] * np.array([[-1.0], [1.0]])
    return q


def test_the_error_falls_with_the_depth_as_that_of_binary_digits():
    """The sums of depth T are the middles of 2ᵀ equal parts of (−1, 1): a mean square of 4⁻ᵀ/3 of uniform
    z_e.

    The midpoints of n parts of each of them have 4⁻ᵀ/3 (1 − 1/n²).
    """
    errors = []
    for depth in range(1, 6):
        q, n = binary(depth), 8
        z_e = ((np.arange(2**depth * n) + 0.5) / (2**depth * n) * 2 - 1)[:, None]
        total = q.code(z_e).sum(axis=1)
        errors.append(((z_e[:, 0] - total) ** 2).mean())
        assert errors[-1] == pytest.approx(4.0**-depth / 3 * (1 - 1 / n**2), rel=1e-12)
        digits = np.arange(2**depth)[:, None] >> np.arange(depth)[::-1] & 1
        np.testing.assert_array_equal(q.indices(z_e)[::n], digits)  # from the first digit on
        assert penalty_of(q, z_e)[0].mean() == pytest.approx(1.25 * sum(errors), rel=0.05)
    assert np.all(np.diff(errors) < 0)


def model_of(**settings):
    q = VectorQuantized(2, 3, depth=2, rng=3, **settings)
    made = mlp(6, latent_dim=2, hidden=(5,), seed=1)
    encoder = mlp(6, latent_dim=1, hidden=(5,), seed=2).encoder
    made.decoder.layers = (GroupSum(1, 2), *made.decoder.layers)
    model = VAE(
        event_shape=(6,),
        encoder=encoder,
        posterior=q,
        prior=Codes(q, learned=True),
        decoder=made.decoder,
        likelihood=made.likelihood,
    )
    cast(model, np.float64)
    model.prior.choices.logits.value = RNG.normal(size=(2, 3))
    return model


@pytest.mark.parametrize("shared", [True, False])
def test_the_bound_is_below_the_sum_over_all_pairs_of_codes(shared):
    """A pair of equal sum, such as (a, b) and (b, a) of one codebook, is another z, and has its own
    probability.
    """
    model = model_of(shared=shared)
    q = model.posterior
    pairs = np.array(list(product(range(3), repeat=2)))
    z, _ = q.vectors(pairs)
    np.testing.assert_array_equal(q.indices_of(z), pairs)
    log_pz, _ = model.prior.log_prob(z)
    assert np.exp(log_pz).sum() == pytest.approx(1, rel=1e-12)
    log_px = np.stack([bernoulli.log_prob(model.decoder(z)[0], x=np.tile(x, (9, 1)))[0] for x in X])
    evidence = np.log(np.exp(log_px + log_pz).sum(axis=1))
    own = [pairs.tolist().index(row.tolist()) for row in q.indices(model.encoder(X)[0])]
    expected = log_px[np.arange(B), own] + log_pz[own]
    for objective, rows in ((Elbo(), B), (SampledElbo(samples=2), 2 * B)):
        report, _ = objective(model, Batch(X), np.zeros((rows, 0)))
        np.testing.assert_allclose(report.terms["bound"], expected, rtol=1e-12)
    np.testing.assert_allclose(model.score_samples(X, samples=3), expected, rtol=1e-12)
    assert (expected < evidence).all()
    q_params = model.encoder(X)[0]
    log_q, _ = q.log_prob(np.repeat(q_params, 9, axis=0), np.tile(z, (B, 1)))
    np.testing.assert_allclose(np.exp(log_q).reshape(B, -1).sum(axis=1), 1)
    # the sum is the same, and so is log p(x|z)
    if shared:
        swapped = [pairs.tolist().index(pair[::-1].tolist()) for pair in pairs]
        np.testing.assert_allclose(log_px, log_px[:, swapped], rtol=1e-12)


def test_what_public_versions_do_otherwise():
    """Ours beside the true value, and what each fault would give instead of it."""
    q = VectorQuantized(D, K, shared=False, depth=T, rng=1)
    cast(q, np.float64)
    z_e = Z_E.astype(np.float64)
    indices, books = q.indices(z_e), q.codebooks.value
    e = np.stack([books[t][indices[:, t]] for t in range(T)], axis=1)
    r = z_e[:, None] - e.cumsum(axis=1)  # r_1 … r_T
    value, dz_e, by_code = penalty_of(q, z_e)
    np.testing.assert_allclose(value, 1.25 * (r**2).sum(axis=(1, 2)), rtol=1e-12)  # of each example
    np.testing.assert_allclose(dz_e, 0.5 * r.sum(axis=1), rtol=1e-10)
    expected = np.zeros_like(books)
    for n, t in product(range(B), range(T)):
        expected[t, indices[n, t]] -= 2 * r[n, t]
    np.testing.assert_allclose(by_code["codebooks"], expected, rtol=1e-10, atol=1e-13)
    z, pullback = q.sample(z_e, noise=np.zeros((B, 0)))
    dsum = RNG.normal(size=(B, D))
    decoded, sum_pullback = GroupSum(1, T)(z)
    np.testing.assert_allclose(decoded, e.sum(axis=1), rtol=1e-12)
    passed = pullback(sum_pullback(dsum))
    np.testing.assert_array_equal(passed, dsum)
    dz = RNG.normal(size=(B, T, D))
    np.testing.assert_array_equal(
        pullback(dz.reshape(B, -1)), dz[:, 0]
    )  # the codes behind the first stand still
    # of later depths the codes before would move too, had r not been detached
    not_detached = expected.copy()
    for n, t in product(range(B), range(T)):
        not_detached[t, indices[n, t]] -= 2 * r[n, t + 1 :].sum(axis=0)
    faults = {
        "summed over the batch": (value, np.full(B, value.sum())),
        "the last depth alone": (value, 1.25 * (r[:, -1] ** 2).sum(axis=1)),
        "commitment of the last depth alone": (dz_e, 0.5 * r[:, -1]),
        "straight through at every depth": (passed, T * dsum),
        "a residual that is not detached": (by_code["codebooks"], not_detached),
        "z_e less the code before alone": (r[:, 2], z_e - e[:, 1] - e[:, 2]),
        "every depth quantizes z_e": (e[:, 1], books[1][((z_e[:, None] - books[1]) ** 2).sum(2).argmin(1)]),
    }
    for fault, (ours, theirs) in faults.items():
        assert np.abs(ours - theirs).max() > 0.02, fault


@pytest.mark.parametrize(
    ("recipe", "given"),
    [
        ("mlp", {"hidden": (4,)}),
        ("mlp", {"hidden": (4,), "critic": 4}),
        ("mlp", {"hidden": (4,), "model": "conditional_vae", "classes": 3}),
        ("convolutional", {"hidden": 4, "channels": (2,), "critic": 4}),
    ],
)
def test_a_recipe_adds_the_codes_up_before_the_decoder(recipe, given, tmp_path):
    choices = {"posterior": "vq(codes=3, groups=2, depth=3)", "prior": "codes"}
    model = RECIPES[recipe]((1, 4, 4), latent_dim=4, **choices, **given)
    penalties = (Quantization(), *((Critic(1.0, against="prior"),) if "critic" in given else ()))
    images = RNG.random((9, 1, 4, 4)).astype(np.float32)
    y, told = (np.arange(9) % 3, {"y": 1}) if "classes" in given else (None, {})
    model.fit(images, y, epochs=1, batch_size=4, objective=Elbo(penalties=penalties))
    assert model.transform(images, y).shape == (9, 12)
    first = model.decoder.layers[0]
    first = first.layer if told else first  # what the decoder is told goes around it
    assert (type(first), first.groups, first.parts) == (GroupSum, 2, 3)
    assert model.sample(2, 0, **told).shape == (2, 1, 4, 4)
    model.save(tmp_path / "model.safetensors")
    again = type(model).load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.reconstruct(images, y), model.reconstruct(images, y))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: VectorQuantized(4, depth=0), "depth should be at least 1, found 0"),
        (lambda: GroupSum(0, 2), "groups should be"),
        (lambda: GroupSum(2, 3)(np.zeros((2, 4))), r"D a multiple of 2 groups of 3 parts; found \(2, 4\)"),
    ],
)
def test_what_does_not_fit_is_said(make, words):
    with pytest.raises(InputError, match=words):
        make()
