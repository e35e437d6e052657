"""Steps of VAEs composed at random, half of them with a mistake: what a diagnosis says of each is counted
here.

A step is drawn from parametrizations of σ, reductions, likelihoods, decoders, sizes, dtypes, and subsets of
arrays that are handed over. A mistake changes one part of it (or, one time in six, two parts). Everything is
plain NumPy, written apart from the library: gradients are complex steps, ∂f/∂a = Im f(a + ih)/h
(Squire & Trapp 1998), in complex64 where the step is in float32.

    python tests/mistake_corpus.py --seed 0 --size 300
    # counts, and every step that was not judged rightly
    python tests/mistake_corpus.py --scalars 10000     # losses off by a random 1e-6 to 1: none may get a name
"""

import argparse
import collections
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from scratchvae.reference import Report, diagnose

H = 1e-20  # of the complex steps
HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
STD = {
    "log_var": lambda h: np.exp(h / 2),
    "log_std": np.exp,
    "std": lambda h: h,
    "var": np.sqrt,
    "raw_std": lambda h: np.log(1 + np.exp(h)),
}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def at_least(a, low):
    return np.where(a.real > low, a, np.asarray(low, a.dtype))


def at_most(a, high):
    return np.where(a.real < high, a, np.asarray(high, a.dtype))


def detached(a):
    return a.real.astype(a.dtype)


def softplus(a):
    """log (1 + eᵃ) without overflow, for complex numbers too."""
    return np.where(
        a.real > 0,
        a + np.log1p(np.exp(-np.abs(a.real))) + (a - a.real) * (sigmoid(a.real) - 1),
        np.log(1 + np.exp(at_most(a, 0))),
    )


def by_logits(l, x):
    return softplus(l) - x * l


def by_squares(m, x, variance=1.0):
    return (x - m) ** 2 / (2 * variance) + 0.5 * np.log(2 * np.pi * variance)


def by_laplace(m, x, variance=1.0):
    s = np.sqrt(variance / 2)
    return np.where((x - m).real >= 0, x - m, m - x) / s + np.log(2 * s)


@dataclass
class Plan:
    """What a step is made of: sizes, declared settings, and the functions that a mistake replaces."""

    B: int
    D: int
    Z: int
    dtype: str
    kind: str  # of σ
    decoder: str
    likelihood: str
    settings: dict[str, Any]
    handed_over: str  # "all", "no parts", "scalars", "no gradients", "values"
    seed: int
    sample: Callable[..., Any] = lambda m, h, std, n: m + std * n
    divergence: Callable[..., Any] = lambda m, h, std, z: 0.5 * (m**2 + std**2 - 1) - np.log(std)
    reconstruction: Callable[..., Any] | None = None
    weigh: Callable[..., Any] | None = None
    x_kind: str = ""  # how the decoder holds a σ of its own, where it has one
    with_spread: Callable[..., Any] = lambda o, x, held, std: by_squares(o, x, std**2)
    tags: list[str] = field(default_factory=list)

    @property
    def variance(self):
        return self.settings.get("variance", 1.0)

    @property
    def beta(self):
        return self.settings.get("beta", 1.0)


@dataclass(frozen=True)
class Mistake:
    """A change of a plan; the names that are right for it, and words of which a right description has one."""

    what: str
    change: Callable[[Plan, np.random.Generator], Plan | None]
    names: tuple[str, ...] = ()
    words: str = "(?!)"
    forward: bool = True  # seen in values; else in gradients alone

    def right_names(self, plan):
        """The names that are right for it in the plan that it made."""
        return tuple(plan.tags[0] if name == "tag" else name for name in self.names)


def default_reconstruction(plan):
    if plan.likelihood == "bernoulli":
        return by_logits
    law = by_squares if plan.likelihood == "gaussian" else by_laplace
    return lambda m, x: law(m, x, plan.variance)


def default_weigh(plan):
    def weigh(R, K):
        bits = plan.settings.get("free_bits", 0.0)
        per_example = R.sum(axis=1) + plan.beta * K.sum(axis=1)
        if bits:
            whole = R.sum() / len(R) + plan.beta * at_least(K.sum(axis=0) / len(K), bits).sum()
            return whole if plan.settings["reduction"] == "mean" else whole * len(R)
        return per_example.sum() / (len(R) if plan.settings["reduction"] == "mean" else 1)

    return weigh


def draw_plan(rng):
    """A right step."""
    likelihood = rng.choice(["bernoulli", "bernoulli", "gaussian", "laplace"])
    settings = {"reduction": str(rng.choice(["mean", "sum"])), "likelihood": str(likelihood)}
    if rng.random() < 0.4:
        settings["beta"] = float(rng.choice([0.5, 4.0, 0.1]))
    if likelihood != "bernoulli":
        settings["variance"] = float(rng.choice([1.0, 0.3, 0.01]))
    return Plan(
        B=int(rng.choice([4, 6, 8, 16])),
        D=int(rng.choice([5, 9, 12, 24])),
        Z=int(rng.choice([2, 3, 5])),
        dtype=str(rng.choice(["float32", "float32", "float64"])),
        kind=str(rng.choice(list(STD))),
        decoder=str(rng.choice(["linear", "tanh", "relu"])),
        likelihood=str(likelihood),
        settings=settings,
        handed_over=str(rng.choice(["all", "all", "no parts", "scalars", "no gradients", "values"])),
        seed=int(rng.integers(1 << 31)),
    )


def step(plan):
    """The arrays of the plan's step, all of them."""
    rng = np.random.default_rng(plan.seed)
    B, D, Z = plan.B, plan.D, plan.Z
    real = np.dtype(plan.dtype)
    cplx = np.complex64 if plan.dtype == "float32" else np.complex128
    x = (rng.random((B, D)) < 0.4) if plan.likelihood == "bernoulli" else 0.5 * rng.normal(size=(B, D))
    if "grey" in plan.tags:
        x = rng.random((B, D))
    mean = 0.8 * rng.normal(size=(B, Z))
    held = (
        0.6 * rng.normal(size=(B, Z))
        if plan.kind in ("log_var", "log_std", "raw_std")
        else rng.uniform(0.3, 1.8, (B, Z))
    )
    noise = rng.normal(size=(B, Z))
    hidden = 8
    V, W = rng.normal(size=(Z, hidden)) / np.sqrt(Z), rng.normal(size=(hidden, D)) / np.sqrt(hidden)
    b = 0.3 * rng.normal(size=D)
    x, mean, held, noise, V, W, b = (a.astype(real) for a in (x, mean, held, noise, V, W, b))
    if "sure" in plan.tags:
        W = (4 * W).astype(real)
    if "far" in plan.tags:  # posteriors far from the prior, wide ones and narrow ones
        mean = (6 * mean).astype(real)
        held = (held * (4 if plan.kind in ("log_var", "log_std", "raw_std") else 0.2)).astype(real)
    U = (0.5 * rng.normal(size=(hidden, D))).astype(real) if plan.x_kind else None
    xc, noisec = x.astype(cplx), noise.astype(cplx)
    act = {"linear": lambda h: h, "tanh": np.tanh, "relu": lambda h: at_least(h, 0)}[plan.decoder]
    reconstruction = plan.reconstruction or default_reconstruction(plan)
    weigh = plan.weigh or default_weigh(plan)

    def run(mean=mean, held=held, dz=0.0, dout=0.0, dspread=0.0):
        m, h = np.asarray(mean, cplx), np.asarray(held, cplx)
        std = STD[plan.kind](h)
        z = plan.sample(m, h, std, noisec) + np.asarray(dz, cplx)
        inner, more = act(z @ V.astype(cplx)), {}
        out = inner @ W.astype(cplx) + b.astype(cplx) + np.asarray(dout, cplx)
        if U is None:
            R = reconstruction(out, xc)
        else:
            raw = np.tanh(inner @ U.astype(cplx))
            spread = (raw + 1.5 if plan.x_kind == "x_std" else raw) + np.asarray(dspread, cplx)
            R = plan.with_spread(out, xc, spread, STD[plan.x_kind.removeprefix("x_")](spread))
            more = {"spread": spread}
        K = plan.divergence(m, h, std, z)
        return {"z": z, "out": out, "R": R, "K": K, "loss": weigh(R, K), **more}

    def gradient(name, array):
        slopes = np.empty(array.shape)
        for index in np.ndindex(array.shape):
            moved = array.astype(cplx)
            moved[index] += 1j * H
            slopes[index] = run(**{name: moved})["loss"].imag / H
        return slopes.astype(real)

    found = {name: np.real(a).astype(real) for name, a in run().items()}
    out = "logits" if plan.likelihood == "bernoulli" else "x_mean"
    arrays = {"x": x, "noise": noise, "mean": mean, plan.kind: held, "z": found["z"], out: found["out"]}
    arrays |= {plan.x_kind: found["spread"]} if plan.x_kind else {}
    arrays |= {"reconstruction": found["R"].sum(axis=1), "kl": found["K"].sum(axis=1), "loss": found["loss"]}
    if plan.handed_over == "scalars":
        arrays["reconstruction"], arrays["kl"] = (
            arrays[n].mean(dtype=real) for n in ("reconstruction", "kl")
        )
    if plan.handed_over == "no parts":
        del arrays["reconstruction"], arrays["kl"]
    if plan.handed_over == "values":
        return {n: a for n, a in arrays.items() if n not in ("noise",)}
    if plan.handed_over != "no gradients":
        arrays |= {"d_mean": gradient("mean", mean), f"d_{plan.kind}": gradient("held", held)}
        arrays |= {"d_z": gradient("dz", np.zeros((B, Z))), f"d_{out}": gradient("dout", np.zeros((B, D)))}
        arrays |= {f"d_{plan.x_kind}": gradient("dspread", np.zeros((B, D)))} if plan.x_kind else {}
    return arrays


# ---------------------------------------------------------------- what is right, if unusual


def one_sample(m, h, std, z):
    return 0.5 * (z**2 - ((z - m) / std) ** 2) - np.log(std)


def sticking(m, h, std, z):
    return one_sample(detached(m), h, detached(std), z)


def with_free_bits(plan, rng):
    return replace(
        plan, settings={**plan.settings, "free_bits": float(rng.choice([0.1, 0.3]))}, tags=["free bits"]
    )


def with_probabilities(plan, rng):
    if plan.likelihood != "bernoulli":
        return None
    return replace(
        plan,
        reconstruction=lambda l, x: -x * np.log(sigmoid(l)) - (1 - x) * np.log(sigmoid(-l)),
        tags=["probabilities"],
    )


def without_constants(plan, rng):
    if plan.likelihood != "gaussian":
        return None
    dropped = lambda m, x: (x - m) ** 2 / (2 * plan.variance)  # noqa: E731
    return replace(
        plan, reconstruction=dropped, settings={**plan.settings, "constants": False}, tags=["no constants"]
    )


def grey(plan, rng):
    return replace(plan, tags=["grey"]) if plan.likelihood == "bernoulli" else None


def held_at_capacity(plan, rng):
    C = float(rng.choice([0.5, 1.0, 3.0, 20.0]))
    each = bool(rng.random() < 0.5)

    def weigh(R, K):
        totals = K.sum(axis=1)
        excess = totals - C if each else totals.sum() / len(K) - C
        held = np.where(excess.real > 0, excess, -excess)
        mean = R.sum() / len(R) + plan.beta * (held.sum() / len(K) if each else held)
        return mean if plan.settings["reduction"] == "mean" else mean * len(R)

    return replace(plan, weigh=weigh, settings={**plan.settings, "capacity": C}, tags=["capacity"])


def own_variance(plan, rng):
    if plan.likelihood != "gaussian":
        return None
    settings = {name: value for name, value in plan.settings.items() if name != "variance"}
    return replace(plan, x_kind=str(rng.choice(["x_log_var", "x_log_std", "x_std"])), settings=settings)


UNUSUAL = {
    "plain": lambda plan, rng: plan,
    "one-sample KL": lambda plan, rng: replace(plan, divergence=one_sample, tags=["one sample"]),
    "sticking the landing": lambda plan, rng: replace(plan, divergence=sticking, tags=["sticking"]),
    "free bits": with_free_bits,
    "probabilities": with_probabilities,
    "no constants": without_constants,
    "grey": grey,
    "sure": lambda plan, rng: replace(plan, tags=["sure"]),
    "far": lambda plan, rng: replace(plan, tags=["far"]),
    "capacity": held_at_capacity,
    "own variance": own_variance,
    "at evaluation": lambda plan, rng: replace(
        plan,
        sample=lambda m, h, std, n: m + 0 * std,
        settings={**plan.settings, "evaluation": True},
        tags=["evaluation"],
    ),
}

# ---------------------------------------------------------------- what is wrong


def sampling(f):
    return lambda plan, rng: None if plan.handed_over == "values" else replace(plan, sample=f)


def kl_of(f):
    return lambda plan, rng: replace(plan, divergence=f)


def rebuilt(f):
    """f(plan's own −log p(x|z), x -> entries)."""

    def change(plan, rng):
        own = default_reconstruction(plan)
        return replace(plan, reconstruction=f(plan, own))

    return change


def weighed(a=1.0, b=1.0):
    """Weights of the parts, numbers or functions of the plan."""

    def change(plan, rng):
        of = [w(plan) if callable(w) else w for w in (a, b)]
        if tuple(of) == (1.0, 1.0):
            return None
        own = default_weigh(plan)
        return replace(plan, weigh=lambda R, K: own(of[0] * R, of[1] * K))

    return change


def misread(where):
    def change(plan, rng):
        other = str(rng.choice([k for k in STD if k != plan.kind]))
        if plan.kind in ("log_var", "log_std", "raw_std") and other in ("std", "var"):
            return None  # σ below 0
        if where == "sampling":
            return (
                None
                if plan.handed_over == "values"
                else replace(
                    plan,
                    sample=lambda m, h, std, n: m + STD[other](h) * n,
                    tags=[f"sampling_{plan.kind}_read_as_{other}"],
                )
            )
        f = lambda m, h, std, z: 0.5 * (m**2 + STD[other](h) ** 2 - 1) - np.log(STD[other](h))  # noqa: E731
        return replace(plan, divergence=f, tags=[f"kl_{plan.kind}_read_as_{other}"])

    return change


def kl(m, std):
    return 0.5 * (m**2 + std**2 - 1) - np.log(std)


def bernoulli_only(f):
    return lambda plan, rng: f(plan, rng) if plan.likelihood == "bernoulli" else None


def gaussian_only(f):
    return lambda plan, rng: f(plan, rng) if plan.likelihood == "gaussian" else None


def with_gradients(f):
    def change(plan, rng):
        full = plan.handed_over in ("no gradients", "values")
        return f(replace(plan, handed_over="all") if full else plan, rng)

    return change


def of_spread(f):
    """f(mean, x, what the decoder holds, σ) -> entries, of a Gaussian whose σ is the decoder's own."""

    def change(plan, rng):
        own = own_variance(plan, rng)
        return None if own is None else replace(own, with_spread=f)

    return change


def misread_spread(plan, rng):
    own = own_variance(plan, rng)
    if own is None:
        return None
    held = own.x_kind.removeprefix("x_")
    other = str(rng.choice([k for k in STD if k not in (held, *(() if held == "std" else ("std", "var")))]))
    read = lambda o, x, spread, std: by_squares(o, x, STD[other](spread) ** 2)  # noqa: E731
    return replace(own, with_spread=read, tags=[f"decoder_{held}_read_as_{other}"])


def extra(f, what):
    """A term of the loss that nobody declared."""

    def change(plan, rng):
        own = default_weigh(plan)
        return replace(plan, weigh=lambda R, K: own(R, K) + f(R, K))

    return change


KNOWN = [
    Mistake("σ misread in z", misread("sampling"), ("tag",)),
    Mistake("σ misread in the KL", misread("kl"), ("tag",)),
    Mistake("no noise", with_gradients(sampling(lambda m, h, std, n: m + 0 * std)), ("noise_missing",)),
    Mistake("shared noise", sampling(lambda m, h, std, n: m + std * n[:1]), ("noise_shared_across_batch",)),
    Mistake(
        "heads swapped in z",
        sampling(lambda m, h, std, n: h + np.exp(m / 2) * n),
        ("heads_swapped",),
        "exchanged|swapped",
    ),
    Mistake(
        "mean detached in z",
        with_gradients(sampling(lambda m, h, std, n: detached(m) + std * n)),
        ("mean_detached",),
    ),
    Mistake(
        "σ detached in z",
        with_gradients(sampling(lambda m, h, std, n: m + detached(std) * n)),
        ("sigma_detached",),
    ),
    Mistake(
        "z detached", with_gradients(sampling(lambda m, h, std, n: detached(m + std * n))), ("z_detached",)
    ),
    Mistake("KL without ½", kl_of(lambda m, h, std, z: 2 * kl(m, std)), ("kl_half_missing",)),
    Mistake("KL negative", kl_of(lambda m, h, std, z: -kl(m, std)), ("kl_sign",)),
    Mistake(
        "KL reversed",
        kl_of(lambda m, h, std, z: 0.5 * ((1 + m**2) / std**2 - 1) + np.log(std)),
        ("kl_reversed",),
    ),
    Mistake("KL without −1", kl_of(lambda m, h, std, z: kl(m, std) + 0.5), ("kl_constant_missing",)),
    Mistake(
        "KL with σ",
        kl_of(lambda m, h, std, z: 0.5 * (m**2 + std - 1) - np.log(std)),
        ("kl_variance_not_squared",),
    ),
    Mistake(
        "KL with half log",
        kl_of(lambda m, h, std, z: 0.5 * (m**2 + std**2 - 1 - np.log(std))),
        ("kl_log_var_halved",),
    ),
    Mistake(
        "KL detached", with_gradients(kl_of(lambda m, h, std, z: detached(kl(m, std)))), ("kl_detached",)
    ),
    Mistake(
        "KL a mean over latents",
        weighed(1.0, lambda p: 1 / p.Z),
        ("kl_mean_over_latents",),
        "KL.*averaged over the latents|KL.*1/Z",
    ),
    Mistake("KL over B again", weighed(1.0, lambda p: 1 / p.B), ("kl_mean_over_batch",), "KL.*1/B"),
    Mistake(
        "R a mean over entries",
        weighed(lambda p: 1 / p.D),
        ("reconstruction_mean_over_pixels",),
        "reconstruction.*1/D",
    ),
    Mistake(
        "R summed over the batch",
        weighed(lambda p: float(p.B)),
        ("reconstruction_summed_over_batch", "kl_mean_over_batch"),
        "reconstruction.*B",
    ),
    Mistake("no KL", weighed(1.0, 0.0), ("kl_missing",)),
    Mistake("R negative", weighed(-1.0), ("reconstruction_sign",)),
    Mistake("all negative", weighed(-1.0, -1.0), ("loss_sign",)),
    Mistake(
        "sigmoid twice",
        bernoulli_only(rebuilt(lambda p, own: lambda l, x: own(sigmoid(l), x))),
        ("sigmoid_twice",),
    ),
    Mistake(
        "lit entries only",
        bernoulli_only(rebuilt(lambda p, own: lambda l, x: -x * np.log(sigmoid(l)))),
        ("off_pixels_missing",),
    ),
    Mistake(
        "squared error",
        gaussian_only(
            lambda p, r: None if p.variance == 0.5 else replace(p, reconstruction=lambda m, x: (x - m) ** 2)
        ),
        ("squared_error_unscaled",),
    ),
    Mistake(
        "no constant",
        gaussian_only(rebuilt(lambda p, own: lambda m, x: own(m, x) - HALF_LOG_2PI)),
        ("constant_dropped",),
    ),
    Mistake("decoder's σ misread", misread_spread, ("tag",)),
    Mistake(
        "decoder's square without ½",
        of_spread(lambda o, x, held, std: (x - o) ** 2 / std**2 + np.log(std) + HALF_LOG_2PI),
        ("gaussian_half_missing",),
    ),
    Mistake(
        "decoder's log σ²",
        of_spread(lambda o, x, held, std: (x - o) ** 2 / (2 * std**2) + 2 * np.log(std) + HALF_LOG_2PI),
        ("decoder_log_var_unhalved",),
    ),
    Mistake(
        "decoder's σ for σ²",
        of_spread(lambda o, x, held, std: (x - o) ** 2 / (2 * std) + np.log(std) + HALF_LOG_2PI),
        ("decoder_variance_not_squared",),
    ),
    Mistake(
        "decoder's σ detached",
        with_gradients(of_spread(lambda o, x, held, std: by_squares(o, x, detached(std) ** 2))),
        ("decoder_variance_detached",),
    ),
]

FRESH = [
    Mistake(
        "z uses cσ",
        lambda p, r: sampling(
            (lambda c: lambda m, h, std, n: m + c * std * n)(float(r.choice([0.01, 0.1, 2.0, 0.5])))
        )(p, r),
        (),
        "z used|σ",
    ),
    Mistake(
        "z clamps σ",
        lambda p, r: sampling(lambda m, h, std, n: m + at_most(at_least(std, 0.6), 1.2) * n)(p, r),
        (),
        "clamp",
    ),
    Mistake(
        "z adds to σ", lambda p, r: sampling(lambda m, h, std, n: m + (std + 0.1) * n)(p, r), (), r"σ \+ 0\.1"
    ),
    Mistake(
        "noise of the example before",
        sampling(lambda m, h, std, n: m + std * np.roll(n, 1, axis=0)),
        (),
        "noise.*neighbouring",
    ),
    Mistake("|noise|", sampling(lambda m, h, std, n: m + std * np.abs(n.real)), (), "absolute|\\|noise\\|"),
    Mistake("z subtracts", sampling(lambda m, h, std, n: m - std * n), (), "−σ|-1 σ|−1 σ|sign"),
    Mistake(
        "no mean in z",
        sampling(lambda m, h, std, n: std * n + 0 * m),
        (),
        "mean.*(missing|left out|lacks)|lacks.*mean",
    ),
    Mistake(
        "KL without mean²",
        kl_of(lambda m, h, std, z: 0.5 * (std**2 - 1) - np.log(std) + 0 * m),
        (),
        "lacks.*mean²|mean².*missing",
    ),
    Mistake(
        "KL without log",
        kl_of(lambda m, h, std, z: 0.5 * (m**2 + std**2 - 1)),
        (),
        "lacks.*log σ|log σ.*missing",
    ),
    Mistake(
        "KL without σ²",
        kl_of(lambda m, h, std, z: 0.5 * (m**2 - 1) - np.log(std)),
        (),
        "lacks.*σ²|σ².*missing",
    ),
    Mistake(
        "KL × c",
        kl_of(lambda m, h, std, z: 5 * kl(m, std)),
        (),
        "KL.*(× 5|weight 5)|KL has the weight .* pass beta=",
    ),
    Mistake(
        "KL to another prior",
        kl_of(lambda m, h, std, z: 0.5 * ((m - 0.5) ** 2 + std**2 - 1) - np.log(std)),
        (),
        "mean 0\\.5|1/2",
    ),
    Mistake(
        "KL summed over the batch for each",
        lambda p, r: (
            None
            if p.handed_over == "scalars"
            else replace(p, divergence=lambda m, h, std, z: 0 * kl(m, std) + kl(m, std).sum(axis=0))
        ),
        ("kl_summed_over_batch",),  # which it is, where no part was handed over
        "sum over the batch",
    ),
    Mistake(
        "x of the example before",
        rebuilt(lambda p, own: lambda o, x: own(o, np.roll(x, 1, axis=0))),
        (),
        "neighbouring example",
    ),
    Mistake("1 − x", bernoulli_only(rebuilt(lambda p, own: lambda o, x: own(o, 1 - x))), (), "1 − x"),
    Mistake(
        "lit weigh 5",
        bernoulli_only(rebuilt(lambda p, own: lambda l, x: 5 * x * softplus(-l) + (1 - x) * softplus(l))),
        (),
        "x = 1 weigh 5",
    ),
    Mistake(
        "σ² = 0.1",
        gaussian_only(lambda p, r: replace(p, reconstruction=lambda m, x: by_squares(m, x, 0.1))),
        (),
        "0\\.1",
    ),
    Mistake("R × c", rebuilt(lambda p, own: lambda o, x: 3 * own(o, x)), (), "× 3|weight 3|3 times"),
    # of 8 examples it is the mean of the declared loss
    Mistake("loss × 1/8", weighed(0.125, 0.125), ("batch_averaged",), "whole loss × (1/8|0\\.125)"),
    Mistake("loss × 10", weighed(10.0, 10.0), (), "whole loss × 10"),
    Mistake("KL × 7", weighed(1.0, 7.0), (), "KL.*weight|KL.*7"),
    Mistake(
        "R/D and KL/B",
        weighed(lambda p: 1 / p.D, lambda p: 1 / p.B),
        (),
        "1/D.*1/B|averaged over.*KL.*(1/B|batch size)",
    ),
    Mistake(
        "KL's largest",
        extra(lambda R, K: K.sum(axis=1)[np.argmax(K.sum(axis=1).real)], "max"),
        (),
        "cause is unknown",
    ),
    Mistake(
        "R × 2 for one example",
        lambda p, r: replace(
            p,
            reconstruction=lambda o, x: (
                default_reconstruction(p)(o, x)
                * np.where(np.arange(len(x)) == len(x) - 1, 2.0, 1.0).astype(x.real.dtype)[:, None]
            ),
        ),
        (),
        "last example|example",
    ),
    Mistake(
        "KL detached by mean",
        with_gradients(kl_of(lambda m, h, std, z: kl(detached(m), std))),
        (),
        "mean.*KL|KL.*mean",
    ),
]


def two(rng, plan):
    """Two known mistakes in different parts."""
    first = rng.choice([m for m in KNOWN if m.what.startswith(("σ misread in z", "no noise", "shared"))])
    second = rng.choice(
        [m for m in KNOWN if m.what.startswith(("KL without", "KL negative", "R a mean", "no KL", "sigmoid"))]
    )
    made = first.change(plan, rng)
    if made is None:
        return None
    names = first.right_names(made)
    made = second.change(made, rng)
    if made is None:
        return None
    return made, names + second.right_names(made), f"{first.what} and {second.what}"


@dataclass
class Judged:
    """One step of the corpus, and what was said of it."""

    what: str
    plan: Plan
    names: tuple[str, ...]
    words: str
    wrong: bool
    report: Report

    @property
    def flagged(self):
        return not self.report.ok

    @property
    def named(self):
        return sorted({c for finding in self.report.findings for c in finding.causes})

    @property
    def false_name(self):
        parts = {part for name in self.named for part in name.split(" + ")}
        return bool(parts) and (not self.wrong or not parts & set(self.names))

    @property
    def rightly(self):
        said = " ".join(f.explanation for f in self.report.findings)
        named = {part for name in self.named for part in name.split(" + ")}
        return (
            bool(named & set(self.names))
            or any(name in said for name in self.names)
            or bool(re.search(self.words, said, re.DOTALL))
        )

    @property
    def verdict(self):
        if not self.wrong:
            return "accused" if self.flagged else "matches" if self.report.matches else "left open"
        if not self.flagged:
            return "SILENT" if self.report.matches else "left open"
        return "FALSE NAME" if self.false_name else "described" if self.rightly else "unknown"


def corpus(seed, size):
    """`size` mistakes and `size` right steps, one after the other."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < size:
        plan = draw_plan(rng)
        at = rng.random()
        if at < 1 / 6:
            found = two(rng, plan)
            if found is None:
                continue
            wrong, names, what = found
            words = "(?!)"
        else:
            mistake = rng.choice(KNOWN if at < 0.5 else FRESH)
            wrong = mistake.change(plan, rng)
            if wrong is None or (not mistake.forward and plan.handed_over in ("no gradients", "values")):
                continue
            names, words, what = mistake.right_names(wrong), mistake.words, mistake.what
        yield judged(what, wrong, names, words, True)
        right = None
        while right is None:
            what = str(rng.choice(list(UNUSUAL)))
            right = UNUSUAL[what](draw_plan(rng), rng)
        yield judged(what, right, (), "", False)
        made += 1


def judged(what, plan, names, words, wrong):
    with np.errstate(all="ignore"):
        arrays = step(plan)
    return Judged(what, plan, names, words, wrong, diagnose(arrays, **plan.settings))


def table(found):
    """How many of each verdict, in lines."""
    wrong, right = ([one for one in found if one.wrong == w] for w in (True, False))
    counts = {
        w: collections.Counter(one.verdict for one in some) for w, some in ((True, wrong), (False, right))
    }
    n, flagged = len(wrong), sum(one.flagged for one in wrong)
    return "\n".join(
        (
            f"mistakes: {n}   flagged {flagged} ({flagged / n:.1%})   {dict(counts[True])}",
            f"named or described rightly: {counts[True]['described']} ({counts[True]['described'] / n:.1%})",
            f"right:    {len(right)}   {dict(counts[False])}",
        )
    )


def scalars(seed, size):
    """Reports of a right step whose loss alone is off by a random amount, and nothing in the catalogue did
    it.
    """
    rng = np.random.default_rng(seed)
    for _ in range(size):
        B, D, Z = (int(rng.choice(s)) for s in ((4, 16, 128), (8, 64), (2, 5)))
        real = rng.choice([np.float32, np.float64])
        x, l = (rng.random((B, D)) < 0.5).astype(real), rng.normal(size=(B, D)).astype(real)
        mean, log_var = (0.7 * rng.normal(size=(B, Z)).astype(real) for _ in range(2))
        R, K = (
            (np.logaddexp(0, l.astype(float)) - x * l).sum(axis=1),
            0.5 * (mean.astype(float) ** 2 + np.exp(log_var) - 1 - log_var).sum(axis=1),
        )
        off = np.exp(rng.uniform(np.log(1e-6), 0)) * rng.choice([-1, 1])
        arrays = {
            "x": x,
            "logits": l,
            "mean": mean,
            "log_var": log_var,
            "loss": real((R + K).mean() * (1 + off)),
        }
        yield off, diagnose(arrays)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=150, help="mistakes, and as many right steps")
    parser.add_argument(
        "--scalars", type=int, default=0, help="instead: so many losses that are off at random"
    )
    parser.add_argument(
        "--show", default="SILENT|FALSE|accused|unknown|open", help="verdicts whose steps are listed"
    )
    parser.add_argument("--reports", action="store_true", help="with the whole report of each")
    arguments = parser.parse_args()
    if arguments.scalars:
        named = [(off, r.causes) for off, r in scalars(arguments.seed, arguments.scalars) if r.causes]
        print(f"named {len(named)} of {arguments.scalars}", *named[:20], sep="\n")
        return
    found = []
    for one in corpus(arguments.seed, arguments.size):
        found.append(one)
        if re.search(arguments.show, one.verdict):
            p = one.plan
            where = f"{p.dtype} {p.likelihood} {p.kind} {p.handed_over:12}"
            print(f"{one.verdict:11} {one.what:32} {where} {one.named} {one.report.explanation[:150]}")
            if arguments.reports:
                print(p, one.report, "", sep="\n")
    print(table(found))


if __name__ == "__main__":
    main()
