"""Numbers at the ends of the range: no gradient of a finite value is NaN, and no overflow comes out as an
ordinary number.
"""

import numpy as np
import pytest

from scratchvae import kernels, ops
from scratchvae.arrays import InputError
from scratchvae.distributions import bernoulli, gaussian, gaussian_full, laplace, mixture

TINY, LARGE = np.float32(-80), np.float32(1e18)


def draw(*shape):
    return np.random.default_rng([0, *shape]).standard_normal(shape).astype(np.float32)


def narrow_factor():
    """Deviations of e⁻⁴⁰, as where log-variances are −80."""
    entries = draw(3, 10)
    entries[:, :4] -= 40
    return ops.lower_triangular(entries)[0]


CALLS = {
    "gaussian.log_prob": lambda: gaussian.log_prob(LARGE * draw(3, 4), draw(3, 4), TINY + draw(3, 4)),
    "laplace.log_prob": lambda: laplace.log_prob(LARGE * draw(3, 4), draw(3, 4), TINY + draw(3, 4)),
    "mixture.log_prob: narrow": lambda: mixture.log_prob(draw(3, 4), draw(2), draw(2, 4), TINY + draw(2, 4)),
    "mixture.log_prob: far": lambda: mixture.log_prob(
        LARGE * draw(3, 4), draw(2), draw(2, 4), TINY + draw(2, 4)
    ),
    "gaussian_full.log_prob": lambda: gaussian_full.log_prob(LARGE * draw(3, 4), draw(3, 4), narrow_factor()),
    "gaussian_full.kl": lambda: gaussian_full.kl(
        draw(3, 4), 1e10 * narrow_factor()[::-1], LARGE * draw(3, 4), narrow_factor()
    ),
}


@pytest.mark.parametrize("twin", kernels.TWINS)
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("seed", [0.0, 1.0])
def test_overflowing_squares_leave_no_nan(name, twin, seed):
    """A weight of 0, as of an importance sample that counts for nothing, gives a gradient of 0: 0 · ∞ is no
    NaN.
    """
    with kernels.using(twin):
        value, pullback = CALLS[name]()
        gradients = pullback(np.full_like(value, seed))
    assert not np.isnan(value).any()
    for gradient in gradients:
        assert not np.isnan(gradient).any()
        assert seed or not gradient.any()


@pytest.mark.parametrize("twin", kernels.TWINS)
def test_pixels_next_to_black_and_white(twin):
    """x l and max(l, 0) agree in all but their last digits: exactly, (x − 1) l where l is large."""
    x, logits = np.float32([[1 - 1.2e-7, 1.2e-7]]), np.float32([[1e4, -1e4]])
    with kernels.using(twin):
        log_px, _ = bernoulli.log_prob(logits, x=x)
    np.testing.assert_allclose(log_px, (np.float64(x[0, 0]) - 1) * 1e4 - np.float64(x[0, 1]) * 1e4, rtol=1e-6)


def test_a_direction_is_found_whatever_the_length():
    v, g = draw(4, 3), draw(4)
    right, right_pullback = ops.weight_norm(v, g)
    for scale in np.float32([1e-30, 1e30]):
        W, pullback = ops.weight_norm(scale * v, g)
        np.testing.assert_allclose(W, right, rtol=1e-6)
        (dv, dg), (right_dv, right_dg) = pullback(draw(4, 3)), right_pullback(draw(4, 3))
        np.testing.assert_allclose(dg, right_dg, rtol=1e-4)
        np.testing.assert_allclose(scale * dv, right_dv, rtol=1e-4, atol=1e-5)


def test_a_variance_that_overflows_is_said():
    x, one = np.float32(1e20) * draw(6, 3), np.ones(3, np.float32)
    for call in (
        lambda: ops.batch_norm(x, one, one),
        lambda: ops.layer_norm(x, one, one),
        lambda: ops.batch_norm_frozen(x, one, one, mean=one, var=np.inf * one),
    ):
        with pytest.raises(InputError, match="the variance should be finite, found infinity"):
            call()


def test_norms_keep_their_digits_far_from_0():
    """The first mean is rounded to eps · 10⁴ = 6e-4 beside deviations of 1; what is left of it is taken off
    again.
    """
    x, one, zero = 1e4 + draw(64, 3), np.ones(3, np.float32), np.zeros(3, np.float32)
    exact = x.astype(np.float64)
    y, _, var = ops.batch_norm(x, one, zero)[0]
    np.testing.assert_allclose(y, (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 1e-5), atol=1e-5)
    np.testing.assert_allclose(var, exact.var(0), rtol=1e-5)
    rows = ops.layer_norm(x, one, zero)[0]
    true = (exact - exact.mean(1, keepdims=True)) / np.sqrt(exact.var(1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(rows, true, atol=1e-5)


def test_a_covariance_beyond_the_range_is_judged():
    huge = np.float32(3e38) * np.array([[[1, 0.5], [0.5, 1]]], np.float32)
    L, _ = ops.cholesky(huge)
    np.testing.assert_allclose(L[0, 0, 0], np.sqrt(3e38), rtol=1e-6)
    with pytest.raises(
        InputError, match="should be positive definite, found that the smallest eigenvalue of example 0 is -"
    ):
        ops.cholesky(np.float32(1e38) * np.array([[[1, 3], [3, 1]]], np.float32))
