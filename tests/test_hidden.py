"""`impute --hide`: hidden cells, what was filled in, and the errors beside those of column means, all
computed anew here.
"""

import csv
import json

import numpy as np
import pytest

from scratchvae import mlp
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.data import Dataset
from scratchvae.evaluation import HiddenEntries, impute, impute_hidden
from scratchvae.runs import Run, errors_table

RNG = np.random.default_rng(0)
ROWS = 90


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on a table: two columns of numbers, one that does not vary, and one of three levels, with some
    cells missing.
    """
    folder = tmp_path_factory.mktemp("hidden")
    x = RNG.normal(size=ROWS)
    level = np.array(["low", "mid", "top"])[np.digitize(x, [-0.2, 1])]
    columns = [100 + 10 * x, 2 * x + RNG.normal(size=ROWS), np.full(ROWS, 7.5)]
    rows = [[f"{a:.3f}", f"{b:.3f}", f"{c:g}", d] for a, b, c, d in zip(*columns, level, strict=True)]
    for k in range(0, ROWS, 9):
        rows[k][k % 2] = ""
    with (folder / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "same", "level"], *rows])
    sizes = [
        "--latent-dim",
        "2",
        "--hidden",
        "8",
        "--epochs",
        "3",
        "--held-out",
        "30",
        "--quiet",
        "--no-figures",
    ]
    assert main(["train", "--data", str(folder / "t.csv"), "--out", str(folder / "run"), *sizes]) == 0
    return folder / "run"


def test_what_is_hidden_was_observed_and_all_else_stays_as_it_is():
    x = RNG.random((400, 6)).astype(np.float32)
    x[RNG.random(x.shape) < 0.3] = np.nan
    model = mlp(6, latent_dim=2, hidden=4)
    found = impute_hidden(model, Dataset("x", x), share=0.25, samples=3, rng=np.random.default_rng(1))
    missing = np.isnan(x)
    assert not (found.hidden & missing).any()
    n = np.count_nonzero(~missing)
    # six deviations of a binomial number
    assert found.hidden.sum() == pytest.approx(n / 4, abs=6 * np.sqrt(n * 3 / 16))
    left = ~missing & ~found.hidden
    np.testing.assert_array_equal(found.filled[left], x[left])
    np.testing.assert_array_equal(found.x[~missing], x[~missing])
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(found.hidden, ~missing & (rng.random(x.shape) < 0.25))
    same = impute(model, Dataset("x", np.where(found.hidden, np.nan, x)), samples=3, rng=rng)
    np.testing.assert_array_equal(found.filled, same.x)
    np.testing.assert_array_equal(found.effective, same.effective)


def test_errors_of_columns_by_hand():
    x, hidden = (
        np.array([[1.0, 0.0], [2.0, 1.0], [4.0, 2.0]]),
        np.array([[True, True], [False, True], [True, False]]),
    )
    found = HiddenEntries(x, hidden, np.array([[2.0, 0.4], [9.0, 2.0], [1.0, 0.0]]), np.ones(3))
    np.testing.assert_allclose(found.squared(found.filled), [(1 + 9) / 2, (0.16 + 1) / 2])
    np.testing.assert_array_equal(found.wrong(found.filled), [1, 0.5])
    np.testing.assert_array_equal(found.count, [2, 2])
    nowhere = HiddenEntries(x, hidden & [True, False], found.filled, np.ones(3))
    assert np.isnan(nowhere.squared(found.filled)[1])


def test_a_table_s_errors_are_those_of_its_hidden_cells_and_of_the_means_of_the_examples_trained_on(run):
    one = Run.open(run)
    found = impute_hidden(one.model, one.judged, share=0.5, samples=20, rng=np.random.default_rng(3))
    rows = {row["column"]: row for row in errors_table(one, found)}
    # the column that does not vary is left out
    assert list(rows) == ["all numbers", "all levels", "a", "b", "level"]
    x = one.data.batch(slice(None), np.float64).x_or_nan
    squares = [], []
    for k, name in enumerate("ab"):
        hidden, scale = found.hidden[:, k], np.nanstd(x[:, k])
        for kept, filled in zip(squares, (found.filled[hidden, k], np.nanmean(x[:, k])), strict=True):
            kept.append(((filled - found.x[hidden, k]) / scale) ** 2)
        assert rows[name]["hidden"] == hidden.sum()
        assert rows[name]["imputed"] == pytest.approx(np.sqrt(squares[0][-1].mean()))
        assert rows[name]["mean or commonest"] == pytest.approx(np.sqrt(squares[1][-1].mean()))
    for key, parts in zip(("imputed", "mean or commonest"), squares, strict=True):
        assert rows["all numbers"][key] == pytest.approx(np.sqrt(np.concatenate(parts).mean()))
    hidden = found.hidden[:, 3]
    commonest = np.bincount(x[~np.isnan(x[:, 3]), 3].astype(int)).argmax()
    assert rows["level"]["mean or commonest"] == pytest.approx(np.mean(found.x[hidden, 3] != commonest))
    assert rows["level"]["imputed"] == pytest.approx(np.mean(found.filled[hidden, 3] != found.x[hidden, 3]))
    assert rows["all levels"]["hidden"] == rows["level"]["hidden"] == hidden.sum()


def test_from_the_command_line(run, capsys):
    assert (
        main(["impute", str(run), "--hide", "0.5", "--samples", "20", "--seed", "3", "--format", "json"]) == 0
    )
    rows = json.loads(capsys.readouterr().out)
    one = Run.open(run)
    found = impute_hidden(one.model, one.judged, share=0.5, samples=20, rng=np.random.default_rng(3))
    assert rows == errors_table(one, found)
    assert main(["impute", str(run), "--hide", "0.5", "--samples", "20"]) == 0
    said = capsys.readouterr().out
    assert "on 30 examples of t.csv" in said
    assert "trained on these" not in said
    assert "equally likely" in said
    assert main(["impute", str(run), "--hide", "0.5", "--samples", "20", "--data", one.config.data]) == 0
    said = capsys.readouterr().out
    assert "on 90 examples of t.csv" in said
    assert "was trained on these examples" in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--out FILE to write to, or --hide SHARE to judge by; found neither"),
        (["--out", "x.npy", "--hide", "0.1"], "found both"),
        (["--hide", "0"], "--hide should lie between 0 and 1, found 0"),
        (["--hide", "10"], "--hide should lie between 0 and 1, found 10"),
        (["--hide", "nan"], "--hide should"),
        (["--hide", "0.1", "--draws", "3"], "leave one of them out"),
        (["--hide", "1e-9"], "a share of 1e-09 should hide some entries; found none of 1"),
    ],
    ids=str,
)
def test_what_cannot_be_hidden_is_said(options, words, run, capsys):
    assert main(["impute", str(run), *options]) == 2
    assert words in capsys.readouterr().err


def test_where_nothing_is_missing_hiding_is_named(run, tmp_path, capsys):
    (tmp_path / "whole.csv").write_text("a,b,same,level\n100,1,7.5,low\n90,2,7.5,mid\n", encoding="utf-8")
    assert (
        main(["impute", str(run), "--data", str(tmp_path / "whole.csv"), "--out", str(tmp_path / "o.csv")])
        == 2
    )
    assert "--hide 0.1 hides some" in capsys.readouterr().err
    with pytest.raises(InputError, match="share should lie between 0 and 1, found 1"):
        impute_hidden(mlp(6), Dataset("x", np.ones((2, 6))), share=1, samples=2, rng=RNG)
