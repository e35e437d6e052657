"""The demos: each runs to its end without a warning, draws its pictures, and prints numbers that satisfy what
they must.
"""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest

from scratchvae.site.chapters import CHAPTERS

DEMOS = sorted(Path(__file__).parent.parent.joinpath("demos").glob("*.py"))


def numbers_after(text, start):
    """The numbers in the rest of the first line that starts so, apart from its indentation."""
    line = next(line for line in text.splitlines() if line.strip().startswith(start))
    rest = re.sub(r"\(expected.*", "", line.strip()[len(start) :])
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[-+]\d+)?", rest)]


def one_file(text):
    bound, reconstruction, kl = numbers_after(text, "VAE after training")
    assert bound == pytest.approx(reconstruction - kl, abs=0.02)
    assert numbers_after(text, "Smallest KL of an image:")[0] >= 0
    model, truth = (
        numbers_after(text, name)[0]
        for name in ("its decoder, exact posterior: log p(x)", "the true generator")
    )
    assert model < truth  # on average no model gives data a higher probability than what they come from


def one_gradient(text):
    for gradient in ("dx", "dmean", "dlog_var"):
        assert numbers_after(text, f"{gradient} ")[1] < 1e-6
    sampled, expected = numbers_after(text, "variance ")[3], numbers_after(text, "variance ")[0]
    # the wrong sampler has the variance σ⁴ in place of σ²
    assert sampled / expected == pytest.approx(expected, rel=0.05)
    assert "Everything as expected: yes" in text


def autoencoder(text):
    mean_image, two, sixteen = (numbers_after(text, row)[0] for row in ("0  ", "2  ", "16  "))
    assert sixteen < two < mean_image
    _, noisy = numbers_after(text, "left as it is")
    assert noisy == pytest.approx(0.5, abs=0.01)
    assert numbers_after(text, "trained to undo noise")[1] < noisy


def vae(text):
    assert numbers_after(text, "Smallest KL of an image")[0] >= 0
    assert numbers_after(text, "bound − (log_px − KL), largest") == [0]
    one, ten, hundred = (numbers_after(text, f"{K}  ")[0] for K in (1, 10, 100))
    assert one < ten < hundred


def likelihoods(text):
    densities = (
        "gaussian, σ² = 1 ",
        "gaussian, σ learned",
        "gaussian, per pixel",
        "laplace, s learned",
        "continuous bernoulli ",
    )
    for name in densities:
        *_, bits, of_level = numbers_after(text, name)
        assert of_level == pytest.approx(bits + 3, abs=0.002)  # log₂ of 8 levels
        for levels in ("categorical, 8 levels", "logistic, 8 levels"):
            assert of_level > numbers_after(text, levels)[-1]


def regularized(text):
    rows = {
        name: numbers_after(text, name)
        for name in ("plain", "sparse, L1", "sparse, KL", "denoising", "contractive")
    }
    assert rows["denoising"][1] < rows["plain"][1]
    assert min(rows, key=lambda name: rows[name][4]) == "contractive"
    for name in ("sparse, L1", "sparse, KL"):
        assert rows[name][2] < rows["plain"][2] / 2
    found, closed = re.search(r"contractive one: ([\d.]+) .* closed form: ([\d.]+)", text).groups()
    assert float(found) == pytest.approx(float(closed), rel=1e-5)


def gaussians(text):
    for number in range(1, 19):
        closed, exact, off, sampled, error = numbers_after(text, f"({number})")[-5:]
        assert off < 1e-10
        assert sampled == pytest.approx(closed, abs=4 * error + 1e-4)
        assert closed == pytest.approx(exact, abs=1e-8)
    assert "and with the draws to 4 standard errors: yes" in text
    way = "(18) by the joint law's Cholesky factor, and by the model's equations: differ by"
    assert max(numbers_after(text, way)) < 1e-13
    for name, least in (("diagonal q", 0.640967), ("full q", 0.0)):
        line = next(line for line in text.splitlines() if line.strip().startswith(name))
        assert float(re.findall(r"brackets\) +([\d.]+)", line)[0]) == pytest.approx(least, abs=1e-5)


def the_bound(text):
    for row in ("the prior", "some q, number 1", "some q, number 4", "the posterior"):
        *_, log_px_z, kl, bound, to_posterior, total, joint = numbers_after(text, row)
        assert log_px_z - kl == pytest.approx(bound, abs=3e-6)
        assert joint == pytest.approx(bound, abs=3e-6)
        assert bound + to_posterior == pytest.approx(total, abs=3e-6)
    assert numbers_after(text, "largest difference between what should be equal:")[0] < 1e-10
    log_px = total
    flat, climb = text.split("log p(x) has no z in it")[1].split("q climbs the bound")
    # 1000 roundoffs of terms of size 1204
    assert numbers_after(flat, "largest difference from log p(x):")[0] < 3e-10
    for row in ("the prior", "a wrong q", "the best diagonal", "the posterior"):
        integral, deviation, sampled, error, bound, bound_deviation = numbers_after(flat, row)
        assert integral == sampled == log_px
        assert max(deviation, error) < 3e-10
        assert (bound_deviation > 0.1 and bound < log_px) == (row != "the posterior")
    for name in ("full q", "diagonal q"):
        kl, least, bound, expected, off = numbers_after(climb, name)
        assert kl == pytest.approx(least, abs=2e-8)
        assert bound == pytest.approx(expected, abs=2e-6)
        assert off < 1e-11  # roundoffs of terms of size 28


def bound_of_a_network(text):
    assert numbers_after(text, "largest difference:")[0] < 1e-6
    flat, climb = text.split("at x = (0, 1)")[1].split("q climbs by")
    log_px = float(re.search(r"expected: (-?[\d.]+) and", flat).group(1))
    for row in ("the prior", "a wrong q", "the encoder's q"):
        integral, deviation, bound, bound_deviation = numbers_after(flat, row)
        assert integral == log_px
        assert deviation < 1e-10
        assert bound < log_px
        assert bound_deviation > 0.01
    estimates = re.findall(r"(-?[\d.]+) ± ([\d.]+)", flat)
    assert len(estimates) == 3
    assert all(abs(float(value) - log_px) < 5 * float(error) for value, error in estimates)
    for row in ("(-1.00, 0.00)", "( 0.00, 1.00)", "( 0.60, 0.80)", "( 0.00, 0.30)"):
        start, encoder, end, off, bend = numbers_after(climb, row)
        assert start > encoder > end > 0
        assert off < 1e-6
        assert bend == pytest.approx(1, abs=0.02)
    bias, error = numbers_after(text, "bias")
    assert abs(bias) < 4 * error
    closed, sampled, one_out, plain = (
        numbers_after(text, name)
        for name in (
            "reparameterized, KL in",
            "reparameterized, KL sampled",
            "score function, leave one out",
            "score function  ",
        )
    )
    for reparameterized in (closed, sampled):
        assert all(a < b < c for a, b, c in zip(reparameterized, one_out, plain, strict=True))
    assert numbers_after(text, "their means differ by at most")[0] < 6
    bounds = [numbers_after(text, f"K = {K} ")[0] for K in (1, 10, 100)]
    assert bounds == sorted(bounds)


def compression(text):
    for Z in (1, 2, 4, 8):
        error, expected, difference = numbers_after(text, f"{Z}  ")
        assert abs(difference) < 1e-6
        assert error == pytest.approx(expected, abs=1e-7)
    assert numbers_after(text, "16  ")[0] < 1e-10  # the identity
    deep = text.split("Deep autoencoders")[1]
    # of PCA, reached, held out, its median; then epochs
    rows = {Z: numbers_after(deep, f"{Z}  ") for Z in (25, 10)}
    assert rows[25][0] < 1e-12
    assert max(rows[25][1:4]) < 1e-3  # measured: 8e-5 after 250 steps
    assert 1e-2 < rows[10][1] < rows[10][0]
    assert rows[10][2] > 1e-2
    assert rows[25][5] < rows[10][5]
    assert len(rows[25]) > len(rows[10])
    straight, at_first = numbers_after(deep, "share of ELUs where they are straight")
    assert straight > at_first
    assert numbers_after(deep, "error of patches 5 times as large")[0] > 10 * rows[25][2]
    for Z in (2, 8, 32):
        row = next(
            line
            for line in text.split("Squared error of")[1].splitlines()
            if line.strip().startswith(f"{Z}  ")
        )
        linear, _, deep, *_, left = (float(number) for number in re.findall(r"\d+\.\d+", row))
        assert linear == pytest.approx(left, abs=2e-4)
        assert Z > 2 or deep < linear
    for level in ("0.1", "0.03", "0.01", "0.003"):
        rate, expected_rate, error, expected_error = numbers_after(text.split("Linear VAEs")[1], f"{level}  ")
        assert rate == pytest.approx(expected_rate, abs=2e-4)
        assert error == pytest.approx(expected_error, rel=0.02)
    points = [numbers_after(text.split("Deep VAEs")[1], f"{beta}  ") for beta in ("0.1", "1", "10")]
    rates, distortions, sums, _, _ = zip(*points, strict=True)
    assert rates[0] > rates[1] > rates[2]
    assert distortions[0] < distortions[1] < distortions[2]
    assert sums[1] == min(sums)


def factor_analysis(text):
    pca, factors = (numbers_after(text, name) for name in ("probabilistic PCA", "factor analysis"))
    assert pca[1] < factors[1]
    assert max(pca[2], factors[2]) < 1e-10
    climb = text.split("EM from random weights")[1]
    for name in ("probabilistic PCA", "factor analysis"):
        *climbing, end, best = numbers_after(climb, name)
        assert climbing == sorted(climbing)
        assert end == pytest.approx(best, abs=1e-3)
    assert min(float(gain) for gain in re.findall(r"gain of a step (\S+)", text)) > -1e-11
    for vae in text.split("A linear VAE of")[1:]:
        assert numbers_after(vae, "largest |bound − log p(x)|")[0] < 1e-4
        assert numbers_after(vae, "angle of the decoder")[0] < 1e-3
        assert numbers_after(vae, "closed form as weights: |bound − log p(x)|")[0] < 1e-10
        found, expected = re.findall(
            r"-?\d+\.\d+", next(line for line in vae.splitlines() if line.startswith("  bound after"))
        )
        assert float(found) == pytest.approx(float(expected), abs=1e-4)
    found, expected = re.findall(
        r"\d+\.\d+", next(line for line in text.splitlines() if "learned variance σ²" in line)
    )
    assert float(found) == pytest.approx(float(expected), abs=2e-6)
    assert numbers_after(text, "learned variances, largest relative error")[0] < 1e-3
    means = numbers_after(text, "the pixel's mean")
    hidden = text.split("the pixel's mean")[1]
    for name in ("probabilistic PCA", "factor analysis"):
        errors = numbers_after(hidden, name)
        assert errors[0] < means[0]
        assert errors[1] < means[1]
        assert errors[2] < errors[3]


def regularity(text):
    assert numbers_after(text, "density, Gaussian")[0] == pytest.approx(1, abs=0.1)
    assert numbers_after(text, "coverage, Gaussian")[0] == pytest.approx(0.969, abs=0.03)
    models = {kind: [f"{kind} {start}" for start in (1, 2)] for kind in ("autoencoder", "VAE")}
    jumps = {
        name: numbers_after(text, f"jumps, {name} ")
        for name in ("the world", *models["autoencoder"], *models["VAE"])
    }
    for by_chance, even in zip(models["autoencoder"], models["VAE"], strict=True):
        assert jumps["the world"][2] < jumps[even][2] < 2 < jumps[by_chance][2]
        assert (jumps[by_chance][3], jumps[even][3]) == pytest.approx((1, 1), abs=0.02)
        assert numbers_after(text, f"{even}, means and decoded codes")[:2] == pytest.approx(
            [1, 0.969], abs=0.08
        )
        for partner in ("draws and the data", "means and decoded codes"):
            _, covered, _, p = numbers_after(text, f"{even}, {partner}")
            _, left_out, _, least = numbers_after(text, f"{by_chance}, {partner}")
            assert left_out < covered
            # p is uniform where the laws are one: of four, one is this small in 4 % of all seeds
            assert least < 0.01 < p
    normal, aggregate = (
        numbers_after(text, f"p(z) is {prior}")[0] for prior in ("N(0, I)", "the mean of all q(z|x)")
    )
    (saved,) = numbers_after(text, "what the better prior saves")
    from_normal = float(re.search(r"KL\(mean q ‖ N\(0, I\)\) = (\d+\.\d+)", text)[1])
    assert 0 < aggregate < np.log(200)
    assert saved == pytest.approx(from_normal, abs=2e-4)  # both to four decimals
    assert saved == pytest.approx(normal - aggregate, abs=2e-4)
    assert from_normal > 0.001


def any_data(text):
    for name in ("patches", "notes", "docstrings", "bouncing glyphs"):
        _, _, bound, reconstruction, kl, constant, brought = numbers_after(text, f"{name}  ")
        assert bound == pytest.approx(reconstruction - kl, abs=0.02)
        assert brought == pytest.approx(bound - constant, abs=0.02)
        assert brought > 0  # no decoder that ignores z can reach it
    for name in ("notes: timbre", "docstrings: module", "bouncing glyphs: letter"):
        found, chance = numbers_after(text, name)
        assert found > chance
    assert numbers_after(text, "largest error")[0] < 1e-12
    none, ten, sixty = (
        numbers_after(text, f"after {iterations} iterations")[0] for iterations in (" 0", 10, 60)
    )
    assert sixty < ten < none


def helmholtz_machine(text):
    for q in range(1, 6):
        row = numbers_after(text, f"{q}  ")
        assert row[0] == 1
        assert row[1] == pytest.approx(row[2] + row[3], abs=2e-6)
        assert row[4] < 1e-12
    assert numbers_after(text, "Largest change of log p(x) from q to q:")[0] == 0
    (ceiling,) = numbers_after(text, "law of the bars         mean log p(x)")[:1]
    for name in ("wake-sleep  ", "reweighted wake-sleep  "):
        log_px, bound, kl, divergence, _, untrained = numbers_after(text, name)
        assert log_px == pytest.approx(bound + kl, abs=2e-4)
        assert divergence == pytest.approx(ceiling - log_px, abs=2e-4)
        assert 0 < divergence < untrained / 3
    independent, bound, few, many = (
        numbers_after(text, row)[-1]
        for row in ("independent pixels", "machine     ", "machine, K = 5 ", "machine, K = 50")
    )
    assert bound < few < many
    assert independent < many


def naive_bayes(text):
    for name in ("Gaussian  ", "Bernoulli  ", "multinomial  "):
        by_count, by_gradient, theirs, right = numbers_after(text, name)
        assert by_count < 1e-12  # sums of a thousand numbers and a logarithm, in other orders
        assert by_gradient < 1e-4
        assert theirs < 1e-9  # the same, times the hundreds that log p(x|z) may be
        assert right > 0.5
    first, kl, bound = numbers_after(text, "E[log p(x|z)] − KL(q ‖ p(z))")
    assert first - kl == pytest.approx(bound, abs=2e-4)
    assert numbers_after(text, "log p(x) − KL(q ‖ p(z|x))") == [bound]
    differences = [
        numbers_after(text, f"after {steps} steps of Adam")[0] for steps in ("  0", " 10", 100, 300)
    ]
    assert differences == sorted(differences, reverse=True)
    assert differences[-1] < 1e-2
    impossible, log_px, right = zip(
        *(numbers_after(text, f"α = {alpha} ") for alpha in (0.01, 1, 100)), strict=True
    )
    assert impossible == (0, 0, 0)
    assert max(right[:2]) > right[2]
    assert max(log_px[:2]) > log_px[2]
    assert re.search(r"α = 0 +[1-9]\d* +-inf", text)


def labels(text):
    for label in (0, 3):
        told, plain, off = numbers_after(text, f"label {label}:")
        assert told == plain
        assert off < 1e-12  # a few roundoffs of terms of size 21
    (exact,) = numbers_after(text, "log p(x|y) = log N(x; c V, WᵀW + I)")
    for name in ("its bound", "one importance-weighted draw"):
        found, off = numbers_after(text, name)
        assert found == exact
        assert off < 1e-12
    names = ("VAE  ", "conditional, N(0, I)", "conditional, learned p(z|y)")
    plain, told, learned = (numbers_after(text, name) for name in names)
    for bound, log_px_z, kl, estimate, found in (plain, told, learned):
        assert bound == pytest.approx(log_px_z - kl, abs=0.02)
        assert bound < estimate
        assert found > 0.1
    for row in (told, learned):
        assert row[2] < plain[2]
        assert row[4] < plain[4]
        assert row[3] > plain[3]
    log_px = numbers_after(text, "log p(x) = log Σ_y p(x|y) p(y)")[0]
    saved, right = (
        numbers_after(text, name)[0]
        for name in ("log p(x|y) − log p(x) at the true label", "the likeliest label")
    )
    assert log_px + saved == pytest.approx(told[3], abs=1)  # of other draws of z
    assert 0 < saved <= 2.3026
    assert right > 0.5
    places = re.findall(r"asked for +(-?[\d.]+) +found +(-?[\d.]+)", text)
    assert len(places) == 5
    assert all(float(found) == pytest.approx(float(asked), abs=1) for asked, found in places)


def missing(text):
    rows = [numbers_after(text, f"{n} ") for n in ("1", "30", "1,000")]
    assert rows[0][0] < rows[1][0]
    assert rows[2][0] == pytest.approx(numbers_after(text, "exact ")[0], abs=0.02)  # measured 0.0014
    assert rows[2][1] < rows[0][1]
    assert rows[2][2] < rows[0][2]
    bounds, errors = zip(*(numbers_after(text, f"{epoch} ") for epoch in (0, 20, 40)), strict=True)
    assert bounds[0] < bounds[1] < bounds[2]
    assert errors[0] > errors[1] > errors[2]
    mean, vae, drawn = (
        numbers_after(text, name) for name in ("the column's mean", "the VAE's expectation", "one drawn imp")
    )
    assert vae[-2] < 0.7 * mean[-1]  # vae[-1] is the notebook's; measured 0.44 of it
    assert vae[-2] < drawn[-1]  # an expectation has the smallest squared error


def tables(text):
    for kind in ("real", "positive", "count", "binary", "categorical", "ordered"):
        ours, theirs, *total = numbers_after(text, f"{kind} ")
        assert ours == pytest.approx(theirs, abs=2e-8)  # of eight printed decimals
        assert total == ([1] if kind in ("binary", "categorical", "ordered") else [])
    assert numbers_after(text, "Largest difference:")[0] < 1e-12
    mean, iterative, vae, commonest, _, wrong = numbers_after(text, "wine ")
    assert mean == pytest.approx(1, abs=0.2)
    assert max(iterative, vae) < 0.95 * mean  # measured
    assert wrong < commonest
    rows = [numbers_after(text, f"{share}% ") for share in (20, 50)]
    for mean, _, vae in rows:
        assert vae < 0.95 * mean
    assert rows[0][2] < rows[1][2]


def search(text):
    trials, pruned = numbers_after(text, "Trials:")
    assert trials == 12
    assert 0 < pruned <= trials - 3  # three run to their end before any is pruned
    assert numbers_after(text, "Epochs trained:")[0] < 8 * trials
    best = numbers_after(text, "Best bound:")
    assert best == numbers_after(text, "Trained again:")
    assert max(numbers_after(text, f"{k} ")[4] for k in range(12)) == pytest.approx(best[0], abs=0.01)
    assert numbers_after(text, "Models whose codes are finite:") == [trials]


def discrete(text):
    biases = [numbers_after(text, f"{temperature}  ") for temperature in (2, 1, 0.5, 0.25)]
    assert all(hot[0] > cold[0] and hot[1] < cold[1] for hot, cold in pairwise(biases))
    log_px = numbers_after(text, "A decoder that is right halfway between its codes, at x = 0: log p(x) =")[0]
    assert numbers_after(text, "log p(x|z) − KL at relaxed draws")[0] > log_px + 1
    assert numbers_after(text, "log p(x|z) − KL at one-hot draws")[0] == pytest.approx(log_px, abs=1e-4)
    rows = {name: numbers_after(text, name) for name in ("codebook, by gradients", "codebook, by averages")}
    uniform = numbers_after(text, "KL to a uniform prior over codes: G log K =")[0]
    assert rows["codebook, by gradients"][1] == pytest.approx(uniform, abs=1e-3)
    assert rows["codebook, by averages"][1] < uniform
    for log_px_z, kl, bound, many, used in rows.values():
        assert bound == many == pytest.approx(log_px_z - kl, abs=2e-3)
        assert 4 < used <= 16
    found, expected = (numbers_after(text, word) for word in ("found ", "expected  "))
    np.testing.assert_allclose(found, expected[: len(found)], rtol=0.02)  # of six decimals
    deep = numbers_after(text, "codebook, three deep")
    assert deep[0] > rows["codebook, by averages"][0]
    assert 0 < deep[1] < 3 * uniform
    assert all(more > less for more, less in pairwise(numbers_after(text, "left over  ")))
    in_order = text[text.index("Another prior, fitted afterwards") :]
    for name, row in {**rows, "codebook, three deep": deep}.items():
        if name != "codebook, by gradients":
            log_px_z, before, kl, bound = numbers_after(in_order, name)
            assert (log_px_z, before) == (row[0], row[1])
            assert kl < before - 0.2
            assert bound == pytest.approx(log_px_z - kl, abs=2e-3)
    for name in ("choices, relaxed", "choices, straight through"):
        log_px_z, kl, bound, many, _ = numbers_after(text, name)
        assert bound == pytest.approx(log_px_z - kl, abs=2e-3)
        assert many > bound


def normalizing_flows(text):
    for name in ("1 two moons", "2 a wave ", "3 a wave that splits", "4 a wave that forks"):
        few, few_drawn, many, many_drawn, *masses = numbers_after(text, name)
        assert 0 < many < few
        for by_quadrature, drawn in ((few, few_drawn), (many, many_drawn)):
            assert drawn == pytest.approx(by_quadrature, abs=0.2)  # 10 standard errors, at a deviation of 1.4
        assert masses == pytest.approx([1, 1], abs=5e-3)
    pairs = (
        ("prior N(0, I)", "prior flow(steps=4)", 0.3),
        ("posterior diagonal", "posterior iaf(steps=2)", 0.02),
    )
    for plain, flow, more in pairs:
        bound, _, log_px = numbers_after(text, plain)[-3:]
        flow_bound, _, flow_log_px = numbers_after(text, flow)[-3:]
        assert bound < log_px
        assert flow_bound < flow_log_px
        assert flow_bound > bound + more
        assert flow_log_px > log_px


def sphere(text):
    must, published = numbers_after(text, "At D = 5, κ = 2:")[0], 0.127670
    assert must == 0.147389
    for D, kappa in ((3, 2), (5, 2), (5, 20), (20, 5)):
        line = next(line for line in text.splitlines() if line.split()[:2] == [str(D), str(kappa)])
        exact, ours, error, alone, of_alone, corrected, of_corrected = (
            float(v) for v in line.replace("±", " ").split()[2:]
        )
        assert abs(ours - exact) < 5 * error + 1e-6
        assert abs(corrected - exact) < 5 * of_corrected + 1e-6
        if (D, kappa) == (5, 2):
            assert abs(alone - published) < 5 * of_alone
            assert abs(alone - exact) > 5 * of_alone
    truth = numbers_after(text, "The true generator: log p(x)")[0]
    rows = {kind: numbers_after(text, f"{kind} ") for kind in ("Gaussian", "sphere")}
    for bound, log_px_z, kl, log_px, *_ in rows.values():
        assert bound == pytest.approx(log_px_z - kl, abs=0.02)
        assert bound < log_px < truth + 0.5  # estimated with 200 draws
    assert rows["sphere"][4] == pytest.approx(1, abs=0.1)
    assert rows["sphere"][5] < rows["Gaussian"][5]


def few_labels(text):
    for kind in ("hidden", "known"):
        numbers = re.findall(r"-?\d+\.\d+|\d+e-\d+", text.split(f"class {kind}")[1])
        exact, found, off = map(float, numbers[:3])
        assert found == exact
        assert off < 1e-12  # a few roundoffs of terms of size 30
    rows = re.findall(r"^ +(\d+) +([\d.]+) +([\d.]+) +([\d.]+)$", text, re.M)
    assert rows
    for _, *row in rows:
        alone, both, best = map(float, row)
        assert alone + 0.03 < both < best + 0.01  # 0.35 more with ten labels
    alone, both = numbers_after(text, "by the labels alone ")[:2]
    assert 0.1 < alone < both


def estimators(text):
    """Biases by quadrature, biases of draws in standard errors, and slopes in standard errors.

    Chance: some 1e-5 in all.
    """
    rows = {}
    for line in text.split("Signal-to-noise")[0].split("z one of three")[0].splitlines():
        if found := re.match(r"  (\w.*?) {2,}(\S+e\S+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", line):
            rows[len(rows), found[1]] = [float(number) for number in found.groups()[1:]]
    assert len(rows) == 15
    for (_, name), (bias, variance, _, off, drawn) in rows.items():
        # of 20,000 draws, of which the heaviest tails are 8 deviations long
        assert drawn == pytest.approx(variance, rel=0.25)
        if "biased" in name:
            assert bias > 0.01
        else:
            assert bias < 1e-9
            assert off < 5
    relaxed = [numbers_after(text, f"relaxed, temperature {t} ")[:2] for t in ("2", "1", "0.5", "0.25")]
    assert all(a > b + 3 * error for (a, _), (b, error) in pairwise(relaxed))
    score, error = numbers_after(text.split("z one of three")[1], "score function, leave one out")[:2]
    assert score < 4 * error
    slopes = re.findall(r"^  (\w+) *, (\w+) .*?([+-][\d.]+) ± ([\d.]+)", text, re.MULTILINE)
    assert len(slopes) == 4
    for name, part, slope, error in slopes:
        expected = -0.5 if (name, part) == ("total", "encoder") else 0.5
        # K is not infinite: 0.02 is what is left of it
        assert abs(float(slope) - expected) < 0.03 + 6 * float(error)


def several_encoders(text):
    """The exact posteriors to rounding, and the errors of halves made from the others: 0.03 of 0.06 apart."""
    offs = re.findall(r"(\d+e[+-]\d+)   \(expected: rounding\)", text)
    assert len(offs) == 8
    assert max(map(float, offs)) < 1e-13
    names = ("the mean of all digits", "one encoder", "product, all halves there")
    blind = [numbers_after(text, name)[0] for name in names]
    for name in ("product, halves missing", "mixture  "):
        assert numbers_after(text, name)[0] < 0.9 * min(blind)


def topics(text):
    """The deviations by the approximation, and the topics, to a cosine: the means of --quick are 0.99 and 0.95."""
    rows = re.findall(r"^  \([\d., ]+\) +([\d.]+) +([\d.]+)$", text, re.M)
    near, nearer, far = [(float(drawn), float(laplace)) for drawn, laplace in rows]
    assert near[1] == pytest.approx(near[0], rel=0.02)  # 1/2α, and 0.3 % of chance
    assert nearer[1] == pytest.approx(nearer[0], rel=0.2)
    assert far[1] < far[0] < 2 * far[1]
    for kind in ("mixtures", "products"):
        least, mean, together = numbers_after(text, f"{kind} ")[:3]
        assert 0.3 < least <= 1  # now and then one planted topic has no partner of its own
        assert 0.85 < mean <= 1
        assert together > 0


CLAIMS = {  # demo: what the numbers it prints must satisfy
    "00_vae_in_one_file": one_file,
    "01_one_gradient_by_hand": one_gradient,
    "02_autoencoder": autoencoder,
    "03_vae": vae,
    "04_likelihoods": likelihoods,
    "08_regularized_autoencoders": regularized,
    "09_gaussians": gaussians,
    "10_the_bound": the_bound,
    "05_compression": compression,
    "11_factor_analysis": factor_analysis,
    "07_regularity": regularity,
    "06_any_data": any_data,
    "12_helmholtz_machine": helmholtz_machine,
    "13_the_bound_of_a_network": bound_of_a_network,
    "14_naive_bayes": naive_bayes,
    "15_labels": labels,
    "16_missing": missing,
    "17_tables": tables,
    "18_search": search,
    "19_discrete": discrete,
    "20_flows": normalizing_flows,
    "21_sphere": sphere,
    "22_few_labels": few_labels,
    "24_estimators": estimators,
    "26_several_encoders": several_encoders,
    "27_topics": topics,
}


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.stem)
def test_a_seed_below_0_is_said_in_a_sentence(demo, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        run_path(str(demo))["main"](["--quick", "--seed", "-1"])
    assert stopped.value.code == 2
    assert "error: --seed should be 0 or more, found -1" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.stem)
def test_demo(demo, tmp_path):
    if demo.stem == "18_search":
        pytest.importorskip("optuna")
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    command = [sys.executable, "-W", "error", str(demo), "--quick", "--out", str(tmp_path / "pictures")]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
    made = {path.stem for path in (tmp_path / "pictures").iterdir() if path.suffix in (".png", ".wav")}
    (chapter,) = (one for one in CHAPTERS if one.demo == demo.stem)
    assert made == set(chapter.captions), "the chapter in scratchvae/site has a caption for each picture"
    assert made
    assert list(tmp_path.iterdir()) == [tmp_path / "pictures"]  # nothing written beside
    assert demo.stem in CLAIMS, f"demo {demo.stem} makes no claim yet: add one to CLAIMS"
    CLAIMS[demo.stem](run.stdout)
