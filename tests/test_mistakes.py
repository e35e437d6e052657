"""Every mistake of the catalogue, made in a step of plain NumPy, is named, and nothing else is; no other
framework is needed.

Gradients are by complex steps, ∂f/∂a = Im f(a + ih)/h with h = 1e-30 (Squire & Trapp 1998), which are exact
to rounding. What a framework detaches is the real part here, which no complex step moves.
"""

import numpy as np
import pytest

from scratchvae.reference import CATALOGUE, diagnose

B, D, Z, K = 6, 7, 3, 4
H = 1e-30
HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
STD = {
    "log_var": lambda h: np.exp(h / 2),
    "log_std": np.exp,
    "std": lambda h: h,
    "var": np.sqrt,
    "raw_std": lambda h: np.log(1 + np.exp(h)),
}
DECODERS = ("log_var", "log_std", "std")


def gradient(f, array):
    """The derivative of f, a number, by each entry of the array."""
    slopes = np.empty_like(array)
    for index in np.ndindex(array.shape):
        moved = array.astype(complex)
        moved[index] += H * 1j
        slopes[index] = f(moved).imag / H
    return slopes


def real(arrays):
    return {name: np.real(array) for name, array in arrays.items()}


def at_least(a, floor):
    return np.where(a.real > floor, a, floor)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def sample(mean, log_var, noise):
    return mean + np.exp(log_var / 2) * noise


def bernoulli(logits, x):
    return np.log(1 + np.exp(logits)) - x * logits


def kl(mean, log_var, z=None):
    return 0.5 * (mean**2 + np.exp(log_var) - 1 - log_var)


def mean_over_batch(R, K):
    return (R.sum() + K.sum()) / B


def step(
    *,
    sample=sample,
    reconstruction=bernoulli,
    kl=kl,
    total=mean_over_batch,
    gaussian=False,
    shift=0.0,
    scale=1.0,
):
    """A linear VAE: its arrays, and the gradients of its loss by mean, log σ², z and the decoder's output."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(B, D)) if gaussian else (rng.random((B, D)) < 0.4).astype(float)
    mean, log_var, noise = (
        0.7 * rng.normal(size=(B, Z)),
        0.7 * rng.normal(size=(B, Z)) + shift,
        rng.normal(size=(B, Z)),
    )
    W = scale * rng.normal(size=(Z, D))

    def run(mean=mean, log_var=log_var, dz=0.0, dout=0.0):
        z = sample(mean, log_var, noise) + dz
        out = z @ W + dout
        R, divergence = reconstruction(out, x), kl(mean, log_var, z)
        return {
            "z": z,
            "out": out,
            "R": R.sum(axis=1),
            "kl": divergence.sum(axis=1),
            "loss": total(R, divergence),
        }

    def loss(name):
        return lambda moved: run(**{name: moved})["loss"]

    found, name = real(run()), "x_mean" if gaussian else "logits"
    return {
        "x": x,
        "noise": noise,
        "mean": mean,
        "log_var": log_var,
        "z": found["z"],
        name: found["out"],
        "reconstruction": found["R"],
        "kl": found["kl"],
        "loss": found["loss"],
        "d_mean": gradient(loss("mean"), mean),
        "d_log_var": gradient(loss("log_var"), log_var),
        "d_z": gradient(loss("dz"), np.zeros((B, Z))),
        f"d_{name}": gradient(loss("dout"), np.zeros((B, D))),
    }


GAUSSIAN = {"likelihood": "gaussian", "variance": 0.3}
BETA, BITS, SUM = {"beta": 4.0}, {"free_bits": 0.5}, {"reduction": "sum"}
CAPACITY = {"beta": 10.0, "capacity": 7.3}


def squares(factor, constant=0.0):
    return {"gaussian": True, "reconstruction": lambda m, x: factor * (x - m) ** 2 + constant}


def reduced(R=lambda r: r.sum() / B, K=lambda k: k.sum() / B):
    return {"total": lambda r, k: R(r) + K(k)}


def weighed(a, b):
    return {"total": lambda R, K: (a * R.sum() + b * K.sum()) / B}


def of_one_latent(mean, log_var, z):
    every = kl(mean, log_var)
    return every * (every.real == every.real.max(axis=1, keepdims=True))


def mean_of(a):
    return a.sum() / a.size


PLANTS = {  # what is written otherwise, what was declared, where it is seen first
    "heads_swapped": ({"sample": lambda m, v, n: v + np.exp(m / 2) * n}, {}, "z"),
    "noise_missing": ({"sample": lambda m, v, n: m + 0 * v}, {}, "z"),
    "noise_shared_across_batch": ({"sample": lambda m, v, n: m + np.exp(v / 2) * n[:1]}, {}, "z"),
    "noise_at_evaluation": ({}, {"evaluation": True}, "z"),
    "mean_detached": ({"sample": lambda m, v, n: m.real + np.exp(v / 2) * n}, {}, "d_mean"),
    "sigma_detached": ({"sample": lambda m, v, n: m + np.exp(v.real / 2) * n}, {}, "d_log_var"),
    "z_detached": ({"sample": lambda m, v, n: sample(m.real, v.real, n)}, {}, "d_mean"),
    "kl_half_missing": ({"kl": lambda m, v, z: 2 * kl(m, v)}, {}, "kl"),
    "kl_sign": ({"kl": lambda m, v, z: -kl(m, v)}, {}, "kl"),
    "kl_reversed": ({"kl": lambda m, v, z: 0.5 * ((1 + m**2) / np.exp(v) - 1 + v)}, {}, "kl"),
    "kl_constant_missing": ({"kl": lambda m, v, z: kl(m, v) + 0.5}, {}, "kl"),
    "kl_constant_sign": ({"kl": lambda m, v, z: kl(m, v) + 1}, {}, "kl"),
    "kl_mean_not_squared": ({"kl": lambda m, v, z: 0.5 * (m + np.exp(v) - 1 - v)}, {}, "kl"),
    "kl_mean_absolute": ({"kl": lambda m, v, z: 0.5 * (np.sign(m.real) * m + np.exp(v) - 1 - v)}, {}, "kl"),
    "kl_variance_not_squared": ({"kl": lambda m, v, z: 0.5 * (m**2 + np.exp(v / 2) - 1 - v)}, {}, "kl"),
    "kl_log_var_halved": ({"kl": lambda m, v, z: 0.5 * (m**2 + np.exp(v) - 1 - v / 2)}, {}, "kl"),
    "kl_log_var_squared": ({"kl": lambda m, v, z: 0.5 * (m**2 + v**2 - 1 - v)}, {}, "kl"),
    "kl_of_one_latent": ({"kl": of_one_latent}, {}, "kl"),
    "kl_heads_swapped": ({"kl": lambda m, v, z: kl(v, m)}, {}, "kl"),
    "kl_times_beta": ({"kl": lambda m, v, z: 4 * kl(m, v), **weighed(1, 4)}, BETA, "kl"),
    "kl_detached": ({"kl": lambda m, v, z: kl(m.real, v.real)}, {}, "d_mean"),
    "sigmoid_twice": ({"reconstruction": lambda l, x: bernoulli(sigmoid(l), x)}, {}, "reconstruction"),
    "logits_used_as_probabilities": (
        {
            "reconstruction": lambda l, x: (
                -x
                * np.log(np.where((l.real > 1e-6) & (l.real < 1 - 1e-6), l, np.clip(l.real, 1e-6, 1 - 1e-6)))
                - (1 - x)
                * np.log(
                    1 - np.where((l.real > 1e-6) & (l.real < 1 - 1e-6), l, np.clip(l.real, 1e-6, 1 - 1e-6))
                )
            )
        },
        {},
        "reconstruction",
    ),
    "log_clipped": (
        {
            "reconstruction": lambda l, x: (
                -x * np.log(sigmoid(l) + 1e-3) - (1 - x) * np.log(1 - sigmoid(l) + 1e-3)
            ),
            "scale": 3.0,
        },
        {},
        "reconstruction",
    ),
    "reconstruction_detached": (
        {"reconstruction": lambda l, x: bernoulli(l.real, x) + 0 * l},
        {},
        "d_logits",
    ),
    "off_pixels_missing": ({"reconstruction": lambda l, x: x * np.log(1 + np.exp(-l))}, {}, "reconstruction"),
    "squared_error_unscaled": (squares(1.0), GAUSSIAN, "reconstruction"),
    "squared_error_half": (squares(0.5), GAUSSIAN, "reconstruction"),
    "squared_error_mean_over_pixels": (squares(1 / D), GAUSSIAN, "reconstruction"),
    "gaussian_half_missing": (squares(1 / 0.3, 0.5 * np.log(2 * np.pi * 0.3)), GAUSSIAN, "reconstruction"),
    "constant_without_log": (squares(1 / 0.6, 0.5 * np.log(0.3) + np.pi), GAUSSIAN, "reconstruction"),
    "constant_dropped": (squares(1 / 0.6, 0.5 * np.log(0.3)), GAUSSIAN, "reconstruction"),
    "log_sigma_missing": (squares(1 / 0.6, HALF_LOG_2PI), GAUSSIAN, "reconstruction"),
    "constant_and_log_sigma_missing": (squares(1 / 0.6), GAUSSIAN, "reconstruction"),
    "reconstruction_mean_over_pixels": (reduced(R=mean_of), {}, "loss"),
    "kl_mean_over_latents": (reduced(K=mean_of), {}, "loss"),
    "kl_mean_over_batch": (reduced(K=lambda k: k.sum() / B**2), {}, "loss"),
    "kl_mean_over_batch_and_latents": (reduced(R=lambda r: r.sum(), K=mean_of), SUM, "loss"),
    "kl_summed_over_batch": (reduced(K=lambda k: k.sum()), {}, "loss"),
    "reconstruction_summed_over_batch": (reduced(R=lambda r: r.sum()), {}, "loss"),
    "reconstruction_mean_over_batch": (reduced(K=lambda k: k.sum()), SUM, "loss"),
    "reconstruction_mean_and_kl_sum": (reduced(R=mean_of, K=lambda k: k.sum()), {}, "loss"),
    "reconstruction_sum_and_kl_mean": (reduced(R=lambda r: r.sum(), K=mean_of), {}, "loss"),
    "everything_averaged": (reduced(R=mean_of, K=mean_of), {}, "loss"),
    "kl_missing": (weighed(1, 0), {}, "loss"),
    "kl_divided_by_pixels": (weighed(1, 1 / D), {}, "loss"),
    "loss_divided_by_pixels": (weighed(1 / D, 1 / D), {}, "loss"),
    "batch_summed": (weighed(B, B), {}, "loss"),
    "batch_averaged": ({}, SUM, "loss"),
    "reconstruction_sign": (weighed(-1, 1), {}, "loss"),
    "loss_sign": (weighed(-1, -1), {}, "loss"),
    "beta_missing": ({}, BETA, "loss"),
    "beta_on_reconstruction": (weighed(4, 1), BETA, "loss"),
    "beta_squared": (weighed(1, 16), BETA, "loss"),
    "beta_on_both": (weighed(4, 4), BETA, "loss"),
    "free_bits_by_example": (reduced(K=lambda k: at_least(k, 0.5).sum() / B), BITS, "loss"),
    "free_bits_over_example": (
        reduced(K=lambda k: at_least(k.sum(axis=1), 1.0).sum() / B),
        {"free_bits": 1.0},
        "loss",
    ),
    "free_bits_over_total": (reduced(K=lambda k: at_least(k.sum() / B, 1.0)), {"free_bits": 1.0}, "loss"),
    "free_bits_missing": ({}, {"free_bits": 4.0}, "loss"),
    "capacity_missing": (reduced(K=lambda k: 10 * k.sum() / B), CAPACITY, "loss"),
    "capacity_without_absolute": (reduced(K=lambda k: 10 * (k.sum() / B - 7.3)), CAPACITY, "loss"),
}
# alike where the total is above the free bits
SAME = {
    "free_bits_over_total": {"free_bits_over_total", "free_bits_missing"},
    # alike where the KL is below the capacity
    "capacity_without_absolute": {"capacity_without_absolute", "kl_sign"},
}


@pytest.mark.parametrize("name", PLANTS)
def test_every_mistake_of_a_step_is_named(name):
    changed, settings, first = PLANTS[name]
    report = diagnose(step(**changed), **settings)
    assert report.first == first, str(report)
    assert set(report.causes) == SAME.get(name, {name}), str(report)
    assert len(report.findings) == 1, str(report)  # what comes later is right, or follows


RIGHT = {
    "as it should be": ({}, {}),
    "beta": (weighed(1, 4), BETA),
    "sums": (weighed(B, B), SUM),
    "gaussian": (squares(1 / 0.6, 0.5 * np.log(2 * np.pi * 0.3)), GAUSSIAN),
    "free bits": (reduced(K=lambda k: at_least(k.sum(axis=0) / B, 0.3).sum()), {"free_bits": 0.3}),
    "one-sample kl": ({"kl": lambda m, v, z: 0.5 * (z**2 - (z - m) ** 2 / np.exp(v) - v)}, {}),
    "sticking the landing": (
        {"kl": lambda m, v, z: 0.5 * (z**2 - (z - m.real) ** 2 / np.exp(v.real) - v.real)},
        {},
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_not_accused(name):
    changed, settings = RIGHT[name]
    report = diagnose(step(**changed), **settings)
    assert report.matches, str(report)


@pytest.mark.parametrize("reading", STD)
@pytest.mark.parametrize("kind", STD)
def test_every_misreading_of_sigma_is_named(kind, reading):
    rng = np.random.default_rng(5)
    mean, held, noise = rng.normal(size=(B, Z)), rng.uniform(0.3, 1.5, (B, Z)), rng.normal(size=(B, Z))

    def divergence(std):
        return (0.5 * (mean**2 + std**2 - 1) - np.log(std)).sum(axis=1)

    right = {
        "mean": mean,
        kind: held,
        "noise": noise,
        "z": mean + STD[kind](held) * noise,
        "kl": divergence(STD[kind](held)),
    }
    for quantity, prefix, wrong in (
        ("z", "sampling", mean + STD[reading](held) * noise),
        ("kl", "kl", divergence(STD[reading](held))),
    ):
        report = diagnose({**right, quantity: wrong})
        wanted = (None, None) if kind == reading else (quantity, f"{prefix}_{kind}_read_as_{reading}")
        assert (report.first, report.cause) == wanted, str(report)


def drawn(
    *, kind="log_var", q_as=None, px=1.0, pz=1.0, q=1.0, constants=(1, 1), signs=(1, 1, -1), bound=None
):
    """K draws for each example: z, the parts of their weights, the bound and its gradient by log w."""
    rng = np.random.default_rng(6)
    x, noise = (rng.random((B, D)) < 0.4).astype(float), rng.normal(size=(B, K, Z))
    mean, held = rng.normal(size=(B, 1, Z)), rng.uniform(0.3, 1.5, (B, 1, Z))
    z = mean + STD[kind](held) * noise
    logits, std = z @ rng.normal(size=(Z, D)), STD[q_as or kind](held)
    log_px = -px * bernoulli(logits, x[:, None]).sum(axis=2)
    log_pz = pz * (-0.5 * z**2 - constants[0] * HALF_LOG_2PI).sum(axis=2)
    log_q = q * (-0.5 * ((z - mean) / std) ** 2 - np.log(std) - constants[1] * HALF_LOG_2PI).sum(axis=2)
    log_w = signs[0] * log_px + signs[1] * log_pz + signs[2] * log_q
    bound = bound or log_mean_exp
    found = {
        "x": x,
        "mean": mean[:, 0],
        kind: held[:, 0],
        "noise": noise,
        "z": z,
        "logits": logits,
        "log_px": log_px,
    }
    found |= {"log_pz": log_pz, "log_q": log_q, "log_w": log_w, "loss": -bound(log_w).real.mean()}
    return found | {"d_log_w": gradient(lambda w: -bound(w).sum() / len(bound(w)), log_w)}


def log_sum_exp(w, axis=1):
    top = w.real.max(axis=axis, keepdims=True)
    return top.squeeze(axis) + np.log(np.exp(w - top).sum(axis=axis))


def log_mean_exp(w):
    return log_sum_exp(w) - np.log(w.shape[1])


def share(w):
    return np.exp(w - log_sum_exp(w)[:, None])


WEIGHTS = {
    "log_weight_sign": ({"signs": (1, 1, 1)}, "log_w"),
    "log_q_missing": ({"signs": (1, 1, 0)}, "log_w"),
    "log_pz_missing": ({"signs": (1, 0, -1)}, "log_w"),
    "weights_summed_over_batch": ({"bound": lambda w: log_sum_exp(w, 0) - np.log(B)}, "loss"),
    "log_k_missing": ({"bound": log_sum_exp}, "loss"),
    "inverse_k_for_log_k": ({"bound": lambda w: log_sum_exp(w) + 1 / K}, "loss"),
    "averaged_inside_log": ({"bound": lambda w: w.sum(axis=1) / K}, "loss"),
    "weights_not_detached": ({"bound": lambda w: (share(w) * w).sum(axis=1)}, "loss"),
    "log_pz_mean_over_latents": ({"pz": 1 / Z}, "log_pz"),
    "log_q_mean_over_latents": ({"q": 1 / Z}, "log_q"),
    "constants_of_weights_differ": ({"constants": (1, 0)}, "log_q"),
    None: ({}, None),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_mistake_of_importance_weights_is_named(name):
    changed, first = WEIGHTS[name]
    report = diagnose(drawn(**changed))
    assert (report.first, report.cause, len(report.findings)) == (first, name, int(name is not None)), str(
        report
    )


def test_detached_weights_are_a_surrogate_for_the_bound():
    found = drawn(bound=lambda w: (share(w.real) * w).sum(axis=1))
    assert "its gradient is right" in str(diagnose(found))
    found.pop("d_log_w")  # right if the weights are detached, which a value can't show
    report = diagnose(found)
    assert (report.ok, report.matches) == (True, False)
    assert "surrogate_for_bound" in report.explanation


@pytest.mark.parametrize("reading", STD)
@pytest.mark.parametrize("kind", STD)
def test_every_misreading_of_sigma_in_log_q_is_named(kind, reading):
    report = diagnose(drawn(kind=kind, q_as=reading))
    assert report.cause == (None if kind == reading else f"log_q_{kind}_read_as_{reading}"), str(report)


def decoded(kind="log_var", reading=None, *, square=0.5, log_var=0.5, over_std=False, detached=False):
    """A Gaussian decoder that gives its own σ, its likelihood written with these factors."""
    rng = np.random.default_rng(11)
    x, mean, held = rng.normal(size=(B, D)), rng.normal(size=(B, D)), rng.uniform(0.3, 1.5, (B, D))

    def R(mean=mean, held=held):
        std = STD[reading or kind](held.real if detached else held)
        return (
            square * (x - mean) ** 2 / (std if over_std else std**2)
            + 2 * log_var * np.log(std)
            + HALF_LOG_2PI
        ).sum(axis=1)

    slopes = {"d_x_mean": gradient(lambda m: R(mean=m).sum() / B, mean)}
    slopes |= {f"d_x_{kind}": gradient(lambda h: R(held=h).sum() / B + 0j, held)}
    return {"x": x, "x_mean": mean, f"x_{kind}": held, "reconstruction": R(), **slopes}


DECODED = {
    "gaussian_half_missing": {"square": 1.0},
    "decoder_log_var_unhalved": {"log_var": 1.0},
    "decoder_log_var_halved_twice": {"log_var": 0.25},
    "decoder_variance_not_squared": {"over_std": True},
    "decoder_variance_detached": {"detached": True},
}


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("name", DECODED)
def test_every_mistake_of_a_decoders_own_variance_is_named(name, kind):
    report = diagnose(decoded(kind, **DECODED[name]), likelihood="gaussian")
    assert (report.cause, len(report.findings)) == (name, 1), str(report)


@pytest.mark.parametrize("reading", STD)
@pytest.mark.parametrize("kind", DECODERS)
def test_every_misreading_of_a_decoders_sigma_is_named(kind, reading):
    report = diagnose(decoded(kind, reading), likelihood="gaussian")
    assert report.cause == (None if kind == reading else f"decoder_{kind}_read_as_{reading}"), str(report)
    assert report.ok == (kind == reading)


def test_padding_that_is_counted_is_named():
    rng = np.random.default_rng(7)
    x, mask, logits = (
        (rng.random((B, D)) < 0.4) * 1.0,
        (rng.random((B, D)) < 0.7) * 1.0,
        rng.normal(size=(B, D)),
    )
    R = bernoulli(logits, x)
    given = {"x": x, "mask": mask, "logits": logits}
    assert diagnose({**given, "reconstruction": (R * mask).sum(axis=1)}).matches
    assert diagnose({**given, "reconstruction": R.sum(axis=1)}).cause == "padding_counted"


def test_every_row_of_the_catalogue_is_made_here():
    readings = {
        f"{piece}_{a}_read_as_{b}"
        for piece in ("sampling", "kl", "log_q")
        for a in STD
        for b in STD
        if a != b
    }
    readings |= {f"decoder_{a}_read_as_{b}" for a in DECODERS for b in STD if a != b}
    made = {*PLANTS, *WEIGHTS, *DECODED, *readings, "surrogate_for_bound", "padding_counted"}
    assert {mistake.name for mistake in CATALOGUE} <= made
