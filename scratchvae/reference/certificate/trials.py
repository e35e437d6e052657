"""What the certificate tries: every distribution and objective, on ordinary inputs and on extreme ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scratchvae import distributions
from scratchvae.arrays import Array, Pullback
from scratchvae.data import Batch
from scratchvae.layers import EVALUATION, Layer, Linear, Mode, Parameter, cast
from scratchvae.likelihoods import Bernoulli
from scratchvae.models import VAE
from scratchvae.objectives import Elbo, Iwae, Objective, SampledElbo
from scratchvae.posteriors import DiagonalGaussian
from scratchvae.priors import StandardGaussian
from scratchvae.reference.certificate import branches, gaussian_trials, offsets, oracles
from scratchvae.reference.certificate.certify import Trial

LAWS = {name: getattr(distributions, name) for name in distributions.__all__}
B, D, Z = 3, 4, 2


def all_trials() -> list[Trial]:
    """Every trial."""
    laws = [*distribution_trials(), *gaussian_trials.all_trials(), *offsets.all_trials()]
    return [*laws, *branches.all_trials(), *objective_trials()]


def _normal(*shape: int, seed: int = 0, scale: float = 1.0) -> Array:
    return scale * np.random.default_rng([seed, *shape]).standard_normal(shape)


def _factors(deviations: Array) -> Array:
    """Two lower triangular matrices 3 × 3, with rows in units of `deviations`."""
    L = np.tril(_normal(2, 3, 3, seed=5), -1) + np.exp(_normal(2, 3, seed=6))[:, :, None] * np.eye(3)
    return deviations[:, None] * L


ORDINARY = _normal(B, D, seed=1)
LOG_VARS = {"ordinary": _normal(B, D, seed=2), "from −80 to 80": np.linspace(-80, 80, B * D).reshape(B, D)}
FACTORS = {
    "ordinary": _factors(np.ones(3)),
    "deviations from e⁻²⁰ to e²⁰": _factors(np.exp([-20.0, 0.0, 20.0])),
    "nearly dependent": np.tile([[1.0, 0, 0], [2.0, 1e-3, 0], [-1.0, 0.5, 1e-2]], (2, 1, 1)),
}
LOGITS = {
    "ordinary": _normal(B, D, scale=3.0),
    "to ±10⁴": np.array([[1e4, -1e4, 12, -12], [80, -80, 1e-3, -1e-3], [700, -700, 30, -30]], np.float64),
    "one far outlier": np.where(np.arange(B * D).reshape(B, D) == 5, 1e4, -9.0),
    "near 0": 1e-6 * _normal(B, D),
}
BITS = np.array([[1, 0, 1, 0], [0, 1, 1, 0], [1, 0, 0, 1]], np.float64)
GREY = "x − σ(l) cancels where σ(l) is near a grey x"
COUNTS = {
    "small counts": np.array([[0, 3, 1, 20], [1, 0, 0, 0], [7, 2, 15, 5]], np.float64),
    "large counts": np.array([[1e3, 1e6, 16, 17], [2**24, 12, 0, 400], [1e5, 9e4, 8e4, 64]], np.float64),
}
LARGE = "log n!, log x! and x log p cancel, and x and n p"
CANCEL = "the square and 1 (or log σ² and the square) cancel"


def distribution_trials() -> list[Trial]:
    """Every distribution, on each kind of input that it can meet."""

    def trial(
        name: str, kind: str, arrays: Mapping[str, Array], constants: Mapping[str, Any] | None = None, **more: Any
    ) -> Trial:
        law, function = name.split(".")
        return Trial(
            f"{name}: {kind}", getattr(LAWS[law], function), oracles.DISTRIBUTIONS[name], arrays, constants or {}, **more
        )

    trials = []
    for kind, log_var in LOG_VARS.items():
        x = ORDINARY + 0.5
        trials += [
            trial("gaussian.log_prob", kind, {"x": x, "mean": ORDINARY, "log_var": log_var}, floor=1.0, why=CANCEL),
            trial("gaussian.reparameterize", kind, {"mean": ORDINARY, "log_var": log_var}, {"noise": _normal(B, D, seed=3)}),
            trial(
                "gaussian.log_prob_of_draw",
                kind,
                {"log_var": log_var},
                {"noise": _normal(B, D, seed=3)},
                floor=1.0,
                why="log σ² and the square cancel",
            ),
            trial("gaussian.kl_to_standard", kind, {"mean": ORDINARY, "log_var": log_var}),
            trial("gaussian.kl_to_standard_by_dimension", kind, {"mean": ORDINARY, "log_var": log_var}),
            trial(
                "gaussian.kl",
                kind,
                {"mean": ORDINARY, "log_var": log_var, "other_mean": ORDINARY[::-1].copy(), "other_log_var": 0.5 * log_var},
                floor=1.0,
                why=CANCEL,
            ),
            trial(
                "gaussian.expected_log_prob",
                kind,
                {"mean": ORDINARY, "log_var": log_var, "other_mean": ORDINARY[::-1].copy(), "other_log_var": 0.5 * log_var},
                floor=1.0,
                why=CANCEL,
            ),
            trial("gaussian.entropy", kind, {"log_var": log_var}, floor=1.0, why="log σ² of both signs cancel"),
            trial("laplace.log_prob", kind, {"x": x, "mean": ORDINARY, "log_scale": log_var / 2}, floor=1.0, why=CANCEL),
            trial("laplace.entropy", kind, {"log_scale": log_var}, floor=1.0, why="log s of both signs cancel"),
            trial("laplace.reparameterize", kind, {"mean": ORDINARY, "log_scale": log_var / 2}, {"noise": _normal(B, D, seed=3)}),
        ]
    for kind, L in FACTORS.items():
        one, other = {"mean": _normal(2, 3), "L": L}, {"other_mean": _normal(2, 3, seed=1), "other_L": L[::-1].copy()}
        noise = {"noise": _normal(2, 3, seed=3)}
        cancel: dict[str, Any] = {"floor": 1.0, "why": CANCEL, "digits": 120}
        trials += [
            trial("gaussian_full.log_prob", kind, {"x": _normal(2, 3, seed=2), **one}, **cancel),
            trial("gaussian_full.reparameterize", kind, one, noise, **cancel),
            trial("gaussian_full.log_prob_of_draw", kind, {"L": L}, noise, **cancel),
            trial("gaussian_full.entropy", kind, {"L": L}, **cancel),
            trial("gaussian_full.kl", kind, {**one, **other}, **cancel),
            trial("gaussian_full.kl_to_standard", kind, one, **cancel),
            trial("gaussian_full.kl_to_standard_by_dimension", kind, one, **cancel),
            trial("gaussian_full.expected_log_prob", kind, {**one, **other}, **cancel),
        ]
    for kind, x in (("ordinary", ORDINARY), ("far", 1e3 * ORDINARY), ("near 0", 1e-6 * ORDINARY)):
        trials.append(trial("gaussian.standard_log_prob", kind, {"x": x}))
    near = {"mean": 1e-3 * ORDINARY, "log_var": 1e-3 * _normal(B, D, seed=2)}
    trials += [
        trial(f"gaussian.{name}", "near N(0, 1)", near, floor=1.0, why="σ² − 1 and log σ² cancel near σ = 1")
        for name in ("kl_to_standard", "kl_to_standard_by_dimension")
    ]
    form = {"mean": _normal(2, 3), "S": _normal(2, 3, 3), "A": _normal(3, 3)}
    trials.append(trial("gaussian_full.expected_quadratic_form", "ordinary", form, floor=1.0, why="the sum's terms cancel"))
    for kind, logits in LOGITS.items():
        trials += [
            trial("bernoulli.log_prob", kind, {"logits": logits}, {"x": BITS}, digits=400),
            trial(
                "bernoulli.log_prob", f"{kind}, grey", {"logits": logits}, {"x": 0.5 + 0.3 * (BITS - 0.5)}, floor=1.0, why=GREY
            ),
            trial(
                "bernoulli.log_prob", f"{kind}, x next to 0 and 1", {"logits": logits}, {"x": np.abs(BITS - 2.0**-24)},
                floor=1.0, why=GREY,
            ),
            trial("bernoulli.entropy", kind, {"logits": logits}, digits=400),
            trial(
                "categorical.log_prob",
                kind,
                {"logits": logits[:, :, None] * np.array([1.0, 0.0, -0.5])},
                {"x": BITS.astype(int)},
                floor=1.0,
                why="1 − p cancels where p is near 1",
            ),
            trial(
                "categorical.entropy",
                kind,
                {"logits": logits[:, :, None] * np.array([1.0, 0.0, -0.5])},
                floor=1.0,
                why="log p + H cancel",
            ),
        ]
        trials += [
            trial("multinomial.log_prob", f"{kind}, {many}", {"logits": logits}, {"x": x}, floor=x.sum(), why=LARGE, digits=400)
            for many, x in COUNTS.items()
        ]
    for many, x in COUNTS.items():
        rates = {"near": (np.log(x + 0.5), x.max()), **{kind: (log_rate, 1.0) for kind, log_rate in LOG_VARS.items()}}
        trials += [
            trial("poisson.log_prob", f"{kind}, {many}", {"log_rate": log_rate}, {"x": x}, floor=floor, why="x and λ cancel")
            for kind, (log_rate, floor) in rates.items()
        ]
    weights = {"ordinary": _normal(3), "all equal": np.zeros(3), "one far outlier": np.array([0.0, 60.0, -60.0])}
    for kind, logits in weights.items():
        arrays = {"z": _normal(B, 2), "logits": logits, "means": _normal(3, 2, seed=2), "log_vars": _normal(3, 2, seed=3)}
        trials.append(trial("mixture.log_prob", kind, arrays, floor=1.0, why="responsibilities and weights cancel"))
    return trials


class _Given(Layer):
    """q_params as they are, whatever x."""

    def __init__(self, value: Array) -> None:
        self.q_params = Parameter(value)

    def __call__(self, x: Array, *, mode: Mode = EVALUATION, needs_dx: bool = True) -> tuple[Array, Pullback]:
        def pullback(dy: Array) -> None:
            self.q_params.receive(dy)

        return self.q_params.value, pullback


def objective_trials() -> list[Trial]:
    """Every objective of a variational model, with ordinary and extreme posteriors and weights."""
    kinds = {
        "ordinary": (_normal(B, 2 * Z, seed=4), _normal(Z, D, seed=5)),
        "wide and narrow posteriors": (
            np.array([[0.5, -1, -40, 3], [1, 2, 2, -40], [0, 0.1, -30, -30]], np.float64),
            _normal(Z, D),
        ),
        "sure decoder": (_normal(B, 2 * Z, seed=4), _normal(Z, D, seed=5, scale=60.0)),
        "all weights equal": (np.tile([[0.3, -0.2, -60.0, -60.0]], (B, 1)), _normal(Z, D, seed=5)),
    }
    objectives: dict[str, tuple[Objective, dict[str, Any]]] = {
        "Elbo": (Elbo(), {}),
        "Elbo: beta": (Elbo(beta=4.0), {"beta": 4.0}),
        "Elbo: free bits": (Elbo(free_bits=0.3), {"free_bits": 0.3}),
        "Elbo: capacity": (Elbo(capacity=0.7), {"capacity": 0.7}),
        "SampledElbo": (SampledElbo(beta=2.0, samples=3), {"kind": "sampled", "K": 3, "beta": 2.0}),
        "Iwae": (Iwae(3), {"kind": "iwae", "K": 3}),
    }
    return [
        Trial(
            f"{name}: {kind}",
            _loss_op(objective),
            lambda q_params, W, settings=settings, **data: oracles.loss(q_params, W, **data, **settings),
            {"q_params": q_params, "W": W},
            {"x": BITS, "noise": _normal(B * settings.get("K", 1), Z, seed=7)},
            floor=1.0,
            why="gradients of draws and of terms cancel",
        )
        for name, (objective, settings) in objectives.items()
        for kind, (q_params, W) in kinds.items()
    ]


def _loss_op(objective: Objective) -> Callable[..., tuple[Array, Pullback]]:
    def op(q_params: Array, W: Array, *, x: Array, noise: Array) -> tuple[Array, Pullback]:
        encoder, decoder = _Given(q_params), Linear(W.shape[0], W.shape[1], bias=False, rng=0)
        model = VAE(
            event_shape=(D,),
            encoder=encoder,
            posterior=DiagonalGaussian(Z),
            prior=StandardGaussian(Z),
            decoder=decoder,
            likelihood=Bernoulli(),
        )
        cast(model, q_params.dtype)
        encoder.q_params.value, decoder.weight.value = q_params, W
        report, objective_pullback = objective(model, Batch(x), noise)

        def pullback(dloss: Array) -> tuple[Array | None, ...]:
            encoder.q_params.grad = decoder.weight.grad = None
            objective_pullback()
            return encoder.q_params.grad, decoder.weight.grad

        return np.asarray(report.loss), pullback

    return op
