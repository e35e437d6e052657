"""The first term of the ELBO alone: where the class z is observed, it is the fit of naive Bayes.

    ELBO = E_q[log p(x|z)] − KL(q(z|x) ‖ p(z))

This is a maximum-likelihood fit. A VAE has to infer z. Here z is the label of the example, so that q(z|x) is 1
at the label, and the KL is −log p(label). The decoder is a linear map of the one-hot label, which is a table
with a row of parameters for each class, and p(x|z) = Π_d p(x_d|z). The maximum of ⟨log p(x|z)⟩ then needs no
gradient:

    Gaussian       mean and variance of each pixel over the examples of the class
    Bernoulli      p_d = (Σ_n x_nd + α) / (n_k + 2 α)
    multinomial    p_d = (Σ_n x_nd + α) / (Σ_d Σ_n x_nd + D α)

α = 0 is maximum likelihood. α > 0 maximizes Σ_n log p(x_n|z) + α Σ_d log p_d over the examples of a class
(and for Bernoulli also α Σ_d log(1 − p_d)). The added term is the log-density of Beta(α + 1, α + 1), or of
Dirichlet(α + 1, …, α + 1). Its gradient in the logits l, by hand:

    Bernoulli      d/dl_d [α (log σ(l_d) + log σ(−l_d))] = α (1 − 2 p_d)
    multinomial    d/dl_d [α Σ_e log softmax(l)_e] = α (1 − D p_d)

Gradients find the same table, through the same likelihoods that train a VAE. Bayes' rule turns
log p(x|z) + log p(z) into log p(z|x), the exact posterior, which a VAE can only approximate.

    python 14_naive_bayes.py [--quick] [--seed N] [--out FOLDER]

Sources: Kingma & Welling 2014, equation 3; McCallum & Nigam 1998, "A comparison of event models for naive
Bayes text classification".
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from scratchvae import data, plots
from scratchvae.layers import Linear
from scratchvae.likelihoods import Bernoulli, GaussianPerPixel, Multinomial
from scratchvae.models import NaiveBayes
from scratchvae.training import Adam

SIDE = 14
D = SIDE * SIDE
MODULES = ("asyncio", "email", "argparse", "unittest", "logging")  # whose docstrings are the classes of words
NOISE = 0.01  # the variance added to each pixel's, relative to the largest: corners are always black


def log_probabilities(table):
    """log softmax of each row, which is the meaning of a multinomial's logits."""
    return table - np.logaddexp.reduce(table, axis=1, keepdims=True)


def counted(name, x, y, smoothing):
    """The closed form, class by class, as in the equations: (K, P)."""
    rows = []
    for k in np.unique(y):
        own = x[y == k]
        if name == "Gaussian":
            rows.append(
                np.concatenate([own.mean(axis=0), np.log(own.var(axis=0) + smoothing * x.var(axis=0).max())])
            )
        elif name == "Bernoulli":
            p = (own.sum(axis=0) + smoothing) / (len(own) + 2 * smoothing)
            rows.append(np.log(p / (1 - p)))
        else:
            counts = own.sum(axis=0) + smoothing
            rows.append(np.log(counts / counts.sum()))
    return np.array(rows)


def scikit_learns(name, x, y, smoothing):
    """log p(z|x) by scikit-learn, where it is installed."""
    from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB

    kinds = {
        "Gaussian": GaussianNB(var_smoothing=smoothing),
        "Bernoulli": BernoulliNB(alpha=smoothing),
        "multinomial": MultinomialNB(alpha=smoothing),
    }
    return kinds[name].fit(x, y).predict_log_proba(x)


def main(argv=None):
    parser = argparse.ArgumentParser(description="The first term of the ELBO is a maximum-likelihood fit.")
    parser.add_argument("--quick", action="store_true", help="fewer examples: a few seconds")
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of everything random (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", default="demo_14", help="for the picture (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    (n, documents), seed = (600, 300) if options.quick else (4000, 1000), options.seed
    options.out.mkdir(parents=True, exist_ok=True)

    # ------------------------------------------------------------------------ 1. three laws, fitted both ways

    everything = data.glyphs(
        n + 500, characters="0123456789", ranges={"x": (0, 0), "y": (0, 0)}, seed=seed, size=SIDE
    )
    digits, unseen = everything.split(500, last=True)
    texts = data.bag_of_words(data.docstrings(MODULES), size=200).subset(slice(0, documents))
    grey, words = digits.batch(slice(None), np.float64).x, texts.batch(slice(None), np.float64).x
    kinds = {  # name: likelihood, smoothing, examples, their classes
        "Gaussian": (GaussianPerPixel(), NOISE, grey, digits.labels),
        "Bernoulli": (Bernoulli(), 1.0, (grey > 0.5).astype(float), digits.labels),
        "multinomial": (Multinomial(), 1.0, words, texts.labels),
    }
    print(
        f"Gaussian and Bernoulli: {n} digits of {D} pixels, grey, and black or white; multinomial: "
        f"{len(words)} docstrings"
    )
    print("                largest difference from counting          of log p(z|x) from    right class,")
    print("                closed form     trained by L-BFGS         scikit-learn's        of those seen")
    models, trained = {}, {}
    for name, (likelihood, smoothing, x, y) in kinds.items():
        model = models[name] = NaiveBayes(likelihood, smoothing=smoothing).fit(x, y)
        trained[name] = NaiveBayes(likelihood, smoothing=smoothing, method="gradient").fit(x, y)
        tables = [one.decoder.weight.value for one in (model, trained[name])]
        tables = [log_probabilities(table) for table in tables] if name == "multinomial" else tables
        by_count, by_gradient = (np.abs(table - counted(name, x, y, smoothing)).max() for table in tables)
        log_pz = model.predict_log_proba(x)
        theirs = (
            f"{np.abs(log_pz - scikit_learns(name, x, y, smoothing)).max():.1e}"
            if find_spec("sklearn")
            else "—"
        )
        right = (model.predict(x) == y).mean()
        print(
            f"  {name:<13} {by_count:10.1e}     {by_gradient:17.1e}         {theirs:>14}        {right:13.3f}"
        )
    print("  (expected: rounding in the first and third, below 1e-4 in the second)")

    # ---------------------------------------------------------------------------------- 2. the bound is exact

    model, (_, _, x, y) = models["Bernoulli"], kinds["Bernoulli"]
    x_params, _ = model.decoder(y)
    first, _ = model.likelihood.log_prob(x_params, x=x)
    kl = -model.log_prior[y]
    posterior = model.predict_log_proba(x)[np.arange(n), y]
    evidence = model.score_samples(x)
    print("\nThe ELBO of black or white digits at their labels, mean in nats")
    print(
        f"  E[log p(x|z)] − KL(q ‖ p(z))                  {first.mean():9.4f} − {kl.mean():.4f} = "
        f"{(first - kl).mean():9.4f}"
    )
    total = f"(expected: the same, as KL(q ‖ p(z|x)) = −log p(label|x) = {-posterior.mean():.4f})"
    print(f"  log p(x) − KL(q ‖ p(z|x))                     {(evidence + posterior).mean():29.4f}   {total}")

    # ------------------------------------------------ 3. a loop, through a linear layer and its one-hot label

    some = slice(0, 600)  # of the digits
    one_hot, decoder, optimizer = np.eye(10)[y[some]], Linear(10, D, bias=False), Adam(0.2)
    decoder.weight.value = np.zeros((10, D))
    closed = NaiveBayes(Bernoulli(), smoothing=1.0).fit(x[some], y[some]).decoder.weight.value
    print("\n600 of them by plain gradient steps, α = 1: the logits' largest difference from counting")
    for step in range(301):
        if step in (0, 10, 100, 300):
            difference = np.abs(decoder.weight.value - closed).max()
            print(f"  after {step:3d} steps of Adam  {difference:9.1e}")
        logits, decoder_pullback = decoder(one_hot)
        _, likelihood_pullback = model.likelihood.log_prob(logits, x=x[some])
        decoder.weight.grad = None
        # dlog_px = −1/N: the loss is −⟨log p(x|z)⟩ …
        decoder_pullback(likelihood_pullback(np.full(600, -1 / 600)))
        p = 1 / (1 + np.exp(-decoder.weight.value))
        decoder.weight.receive(-(1 - 2 * p) / 600)  # … − Σ α (log p + log(1 − p)) / N: dl = −α (1 − 2 p) / N
        optimizer.step({"weight": decoder.weight})
    print("  (expected: falling, to below 1e-2)")

    # ------------------------------------------------------------------------------------------- 4. smoothing

    others, labels = (unseen.batch(slice(None), np.float64).x > 0.5).astype(float), unseen.labels
    print(f"\nSmoothing, judged by {len(others)} digits that were not seen")
    print("              impossible in their class   ⟨log p(x|z)⟩   right class")
    for smoothing in (0.0, 0.01, 1.0, 100.0):
        judged = NaiveBayes(Bernoulli(), smoothing=smoothing).fit(x, y)
        joint = judged.log_joint(others)
        log_px = (joint - judged.log_prior)[np.arange(len(others)), labels]
        impossible = np.isinf(log_px).sum()
        possible = np.isfinite(joint).any(axis=1)
        right = (joint.argmax(axis=1) == labels)[possible].sum() / len(others)
        print(f"  α = {smoothing:<8g}{impossible:25d}   {log_px.mean():12.2f}   {right:11.3f}")
    print(
        "  (expected: −inf without smoothing, where a pixel is on that never was in the class; a best α "
        "between the ends)"
    )

    # ----------------------------------------------------------------------------------------- 5. the picture

    gaussian = models["Gaussian"].decoder.weight.value
    rng = np.random.default_rng(seed)
    p = models["Bernoulli"].likelihood.mean(models["Bernoulli"].decoder.weight.value)
    examples = grey[[np.flatnonzero(digits.labels == digit)[0] for digit in range(10)]]
    rows = {
        "an example": examples,
        "mean, counted": gaussian[:, :D],
        "mean, trained": trained["Gaussian"].decoder.weight.value[:, :D],
        "σ, white is 0.5": np.exp(gaussian[:, D:] / 2) / 0.5,
        "p of a white pixel": p,
        "a draw: pixels independent": models["Bernoulli"].likelihood.sample(np.log(p / (1 - p)), rng),
    }
    figure = plots.image_grid(
        np.concatenate(list(rows.values())).reshape(-1, SIDE, SIDE),
        columns=10,
        title="What the first term of the ELBO learns of ten classes",
        row_labels=list(rows),
    )
    plots.save(figure, options.out / "classes.png")
    print(f"Picture: {options.out / 'classes.png'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
