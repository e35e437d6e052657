"""Tables: a column of each kind has a law of its own, and a VAE of all of them fills in missing cells.

    p(x|z) = Π_d p_d(x_d|z)        log p(x_o|z) = Σ_d log p_d(x_d|z) over the cells that were observed

    real          N(x; m + s f, s² σ²)                     positive     the same of log x, less log x
    count         NB(x; exp f · mean, r)                   binary       Bernoulli(x; σ(f))
    categorical   softmax(f_1 … f_L)_x                     ordered      σ(t_x − f) − σ(t_{x−1} − f)

f is what the decoder computes for a column, m and s are the mean and the deviation of the training data. σ²,
the dispersion r of the negative binomial law NB and the thresholds t are learned for each column. Given z the
columns do not depend on each other, so that missing cells drop out of the sum, and one bound trains all columns
at once. The encoder sees every column in one scale: numbers are standardized, positive ones by their logarithm
and counts by log(1 + x), a category is one of L inputs, and a missing cell is 0.

Part 1 compares each law with scipy's. Part 2 works from the command line, as a user of a table would. It takes
four data sets of scikit-learn with a fifth of their cells removed, trains, imputes, and compares the result
with the removed cells. Part 3 removes more and more cells.

    python 17_tables.py [--quick] [--seed N] [--out FOLDER]

Source: Nazábal, Olmos, Ghahramani & Valera 2020, "Handling incomplete heterogeneous data using VAEs",
section 3.
"""

import argparse
import csv
import io
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from scipy import stats
from scipy.special import expit, softmax

from scratchvae import plots
from scratchvae.__main__ import main as scratchvae
from scratchvae.arrays import InputError
from scratchvae.data import Batch, Column, TableSchema, load
from scratchvae.layers import cast
from scratchvae.likelihoods import of_schema

MISSING = 0.2
STEPS, BATCH, OBJECTIVE = 1200, 64, "iwae(samples=10)"
SETTINGS = {  # of each data set: what --columns declares, and the sizes of the model
    "wine": ("", ["--latent-dim", "4", "--hidden", "64"]),
    "diabetes": ("", ["--latent-dim", "6", "--hidden", "64"]),
    "breast_cancer": ("", ["--latent-dim", "6", "--hidden", "64"]),
    "digits": ("pixel*=real, digit=categorical", ["--latent-dim", "12", "--hidden", "128"]),
}


def main(argv=None):
    options = read_options(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(options.seed)

    # ----------------------------------------------------------------------------- 1. the laws beside scipy's

    names, ours, theirs, sums = laws(rng)
    print("log p of one cell of each kind, and what the probabilities of its levels sum to")
    for name, one, other, total in zip(names, ours, theirs, sums, strict=True):
        levels = "" if total is None else f"{total:22.12f}   (expected: 1)"
        print(f"  {name:12} {one:12.8f}   scipy: {other:12.8f}{levels}")
    print(
        "Largest difference: "
        f"{max(abs(one - other) for one, other in zip(ours, theirs, strict=True)):.1e}   (expected: "
        "rounding)"
    )

    # ------------------------------------------------------------------------ 2. four tables, a fifth removed

    print(
        "\nA fifth of all cells removed. Numbers: root mean squared error of the removed cells, in each "
        "column's"
    )
    print("deviations. Levels: the share of the removed cells that were filled in with another level.")
    print("                          numbers                             levels")
    print("  data set          mean  iterative  scratchvae   commonest  iterative  scratchvae")
    for name in ("wine",) if options.quick else SETTINGS:
        header, cells = table(name, rng)
        removed = rng.random((len(cells), len(header))) < MISSING
        found = compare(name, header, cells, removed, options)
        print(
            f"  {name:14}"
            + "{:8.3f} {:10.3f} {:11.3f}".format(*found[0])
            + "{:12.1%} {:10.1%} {:11.1%}".format(*found[1])
        )
    print(
        "(expected: the mean's error is about 1, and both others are below it; iterative is "
        "scikit-learn's IterativeImputer)"
    )

    # ------------------------------------------------------------------------------- 3. more and more removed

    header, cells = table("wine", rng)
    shares = np.array([0.2, 0.5] if options.quick else [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    order = rng.random((len(cells), len(header)))  # what is removed first stays removed
    errors = []
    print("\nWine, more and more removed: the error of numbers")
    print("  removed    mean  iterative  scratchvae")
    for share in shares:
        errors.append(compare("wine", header, cells, order < share, options)[0])
        print("  {:6.0%} {:8.3f} {:10.3f} {:11.3f}".format(share, *errors[-1]))
    print("(expected: the fewer cells are known, the nearer the mean)")
    curves = dict(
        zip(("scratchvae", "IterativeImputer", "column mean"), np.transpose(errors)[::-1], strict=True)
    )
    figure = plots.lines(
        {"": {name: (100 * shares, error) for name, error in curves.items()}},
        x_label="cells removed, %",
        y_label="error, in deviations",
        title="Wine: how well removed numbers are filled in",
    )
    plots.save(figure, options.out / "removed.png")
    print(f"Pictures: {options.out}")
    return 0


def laws(rng):
    """For a column of each kind: its name, our log p of a cell, scipy's, and the sum of p over its levels."""
    columns = (
        Column("real", "real"),
        Column("positive", "positive"),
        Column("count", "count", "whole"),
        Column("binary", "binary", "text", ("no", "yes")),
        Column("categorical", "categorical", "text", ("red", "green", "blue")),
        Column("ordered", "ordered", "text", ("low", "mid", "high")),
    )
    rows = np.column_stack(
        [rng.normal(3, 2, 50), rng.lognormal(1, 0.5, 50), rng.poisson(4, 50), *rng.integers(0, 2, (3, 50))]
    )
    law = of_schema(TableSchema(columns))
    cast(law, np.float64)
    law.measure(Batch(rows))
    f = rng.normal(size=(1, law.n_params((6,))))
    real, above, count, bit, category, order = np.split(f[0], np.cumsum(law.sizes)[:-1])
    x, noise = rows[0], np.sqrt(law.laws[0].likelihood.variance[0])
    log_x = np.log(rows[:, 1])
    cuts = law.laws[5].likelihood.thresholds.value[0]
    t = np.array([-np.inf, cuts[0], cuts[0] + np.exp(cuts[1]), np.inf])
    level, r = int(x[5]), np.exp(law.laws[2].likelihood.log_dispersion.value[0])
    theirs = [
        stats.norm.logpdf(x[0], rows[:, 0].mean() + rows[:, 0].std() * real[0], rows[:, 0].std() * noise),
        stats.lognorm.logpdf(x[1], log_x.std() * noise, scale=np.exp(log_x.mean() + log_x.std() * above[0])),
        stats.nbinom.logpmf(x[2], r, r / (r + np.exp(count[0]) * rows[:, 2].mean())),
        stats.bernoulli.logpmf(x[3], expit(bit[0])),
        np.log(softmax(category)[int(x[4])]),
        np.log(expit(t[level + 1] - order[0]) - expit(t[level] - order[0])),
    ]
    ours, sums = [], []
    for d, column in enumerate(columns):
        alone = np.arange(6)[None] == d
        ours.append(float(law.log_prob(f, x=x[None], observed=alone)[0][0]))
        levels = [np.where(alone, c, x[None]) for c in range(len(column.levels))]
        log_p = [law.log_prob(f, x=row, observed=alone)[0][0] for row in levels]
        sums.append(float(np.exp(log_p).sum()) if levels else None)
    return [column.name for column in columns], ours, theirs, sums


def compare(name, header, cells, removed, options):
    """The errors of numbers, and the shares of wrong levels, by three ways of imputing.

    They are the column means, IterativeImputer and a VAE.
    """
    columns, sizes = SETTINGS[name]
    epochs = 1 + (100 if options.quick else STEPS) * BATCH // len(cells)
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):  # what the commands say
        whole, holed, full, run = (
            f"{folder}/{file}" for file in ("whole.csv", "holed.csv", "full.csv", "run")
        )
        write(whole, header, cells)
        seen = [
            ["" if gone else cell for cell, gone in zip(*row, strict=True)]
            for row in zip(cells, removed, strict=True)
        ]
        write(holed, header, seen)
        train = [
            "train",
            "--data",
            holed,
            "--out",
            run,
            *sizes,
            "--objective",
            OBJECTIVE,
            "--batch-size",
            str(BATCH),
        ]
        train += [
            "--epochs",
            str(epochs),
            "--held-out",
            "0",
            "--seed",
            str(options.seed),
            "--quiet",
            "--no-figures",
        ]
        impute = ["impute", run, "--data", holed, "--out", full, "--samples", "200"]
        for command in ([*train, "--columns", columns] if columns else train, impute):
            if scratchvae(command) != 0:
                raise InputError(f"17_tables.py: scratchvae {' '.join(command)} should end with status 0")
        truth = load(whole, columns=columns or None)
        imputed = load(full, columns=truth.schema).images
    holes = np.where(removed, np.nan, truth.images)
    filled = (simply(holes, truth.schema), iteratively(holes, truth.schema, options), imputed)
    return errors_of(filled, truth.images, removed, truth.schema)


def errors_of(filled, x, removed, schema):
    """The root mean squared error of numbers, and the share of wrong levels, for each way of imputing.

    Numbers are in deviations of their column.
    """
    scale = x.std(axis=0)
    with_levels = np.array([bool(column.levels) for column in schema.columns])
    numbers = removed & (~with_levels & (scale > 0))  # constant columns can't be missed
    levels = removed & with_levels
    each = np.where(scale > 0, scale, 1)
    rmse = [float(np.sqrt(np.mean((((one - x) / each)[numbers]) ** 2))) for one in filled]
    return rmse, [float(np.mean((np.rint(one) != x)[levels])) for one in filled]


def simply(holes, schema):
    """Each missing cell filled in with the mean of its column, or with its commonest level."""
    filled = holes.copy()
    for d, column in enumerate(schema.columns):
        known = holes[~np.isnan(holes[:, d]), d]
        stands = np.bincount(known.astype(int)).argmax() if column.levels else known.mean()
        filled[np.isnan(holes[:, d]), d] = stands
    return filled


def iteratively(holes, schema, options):
    """The cells as scikit-learn's IterativeImputer fills them in.

    It is given L − 1 columns of 0 and 1 for a category, because L columns would sum to 1 and each would be
    predicted from the others alone. The level whose column comes out largest is chosen, where the first
    level's column is 1 less the sum of the others.
    """
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401  (its import offers the other)
    from sklearn.impute import IterativeImputer

    parts, places = [], []
    for d, column in enumerate(schema.columns):
        wide = len(column.levels) - 1 if column.kind == "categorical" else 1
        known = holes[:, [d]]
        parts.append(
            np.where(np.isnan(known), np.nan, known == np.arange(1, wide + 1)) if wide > 1 else known
        )
        places.append(wide)
    imputer = IterativeImputer(
        max_iter=3 if options.quick else 10, tol=1e-2, random_state=options.seed, keep_empty_features=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it would have liked more steps
        found = np.split(imputer.fit_transform(np.hstack(parts)), np.cumsum(places)[:-1], axis=1)
    chosen = [
        np.hstack([1 - p.sum(axis=1, keepdims=True), p]).argmax(axis=1) if p.shape[1] > 1 else p[:, 0]
        for p in found
    ]
    return np.where(np.isnan(holes), np.column_stack(chosen), holes)


def table(name, rng):
    """A data set of scikit-learn as the names of its columns, and rows of cells as texts."""
    datasets = scikit_learn()
    # whose columns have units here; the clinic is made up of the body mass index and chance
    if name == "diabetes":
        found = datasets.load_diabetes(scaled=False)
        bmi = found.data[:, 2] + rng.normal(size=len(found.data))
        clinic = np.array(["north", "river", "south"])[np.digitize(bmi, np.quantile(bmi, (0.3, 0.7)))]
        columns = {
            **dict(zip(found.feature_names, found.data.T, strict=True)),
            "progression": found.target,
            "clinic": clinic,
        }
    else:
        found = getattr(datasets, f"load_{name}")()
        target = {"wine": "cultivar", "breast_cancer": "diagnosis", "digits": "digit"}[name]
        named = found.target_names[found.target]
        columns = {**dict(zip(found.feature_names, found.data.T, strict=True)), target: named}
    cells = [
        [str(cell) if isinstance(cell, str) else f"{float(cell):g}" for cell in row]
        for row in zip(*columns.values(), strict=True)
    ]
    return list(columns), cells


def scikit_learn():
    try:
        from sklearn import datasets
    except ImportError:
        raise InputError("17_tables.py needs scikit-learn for its data: pip install scikit-learn") from None
    return datasets


def write(path, header, cells):
    """Write a file of cells."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *cells])


def read_options(argv):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("tables_pictures"))
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
