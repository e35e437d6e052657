"""Choices in words: what is written is read again, what can't be read is one sentence, and every name of
every table trains.
"""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from supported import supported

from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.choices import Choice, Table, joined, parse, parse_value
from scratchvae.data import Dataset, shuffled
from scratchvae.layers import named_parameters
from scratchvae.models import FactorAnalysis, ProbabilisticPCA
from scratchvae.objectives import L1, Elbo, Ramp
from scratchvae.recipes import (
    LIKELIHOODS,
    OBJECTIVES,
    OPTIMIZERS,
    PENALTIES,
    PRIORS,
    RECIPES,
    SCHEDULES,
    TABLES,
    Parts,
    belief_net,
)
from scratchvae.runs import METRICS, SHORT, Config, Run, spelled_out

RNG = np.random.default_rng(0)


def outcome(function, *arguments):
    """What the function returns, and "", or None and the one sentence of its InputError."""
    try:
        return function(*arguments), ""
    except InputError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
    return None, said


NAMES = st.sampled_from(["elbo", "beta", "x", "free_bits", "Ω", "a1", "_"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.builds(Choice, NAMES)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.builds(
            Choice, NAMES, st.dictionaries(NAMES, inner, max_size=3), st.lists(inner, max_size=2).map(tuple)
        )
    ),
    max_leaves=4,
)


@given(
    st.builds(
        Choice, NAMES, st.dictionaries(NAMES, VALUES, max_size=3), st.lists(VALUES, max_size=2).map(tuple)
    )
)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_what_is_written_is_read_again(choice):
    again, said = outcome(parse, str(choice))
    if said:
        assert "deep" in said
    else:
        assert repr(again) == repr(choice)
        assert str(again) == str(choice)


TOKENS = [
    "elbo",
    "(",
    ")",
    "beta",
    "=",
    "4",
    ",",
    "[",
    "]",
    "-",
    "'",
    "l1",
    "ramp",
    "penalties",
    ".",
    "*",
    "\n",
    "1e999",
    " ",
]
TEXTS = st.text(max_size=60) | st.lists(st.sampled_from(TOKENS), max_size=25).map("".join)


@given(TEXTS)
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_any_text_is_a_choice_or_one_sentence(text):
    for read in (parse, parse_value, SCHEDULES.settle, lambda text: OBJECTIVES.build(text, run_steps=3)):
        outcome(read, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("elbo(beta=4", "its parentheses do not match"),
        ("elbo(beta=4))", "its parentheses do not match"),
        ("elbo(beta=4, beta=5)", "beta is given twice"),
        ("elbo(4, beta=5)", "beta should be given once, found it by its place and by its name"),
        ("elbo(beta=2+2)", "nothing is computed"),
        ("elbo(beta=x.y)", "nothing is computed"),
        ("elbo(beta=-True)", "nothing is computed"),
        ("elbo(beta=__import__('os').getcwd())", "nothing is computed"),
        ("elbo(*beta)", "nothing is computed"),
        ("elbo(**beta)", r"\*\* is no value"),
        ("elbo(beta=1j)", "nothing is computed"),
        ("4", "does not begin with a name"),
        ("", "should be name"),
        ("elbo(beta=9223372036854775808)", r"below 2\^63"),
        ("elbo(beta=" + "[" * 9 + "]" * 9 + ")", "more than 8 deep"),
        ("a(" * 300 + ")" * 300, "should be name"),
        ("elbo(beta=" + "-" * 1500 + "1)", "nothing is computed"),
        ("elbo(" + " " * 2000 + ")", "at most 2000 characters, found 2006"),
        ("elbow", r"one of .*elbo, .*found 'elbow' \(did you mean elbo\?\)"),
        (
            "elbo(bta=4)",
            r"elbo has no bta \(did you mean beta\?\): it has beta, free_bits, capacity, penalties",
        ),
        (
            "iwae(beta=4)",
            "iwae has no beta, which ciwae and elbo and sampled_elbo and semi_supervised and .* have",
        ),
        ("wake_sleep(samples=4)", "wake_sleep has no samples, which .* have: it has none"),
        ("elbo(beta='4')", "beta should be a number or a schedule .*, found '4'"),
        ("elbo(beta=True)", "beta should be a number or a schedule .*, found True"),
        ("elbo(beta=rmp(0, 1, 2))", r"beta should be .* ramp or step\), found rmp\(0, 1, 2\)"),
        ("elbo(capacity=(1, 2))", r"capacity should be a number or a schedule .* or None, found \(1, 2\)"),
        ("elbo(1, 2, 3, (), 5)", "takes 4 values without their names, found 5"),
        ("elbo(beta=-1)", "Elbo: beta should be at least 0, found -1"),
        ("elbo(beta=1e999)", "Elbo: beta should be at least 0, found inf"),
        ("elbo(beta=ramp(0, 1))", "schedule ramp should be given a value for steps"),
        ("elbo(beta=ramp(0, -1, 5))", "Ramp: end should be at least 0, found -1"),
        ("elbo(penalties=l1)", "penalty l1 should be given a value for weight"),
        ("elbo(penalties=(l1(1), 4))", "penalties should be values in parentheses, each a penalty"),
        ("iwae(samples=2.0)", "samples should be a whole number, found 2.0"),
        ("iwae(gradient='x')", "gradient should be one of dreg, stl, total; found 'x'"),
        ("sampled_elbo(gradient='x')", "gradient should be one of stl, total; found 'x'"),
        ("elbo(beta=1or 2)", "nothing is computed"),  # of which Python would warn in a program
    ],
)
def test_what_can_not_be_chosen_is_one_sentence(text, words):
    with pytest.raises(InputError, match=words) as error:
        OBJECTIVES.build(text)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 400
    # whoever is built says what is wrong, and nobody adds to it
    assert "can't be built" not in str(error.value)


def test_a_choice_is_what_its_class_builds():
    assert OBJECTIVES.build("elbo") == Elbo()
    chosen = OBJECTIVES.build("elbo(4, penalties=l1(2), capacity=ramp(0, end=1, steps=7))")
    assert chosen == Elbo(beta=4, penalties=(L1(2),), capacity=Ramp(0, 1, 7))
    assert OBJECTIVES.settle("elbo(4, penalties=[l1(2)])") == parse("elbo(beta=4, penalties=(l1(weight=2),))")
    assert OPTIMIZERS.build("adam(betas=(0.5, 0.75))").betas == (0.5, 0.75)
    assert OPTIMIZERS.build("adam(learning_rate=cosine(0.5))", run_steps=10).learning_rate(
        5
    ) == pytest.approx(0.25)
    assert OPTIMIZERS.build("adam(learning_rate=cosine(0.5, steps=20))", run_steps=10).learning_rate(
        10
    ) == pytest.approx(0.25)


def test_parts_reach_those_who_ask_for_them_and_nobody_else_sets_them():
    built = {}

    def row(posterior, parts_of_its_own: float = 2.0, *, rng):
        """A row."""
        built.update(posterior=posterior, own=parts_of_its_own, rng=rng)

    row.__annotations__ |= {"posterior": str, "rng": int}
    table = Table("prior", {"row": row}, given=tuple(Parts.__dataclass_fields__))
    table.build("row(3)", **vars(Parts((1,), 2, rng="a generator", posterior="q")))
    assert built == {"posterior": "q", "own": 3, "rng": "a generator"}
    with pytest.raises(InputError, match="prior row has no posterior: it has parts_of_its_own"):
        table.settle("row(posterior=1)")
    assert "  row(parts_of_its_own=2.0)\n      A row." in table.listing()


def test_one_parameter_is_set_once():
    with pytest.raises(
        InputError, match=r"objective: beta should be given once, found --beta beside elbo\(beta=4\)"
    ):
        joined(OBJECTIVES, parse("elbo(beta=4)"), {"beta": 3}, "--{}".format)
    for given_twice in (
        {"objective": "elbo(4)", "beta": 1},
        {"optimizer": "adam(0.1)", "schedule": "cosine"},
    ):
        with pytest.raises(InputError, match="should be given once"):
            spelled_out(given_twice)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ({"latent_dim": 2, "hidden": (8, 4)}, {"recipe": "mlp(latent_dim=2, hidden=(8, 4))"}),
        ({"model": Choice("factor_analysis")}, {"recipe": "factor_analysis"}),
        ({"beta": 4, "free_bits": 0.1}, {"objective": "default(beta=4, free_bits=0.1)"}),
        ({"objective": "iwae", "samples": 3}, {"objective": "iwae(samples=3)"}),
        ({"beta_warm_up": 5}, {"objective": "default(beta=ramp(start=0, end=1.0, steps=5))"}),
        (
            {"capacity": 3, "capacity_steps": 5, "beta": 2},
            {"objective": "default(beta=2, capacity=ramp(start=0, end=3, steps=5))"},
        ),
        (
            {"sparsity": 1, "sparsity_target": 0.1, "penalty": ["l1(2)"]},
            {"objective": "default(penalties=(l1(weight=2), sparsity(weight=1, target=0.1)))"},
        ),
        ({"learning_rate": 0.1}, {"optimizer": "adam(learning_rate=0.1)"}),
        (
            {"optimizer": "sgd", "warm_up": 4},
            {"optimizer": "sgd(learning_rate=constant(warm_up=4, rate=0.01))"},
        ),
        (
            {"schedule": "step(factor=0.5)", "decay_every": 7, "learning_rate": 0.1},
            {"optimizer": "adam(learning_rate=step(factor=0.5, every=7, rate=0.1))"},
        ),
        ({"schedule": "cosine(0.3)"}, {"optimizer": "adam(learning_rate=cosine(rate=0.3))"}),
    ],
)
def test_short_spellings_are_spelled_out(short, long):
    assert spelled_out(short) == {"recipe": "mlp", "objective": "default", "optimizer": "adam"} | long
    Config(**spelled_out(short))


# Every name of every table


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """Files of 24 small images, of grey values and of 0 and 1; and for each likelihood one of data that it
    takes.
    """
    folder = tmp_path_factory.mktemp("examples")
    pixels = RNG.integers(0, 256, (24, 4, 4), np.uint8)
    np.save(folder / "pixels.npy", pixels / 255)
    np.save(folder / "binary.npy", (pixels > 99).astype(np.uint8))
    for name in LIKELIHOODS:
        np.save(
            folder / f"{name}.npy", supported(name, (24, 16), np.random.default_rng(1)).astype(np.float32)
        )
    return folder


BELIEF_NET = ["--recipe", "belief_net(layers=(3, 2))"]
SMALL = ["--latent-dim", "2", "--hidden", "4"]
LABELLED = ["--data", "glyphs", "--limit", "26", "--held-out", "4", "--classes", "62"]
NEEDS = {  # what a row goes with; the others go with SMALL
    "recipe belief_net": [],
    "recipe factor_analysis": ["--latent-dim", "2"],
    "recipe probabilistic_pca": ["--latent-dim", "2"],
    "model conditional_vae": [*SMALL, *LABELLED],
    "prior conditional_gaussian": [*SMALL, *LABELLED, "--model", "conditional_vae"],
    "model autoencoder": [*SMALL, "--code-activation", "sigmoid"],
    "objective wake_sleep": BELIEF_NET,
    "objective reweighted_wake_sleep": BELIEF_NET,
    "objective reconstruction": [*SMALL, "--model", "autoencoder"],
    "penalty critic": [*SMALL, "--critic", "4"],
    "prior uniform_sphere": [*SMALL, "--posterior", "von_mises_fisher"],
    "posterior von_mises_fisher": [*SMALL, "--prior", "uniform_sphere"],
    "objective semi_supervised": [*SMALL, *LABELLED, "--model", "conditional_vae", "--classifier", "4"],
    "objective stratified_elbo": [*SMALL, "--posterior", "gaussian_mixture"],
    "objective subsampled_elbo": [*SMALL, "--modalities", "2"],
    "posterior vq": [*SMALL, "--prior", "codes"],
    "posterior gumbel_softmax": ["--latent-dim", "20", "--hidden", "4", "--prior", "one_hot"],
    "posterior concrete": ["--latent-dim", "20", "--hidden", "4", "--prior", "concrete"],
    "posterior joint": ["--latent-dim", "12", "--hidden", "4", "--prior", "product"],
    "prior hierarchical": ["--latent-dim", "12", "--hidden", "4", "--posterior", "ladder"],
    "prior product": ["--latent-dim", "12", "--hidden", "4", "--posterior", "joint"],
    "prior autoregressive": [*SMALL, "--posterior", "vq(codes=4, depth=2)"],
    "prior codes": [*SMALL, "--posterior", "vq(codes=4)"],
    "prior one_hot": ["--latent-dim", "20", "--hidden", "4", "--posterior", "gumbel_softmax"],
    "prior concrete": ["--latent-dim", "20", "--hidden", "4", "--posterior", "concrete"],
    "penalty quantization": [*SMALL, "--posterior", "vq(codes=4)", "--prior", "codes"],
    "penalty contraction": [*SMALL, "--model", "autoencoder"],
    "objective vimco": BELIEF_NET,
    "penalty sparsity": [*SMALL, "--model", "autoencoder", "--code-activation", "sigmoid"],
}
REQUIRED = {name: f"{name}(0.1)" for name in PENALTIES} | {"ramp": "ramp(0, 0.01, 3)"}
ROWS = [f"{table.kind} {name}" for table in TABLES for name in table]


@pytest.mark.parametrize("row", ROWS)
def test_every_name_of_every_table_trains_two_steps(row, examples, tmp_path, capsys):
    kind, name = row.split()
    data = name if kind == "likelihood" else "pixels" if kind == "recipe" and "net" not in name else "binary"
    argv = [
        "train",
        "--data",
        str(examples / f"{data}.npy"),
        "--out",
        str(tmp_path / "run"),
        "--quiet",
        "--no-figures",
    ]
    argv += [f"--{kind}", REQUIRED.get(name, name), *NEEDS.get(row, SMALL)]
    solved = name in ("factor_analysis", "probabilistic_pca")
    assert main([*argv, *([] if solved else ["--batch-size", "11", "--epochs", "1"])]) == 0
    assert main(["evaluate", str(tmp_path / "run"), "--samples", "2"]) == 0
    assert "nan" not in capsys.readouterr().out
    one = Run.open(tmp_path / "run")
    assert one.resumed().step == (1 if solved else 2)
    assert name in "".join([one.config.recipe, one.config.objective, one.config.optimizer])
    told = ["--y", "7"] if "conditional" in name or name == "semi_supervised" else []
    assert main(["sample", str(tmp_path / "run"), "-n", "2", "--out", str(tmp_path / "x.npy"), *told]) == 0
    assert np.isfinite(np.load(tmp_path / "x.npy")).all()


@pytest.mark.parametrize("prior", ["standard_gaussian", "conditional_gaussian"])
def test_real_conditions_come_from_a_file_to_the_model(prior, examples, tmp_path, capsys):
    pixels, conditions = np.load(examples / "pixels.npy"), RNG.normal(size=(24, 2))
    np.savez(tmp_path / "told.npz", images=pixels, conditions=conditions)
    argv = [
        "train",
        "--data",
        str(tmp_path / "told.npz"),
        "--out",
        str(tmp_path / "run"),
        *SMALL,
        "--epochs",
        "1",
    ]
    argv += [
        "--model",
        "conditional_vae",
        "--condition-dim",
        "2",
        "--prior",
        prior,
        "--quiet",
        "--no-figures",
    ]
    assert main(argv) == 0
    assert main(["evaluate", str(tmp_path / "run"), "--samples", "2"]) == 0
    draws = []
    for y in ("0.5,1.5", "0.5,9"):
        assert (
            main(["sample", str(tmp_path / "run"), "-n", "2", "--out", str(tmp_path / "x.npy"), "--y", y])
            == 0
        )
        draws.append(np.load(tmp_path / "x.npy"))
    assert (draws[0] != draws[1]).any()
    assert (
        main(["sample", str(tmp_path / "run"), "-n", "2", "--out", str(tmp_path / "x.npy"), "--y", "1"]) == 2
    )
    assert "y should be 2 finite numbers for each example" in capsys.readouterr().err
    conditions[3, 1] += 1
    np.savez(tmp_path / "told.npz", images=pixels, conditions=conditions)
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", "2", "--quiet", "--no-figures"]) == 2
    assert "should hold the examples that the run was trained on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "kind"), [("factor_analysis", FactorAnalysis), ("probabilistic_pca", ProbabilisticPCA)]
)
def test_a_solved_run_is_the_model_fitted_to_all_examples(recipe, kind, examples, tmp_path, capsys):
    argv = [
        "train",
        "--data",
        str(examples / "pixels.npy"),
        "--out",
        str(tmp_path / "run"),
        "--quiet",
        "--no-figures",
    ]
    assert main([*argv, "--recipe", f"{recipe}(latent_dim=2, min_noise_variance=0.01)"]) == 0
    numbers = tmp_path / "numbers.json"
    assert main(["evaluate", str(tmp_path / "run"), "--samples", "3", "--json", str(numbers)]) == 0
    x = np.load(examples / "pixels.npy").reshape(24, 16)
    order = shuffled(24, 0)
    trained, held_out = np.sort(order[2:]), np.sort(order[:2])
    fitted = kind(2, min_noise_variance=0.01).fit(x[trained])
    # the proposal is the exact posterior: every weight is p(x) itself, and no draw matters beyond rounding
    expected = float(fitted.score_samples(x[held_out]).mean())
    assert json.loads(numbers.read_text())["log_likelihood"] == pytest.approx(expected, rel=1e-9)
    assert main(["plot", str(tmp_path / "run"), "curves", "samples", "traversals"]) == 0
    assert main(["train", "--resume", str(tmp_path / "run"), "--quiet", "--no-figures"]) == 0
    for options in (
        ["--epochs", "5"],
        ["--optimizer", "sgd"],
        ["--binarized"],
        ["--drop-last"],
        ["--beta", "2"],
    ):
        capsys.readouterr()
        refused = ["train", *argv[1:4], str(tmp_path / "other"), "--recipe", recipe, *options]
        assert main(refused) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
        assert not (tmp_path / "other").exists()
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", "3"]) == 2
    assert "no epochs to add" in capsys.readouterr().err


def test_a_belief_net_from_the_command_line_is_the_one_that_fits_itself(examples, tmp_path):
    argv = [
        "train",
        "--data",
        str(examples / "binary.npy"),
        "--quiet",
        *BELIEF_NET,
        "--batch-size",
        "11",
        "--seed",
        "3",
    ]
    argv += ["--objective", "reweighted_wake_sleep(samples=3)", "--learning-rate", "0.01", "--no-figures"]
    assert main([*argv, "--epochs", "2", "--out", str(tmp_path / "whole")]) == 0
    assert main([*argv, "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
    assert main(["train", "--resume", str(tmp_path / "run"), "--epochs", "2", "--quiet"]) == 0  # with figures
    model = belief_net((1, 4, 4), layers=(3, 2), algorithm="reweighted_wake_sleep", samples=3, seed=3)
    data = Dataset("binary", np.load(examples / "binary.npy")[np.sort(shuffled(24, 3)[2:]), None])
    model.fit(data, epochs=2, batch_size=11, learning_rate=0.01, seed=3)
    for name, parameter in named_parameters(model).items():
        for folder in ("whole", "run"):
            found = named_parameters(Run.open(tmp_path / folder).model)[name].value
            np.testing.assert_array_equal(found, parameter.value)
    figures = {path.stem for path in (tmp_path / "run" / "figures").iterdir()}
    assert figures == {"codes", "curves", "reconstructions", "samples"}


def test_choices_are_listed(capsys):
    assert main(["train", "--list"]) == 0
    listed = capsys.readouterr().out
    for table in TABLES:
        assert f"\n{table.kind}\n" in f"\n{listed}"
        for name in table:
            assert f"\n  {name}" in listed
            for parameter in table.parameters(name):
                assert f"{parameter}=" in listed
    assert "elbo(beta=1.0, free_bits=0.0, capacity=None, penalties=())" in listed


def test_every_short_spelling_belongs_to_some_row():
    tables = {table.kind: table for table in TABLES}
    for name, short in SHORT.items():
        of = "objective" if short.of == "ramp" else "penalty" if short.of in tables["penalty"] else short.of
        assert any(short.parameter in tables[of].parameters(row) for row in tables[of]), name


def test_a_mixture_of_so_many_components_is_chosen():
    parts = Parts((6,), 2, np.random.default_rng(0))
    assert PRIORS.build("gaussian_mixture(components=3)", **vars(parts)).means.value.shape == (3, 2)
    model = RECIPES.build(
        "mlp(prior=gaussian_mixture(components=3), hidden=4, latent_dim=2)", event_shape=(6,), seed=0
    )
    assert model.prior.means.value.shape == (3, 2)


# Metrics


def test_metrics_are_those_that_are_asked_for(examples, tmp_path, capsys):
    run, numbers = str(tmp_path / "run"), tmp_path / "numbers.json"
    argv = [
        "train",
        "--data",
        str(examples / "pixels.npy"),
        "--out",
        run,
        "--quiet",
        "--no-figures",
        *SMALL,
        "--epochs",
        "1",
    ]
    assert main([*argv, "--binarized", "--penalty", "l1(0.1)"]) == 0
    every = [
        "loss",
        "bound",
        "log_px",
        "kl",
        "bound_of_those",
        "log_likelihood",
        "bits_per_dimension",
        "active_units",
    ]
    # which a model with a classifier has, and one of choices
    assert list(METRICS) == [*every, "accuracy", "coherence", "perplexity"]
    evaluate = [
        "evaluate",
        run,
        "--split",
        "train",
        "--samples",
        "5",
        "--likelihood-of",
        "10",
        "--json",
        str(numbers),
    ]
    assert main(evaluate) == 0
    found = json.loads(numbers.read_text())
    assert list(found) == [*every, "sparsity"]
    assert found["bits_per_dimension"] == pytest.approx(-found["log_likelihood"] / (16 * np.log(2)))
    assert found["loss"] == pytest.approx(-found["bound"] + 0.1 * found["sparsity"])
    for name in found:
        assert main([*evaluate, "--metrics", name]) == 0  # one alone is what it is among the others
        assert json.loads(numbers.read_text()) == {name: found[name]}
    capsys.readouterr()
    for words, options in {
        "has no log_likelihood, which needs a posterior with a density": [
            "--metrics",
            "log_likelihood",
            "--samples",
            "0",
        ],
        "has no bound_of_those, which needs": ["--metrics", "bound_of_those", "--likelihood-of", "22"],
        "a metric should be one of accuracy, active_units, ": ["--metrics", "bond"],
    }.items():
        assert main(["evaluate", run, "--split", "train", *options]) == 2
        assert words in capsys.readouterr().err


# config.json

ENTRIES = {
    "recipe": "mlp(latent_dim=2)",
    "objective": "elbo(beta=4)",
    "optimizer": "adam",
    "epochs": 3,
    "max_norm": 1.5,
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from(["mlp", "elbo(beta=", "sgd"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=3,
)
KEYS = st.sampled_from([*Config.__dataclass_fields__, "settings", "schedule", "beta", *SHORT])


@given(st.dictionaries(KEYS, JSON, max_size=4), st.booleans())
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_any_entries_are_a_config_or_one_sentence(entries, old):
    given = ENTRIES | ({"settings": {}} if old else {}) | entries
    config, said = outcome(Config.from_entries, given, "config.json")
    if said:
        assert said.startswith("config.json")
    else:
        assert Config.from_entries(json.loads(config.to_json()), "config.json") == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "should be JSON"),
        ('{"epochs": ' + "1" * 5000 + "}", "of 5,000 characters"),
        (
            '{"epochs": 18446744073709551616}',
            "config.json: epochs should be a whole number from -2⁶³ to 2⁶³ - 1, found 184",
        ),
        ('{"epochs": 2.0}', "epochs should be a whole number, found 2.0"),
        ('{"epochs": true}', "epochs should be a whole number, found True"),
        ('{"seed": -1}', "seed should be at least 0, found -1"),
        ('{"max_norm": NaN}', "config.json: max_norm should be a finite number, found NaN"),
        ('{"recipe": null}', "recipe should be a name, found None"),
        (
            '{"event_shape": [1, "8"]}',
            "event_shape should be values in parentheses, each a whole number or None",
        ),
        ('{"settings": null}', "settings should be a JSON object, found NoneType"),
        ('{"recipe": "mlp(latent_dim=0.5)"}', "latent_dim should be a whole number, found 0.5"),
        (
            '{"recipe": "mlp()("}',
            "recipe should be name(parameter=value, …), found 'mlp()(': its parentheses do not match",
        ),
        (
            '{"objective": "default(1)"}',
            "objective default takes values with their names only, found default(1)",
        ),
        ("null", "one JSON object, found NoneType"),
        ('{"no_such": 1}', "found 'no_such'"),
    ],
)
def test_what_config_json_should_not_hold_is_one_sentence(text, words, tmp_path, capsys):
    (tmp_path / "config.json").write_text(text)
    assert main(["info", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert str(tmp_path / "config.json") in said
    assert len(said.strip().splitlines()) == 1


def test_a_config_of_version_0_1_is_read_in_the_words_of_today():
    old = {
        "data": "glyphs", "data_dir": None, "examples": 20000, "event_shape": [1, 28, 28], "limit": None,
        "held_out": None, "binarized": False, "recipe": "mlp",
        "settings": {"latent_dim": 2, "hidden": [8], "likelihood": "laplace_learned"},
        "objective": None, "beta": 2.0, "beta_warm_up": 7, "free_bits": 0.0, "capacity": None,
        "capacity_steps": 0, "samples": None, "noise_std": 0.0, "mask_rate": 0.0, "l1": 0.0,
        "sparsity": 0.0, "sparsity_target": 0.05,
        "contraction": 0.0, "optimizer": "rmsprop", "learning_rate": 0.01, "schedule": "cosine", "warm_up": 2,
        "decay_every": 1000, "max_norm": None, "epochs": 2, "batch_size": 10, "patience": None, "seed": 0,
    }  # fmt: skip
    config = Config.from_entries(old, "config.json")
    assert config.recipe == "mlp(latent_dim=2, hidden=(8,), likelihood=laplace(learned=True))"
    assert config.objective == "default(beta=ramp(start=0, end=2.0, steps=7))"
    assert config.optimizer == "rmsprop(learning_rate=cosine(warm_up=2, rate=0.01))"
    assert (config.epochs, config.batch_size, config.examples) == (2, 10, 20000)
    stepped = Config.from_entries(old | {"schedule": "step", "decay_every": 5, "warm_up": 0}, "config.json")
    assert stepped.optimizer == "rmsprop(learning_rate=step(every=5, rate=0.01))"
    with pytest.raises(InputError, match=r"config.json: settings should be those of a recipe, found 'depth'"):
        Config.from_entries(old | {"settings": {"depth": 2}}, "config.json")


def test_a_config_of_version_0_2_shows_counts_as_it_did():
    old = {
        "data": "counts.npz",
        "examples": 90,
        "event_shape": [5],
        "recipe": "mlp(likelihood=poisson, hidden=(8,))",
    }
    config = Config.from_entries(old, "config.json")
    assert config.recipe == "mlp(likelihood=poisson(log_inputs=False), hidden=(8,))"
    assert (config.kind, config.held_out_last) == ("by_dtype", True)
    assert Config.from_entries(json.loads(config.to_json()), "config.json") == config
    of_today = {**old, "held_out_last": False}
    assert Config.from_entries(of_today, "config.json").recipe == old["recipe"]
    of_0_1 = {**old, "recipe": "mlp", "settings": {"likelihood": "poisson"}}
    assert Config.from_entries(of_0_1, "config.json").recipe == "mlp(likelihood=poisson(log_inputs=False))"
