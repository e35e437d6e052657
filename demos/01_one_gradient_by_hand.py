"""One gradient by hand, from an equation to code and from the code to a check.

The check finds most mistakes, and one that it can't find is shown too.

    log p(x) = Σ_d log N(x_d; mean_d, σ_d²),  σ_d² = exp(log_var_d)
    a Gaussian whose variances all examples share

Demo 00 checked its gradients with a loop of its own. From here on scratchvae.checks does it:

    check_pullback    whether the pullback is the gradient of the value: central differences, entry by entry
    check_draws       whether draws follow a density: mass, moments and tails

    python 01_one_gradient_by_hand.py [--quick] [--seed N] [--out FOLDER]
    exit status 1 if a check misses something

Source: Ridders 1982, "Accurate computation of F'(x) and F'(x)F''(x)", whose extrapolation check_pullback
uses.
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import checks, plots
from scratchvae.distributions import gaussian

# ------------------------------------------------------------------------------------------ equation and code


def gaussian_log_prob(x, mean, log_var):
    """log p(x) = −½ Σ_d log 2π + s_d + (x_d − μ_d)² e^−s_d.

    x, mean (B, D), log_var (D,)  ->  (B,) in nats.

    In the equations μ is mean, s is log_var and L_b the value of example b. By hand, for one entry:

        ∂L_b/∂μ_bd = −½ · 2 (x_bd − μ_bd) · (−1) · e^−s_d = (x_bd − μ_bd) e^−s_d
        ∂L_b/∂x_bd = −½ · 2 (x_bd − μ_bd) · (+1) · e^−s_d = −∂L_b/∂μ_bd
        ∂L_b/∂s_d  = −½ (1 + (x_bd − μ_bd)² · (−1) e^−s_d) = ½ ((x_bd − μ_bd)² e^−s_d − 1)

    The −1 of the first line is the inner derivative of x − μ. The first two are opposite, because only x − μ
    matters. A loss depends on every L_b, and gives the pullback dL_b = ∂loss/∂L_b. By the chain rule
    dμ_bd = Σ_b' dL_b' ∂L_b'/∂μ_bd, where only b' = b counts, as no other example contains μ_bd. But all of
    them contain s_d, and so its gradient is a sum over the batch. An array that is used B times receives the
    sum of B gradients.
    """
    residual = x - mean
    precision = np.exp(-log_var)
    log_px = -0.5 * (np.log(2 * np.pi) + log_var + residual**2 * precision).sum(axis=1)

    def pullback(dlog_px):
        d = dlog_px[:, None]
        # fmt: off
        dmean = d * residual * precision                                   # dμ_bd = dL_b (x_bd − μ_bd) e^−s_d
        dx = -dmean                                                        # dx_bd = −dμ_bd
        # ds_d  = Σ_b dL_b ½ ((x_bd − μ_bd)² e^−s_d − 1)
        dlog_var = (d * 0.5 * (residual**2 * precision - 1)).sum(axis=0)
        # fmt: on
        return dx, dmean, dlog_var

    return log_px, pullback


# ----------------------------------------------------------------------------------------- finite differences


def difference_errors(steps):
    """The relative error of (f(t + h) − f(t − h)) / 2h for each h of `steps`, at t = 0.3.

    f is log N(1; 0, e^t). By Taylor, the quotient is f′ + h² f‴/6 + …, and so its error falls with h². But
    f(t ± h) are rounded to 16 digits, and dividing by 2h magnifies the rounding, so that this error grows
    with 1/h. Between the two neither is large, and a plain quotient can't be better than there.
    """
    t = 0.3
    x, mean = np.ones((1, 1)), np.zeros((1, 1))

    def f(t):
        return gaussian_log_prob(x, mean, np.array([t]))[0][0]

    exact = gaussian_log_prob(x, mean, np.array([t]))[1](np.ones(1))[2][0]
    return np.array([abs((f(t + h) - f(t - h)) / (2 * h) / exact - 1) for h in steps])


# --------------------------------------------------------------------------------------------------- mistakes

# The gradients dx, dmean, dlog_var from d (B, 1), the residual r (B, D) and the precision p (D,), one of the
# three wrong.
MISTAKES = {
    "a sign: dmean as if x − mean grew with mean": lambda d, r, p: (
        -d * r * p,
        -d * r * p,  # wrong
        (d * 0.5 * (r**2 * p - 1)).sum(axis=0),
    ),
    "a factor: dlog_var without its ½": lambda d, r, p: (
        -d * r * p,
        d * r * p,
        (d * (r**2 * p - 1)).sum(axis=0),  # wrong
    ),
    "a sum: dlog_var for each example": lambda d, r, p: (
        -d * r * p,
        d * r * p,
        # wrong, and dangerous: log_var -= rate * dlog_var may broadcast, and nobody notices
        d * 0.5 * (r**2 * p - 1),
    ),
    "a mean over the batch in place of the sum": lambda d, r, p: (
        -d * r * p,
        d * r * p,
        (d * 0.5 * (r**2 * p - 1)).mean(axis=0),  # wrong
    ),
}


def spoilt(gradients):
    """gaussian_log_prob with another pullback."""

    def op(x, mean, log_var):
        log_px, _ = gaussian_log_prob(x, mean, log_var)

        def pullback(dlog_px):
            return gradients(dlog_px[:, None], x - mean, np.exp(-log_var))

        return log_px, pullback

    return op


def complaints(op, arrays):
    """The complaints of check_pullback against the op: a list of texts, empty if there are none."""
    try:
        return [str(comparison) for comparison in checks.check_pullback(op, arrays) if not comparison.ok]
    except checks.GradientError as error:  # what numbers don't show: shapes, dtypes, writing into arguments
        return [str(error)]


# --------------------------------------------------------------------------- what a gradient check can't find


def wrong_sampler(mean, log_var, *, noise):
    """z = mean + exp(log_var) · noise, with a variance in the place of a standard deviation.

    The pullback is right: it is the gradient of this z.
    """
    spread = np.exp(log_var) * noise  # correct: np.exp(log_var / 2)
    z = mean + spread

    def pullback(dz):
        dmean = dz  # dμ_bz = dz_bz
        dlog_var = dz * spread  # ds_bz = dz_bz e^s_bz noise_bz
        return dmean, dlog_var

    return z, pullback


def draws_and_moments(sampler, n, rng, mean=0.7, log_var=1.3):
    """n draws of N(mean, exp(log_var)) by the sampler, and check_draws' verdict on them."""
    z, _ = sampler(np.full((n, 1), mean), np.full((n, 1), log_var), noise=rng.standard_normal((n, 1)))

    def log_prob(points):
        return gaussian_log_prob(points[:, None], np.full((len(points), 1), mean), np.array([log_var]))[0]

    return z[:, 0], log_prob, checks.check_draws(z[:, 0], log_prob, np.linspace(-40, 40, 400_001))


def main(argv=None):
    parser = argparse.ArgumentParser(
        description="One gradient derived, written, checked; mistakes found, and one that is not."
    )
    parser.add_argument("--quick", action="store_true", help="20,000 draws instead of 1,000,000")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", default="demo_01", help="for the picture (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    rng_arrays, rng_draws = np.random.default_rng(options.seed).spawn(2)
    as_expected = True

    steps = 10.0 ** -np.arange(1, 13)
    errors = difference_errors(steps)
    print(
        "A derivative by central differences: truncation h², then rounding 1/h (expected: best near h = 1e-5)"
    )
    print("  h               ", "".join(f"{h:9.0e}" for h in steps[::2]))
    print("  relative error  ", "".join(f"{error:9.0e}" for error in errors[::2]))

    B, D = 4, 3
    arrays = {
        "x": rng_arrays.normal(size=(B, D)),
        "mean": rng_arrays.normal(size=(B, D)),
        "log_var": rng_arrays.normal(size=D),
    }
    print("\nThe gradient above, against extrapolated differences (expected: relative errors below 1e-06)")
    print("  gradient  entries  worst relative error")
    for comparison in checks.check_pullback(gaussian_log_prob, arrays):
        as_expected &= comparison.ok
        size = arrays[comparison.argument].size
        print(
            f"  d{comparison.argument:<8} {size:7d}  "
            f"{comparison.error:20.1e}{'' if comparison.ok else '   WRONG'}"
        )

    print("\nWith one mistake each (expected: the wrong gradient named, and where)")
    for name, gradients in MISTAKES.items():
        found = complaints(spoilt(gradients), arrays)
        as_expected &= len(found) == 1
        print(f"  {name}\n      {found[0] if found else 'NOT FOUND'}")

    # A check sees the point it is made at, and nothing else. At log_var = 0 a variance is a standard
    # deviation, and also 1.
    def no_precision(d, r, p):
        return -d * r, d * r, (d * 0.5 * (r**2 * p - 1)).sum(axis=0)  # dx and dmean have lost e^−s

    at_zero = complaints(spoilt(no_precision), arrays | {"log_var": np.zeros(D)})
    at_random = complaints(spoilt(no_precision), arrays)
    as_expected &= not at_zero and len(at_random) == 2
    print("\ndx and dmean without their factor e^−s: wrong gradients found")
    print(f"  checked at log_var = 0        {len(at_zero)}   (expected: 0, the mistake is invisible there)")
    print(f"  checked at a random log_var   {len(at_random)}   (expected: 2)")

    z_arrays = {"mean": arrays["mean"], "log_var": rng_arrays.normal(size=(B, D))}
    comparisons = checks.check_pullback(wrong_sampler, z_arrays, {"noise": rng_arrays.normal(size=(B, D))})
    as_expected &= all(comparison.ok for comparison in comparisons)
    print("\nA sampler that takes the variance for the standard deviation: its gradients")
    for comparison in comparisons:
        print(
            f"  d{comparison.argument:<8} {'right' if comparison.ok else 'WRONG'}, relative error "
            f"{comparison.error:.1e}"
        )
    print(
        "They are the gradients of what it computes. What it computes is wrong, and only its draws show "
        "that:\n"
    )

    n = 20_000 if options.quick else 1_000_000
    right, log_prob, right_moments = draws_and_moments(gaussian.reparameterize, n, rng_draws)
    wrong, _, wrong_moments = draws_and_moments(wrong_sampler, n, rng_draws)
    as_expected &= all(moment.ok for moment in right_moments) and not all(
        moment.ok for moment in wrong_moments
    )
    print(f"  {f'{n:,} draws of N(0.7, e^1.3)':<36} density          right sampler         wrong sampler")
    print("  expected: within 5 std. errors; not so           draws  std. errors    draws  std. errors")
    # the first is the density's own total mass
    for good, bad in zip(right_moments[1:], wrong_moments[1:], strict=True):
        print(
            f"  {good.name:<36} {round(good.expected, 4) + 0:7.4f}   {good.sampled:8.4f}  "
            f"{good.standard_errors:11.1f} "
            f"{bad.sampled:8.4f}  {bad.standard_errors:11.1f}{'' if bad.ok else '   departs'}"
        )

    options.out.mkdir(parents=True, exist_ok=True)
    plots.save(picture(steps, errors, right, wrong, log_prob), options.out / "what_two_checks_see.png")
    print(
        f"\nEverything as expected: {'yes' if as_expected else 'NO'}\nPicture: "
        f"{options.out / 'what_two_checks_see.png'}"
    )
    return 0 if as_expected else 1


def picture(steps, errors, right, wrong, log_prob):
    """Draw the error of a finite difference by its step, and both samplers' draws with their density."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8), dpi=130, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
    differences, histogram = figure.subplots(1, 2)
    differences.loglog(steps, np.maximum(errors, 1e-16), "o-", color="#0072b2", label="central difference")
    differences.loglog(
        steps,
        errors[0] * (steps / steps[0]) ** 2,
        "--",
        color="#8c8c8c",
        linewidth=1,
        label="∝ h², truncation",
    )
    differences.loglog(steps, 1e-16 / steps, ":", color="#8c8c8c", linewidth=1.5, label="10⁻¹⁶ / h, rounding")
    differences.set(
        xlabel="step h",
        ylabel="relative error",
        ylim=(1e-14, 1),
        title="A gradient check: differences of the value",
    )
    differences.legend(frameon=False, loc="upper left")

    t = np.linspace(-10, 11.4, 400)
    for draws, colour, name in ((right, "#0072b2", "exp(log_var / 2)"), (wrong, "#d55e00", "exp(log_var)")):
        # of the area 1, the draws outside the picture included
        share = np.full(len(draws), 80 / (np.ptp(t) * len(draws)))
        look = {"histtype": "stepfilled", "alpha": 0.3, "color": colour, "label": f"mean + {name} · noise"}
        histogram.hist(draws, bins=80, range=(t[0], t[-1]), weights=share, **look)
    histogram.plot(t, np.exp(log_prob(t)), color="#262626", linewidth=1.5, label="the density, N(0.7, e^1.3)")
    histogram.set(
        xlabel="z", ylabel="density", ylim=(0, 0.31), title="A check of draws: do they follow their density?"
    )
    histogram.legend(frameon=False, loc="upper left")
    for axes in (differences, histogram):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
