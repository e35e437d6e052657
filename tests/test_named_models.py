"""Models by the names of papers: what each stands for, what counts beside a name, and how all are trained and
judged alike.
"""

import json
import sys

import numpy as np
import pytest

from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.choices import parse, parse_values
from scratchvae.objectives import TotalCorrelation
from scratchvae.recipes import MODELS, NAMED_MODELS, OBJECTIVES, RECIPES
from scratchvae.recipes.named_topics import TOPICS
from scratchvae.runs import METRICS, Config, Run, build_phases, configured
from scratchvae.runs.results import MEASURES, RELATIONS, flattened, judged, readable, results

RNG = np.random.default_rng(0)
SMALL = {"latent_dim": 2, "hidden": 4, "epochs": 1, "batch_size": 11, "held_out": 2}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "images.npz"
    np.savez(path, x=(RNG.random((24, 4, 4)) > 0.4).astype(np.uint8), y=np.arange(24) % 2)
    return str(path)


@pytest.mark.parametrize("name", NAMED_MODELS)
def test_every_name_trains_and_its_run_is_that_of_the_choices_it_stands_for(name, images, tmp_path):
    named = configured({**SMALL, "data": images, "model": name.replace("_", "-")})
    assert named == configured({"model": "vae", **NAMED_MODELS[name].settings, **SMALL, "data": images})
    assert parse(named.recipe).name == "mlp"
    assert parse(named.objective).name in {*OBJECTIVES, "default"}
    run = Run.start(tmp_path / "run", named)
    with run:
        run.training(callbacks=(run.keep(),)).run()
    again = Run.open(tmp_path / "run").resumed()
    assert again.step == 2
    assert np.isfinite([*again.history[-1]["held_out"].values()]).all()
    model = Run.open(tmp_path / "run").model
    assert model.sample(2, 0, y=None if model.condition is None else 0).shape == (2, 1, 4, 4)


@pytest.mark.parametrize(
    ("given", "recipe", "objective"),
    [
        ({"model": "iwae", "samples": 10}, "", "iwae(samples=10)"),
        ({"model": "iwae", "objective": "iwae(gradient=dreg)"}, "", "iwae(samples=5, gradient=dreg)"),
        (
            {"model": "iwae", "objective": "iwae(gradient=dreg)", "samples": 7},
            "",
            "iwae(gradient=dreg, samples=7)",
        ),
        ({"model": "beta", "beta": 2}, "", "default(beta=2)"),
        ({"model": "beta", "beta_warm_up": 9}, "", "default(beta=ramp(start=0, end=4, steps=9))"),
        ({"model": "beta", "objective": "elbo(beta=2)"}, "", "elbo(beta=2)"),
        ({"model": "beta", "objective": "elbo(free_bits=1)"}, "", "elbo(free_bits=1, beta=4)"),
        (
            {"model": "beta_tc", "penalty": ["total_correlation(weight=6)", "l1(1)"]},
            "",
            "default(penalties=(total_correlation(weight=6), l1(weight=1)))",
        ),
        (
            {"model": "beta-tc", "objective": "elbo(penalties=l1(2))"},
            "",
            "elbo(penalties=(total_correlation(weight=3), l1(weight=2)))",
        ),
        (
            {"model": "aae", "penalty": "critic(weight=1)", "critic": 7},
            "model=autoencoder, critic=7",
            "default(penalties=(critic(weight=1, against=prior, form=non_saturating),))",
        ),
        ({"model": "sparse", "l1": 3}, "model=autoencoder", "default(penalties=(l1(weight=3),))"),
        ({"model": "vamp", "prior": "vamp(components=7)"}, "model=vae, prior=vamp(components=7)", "default"),
        ({"model": "vamp", "recipe": "mlp(prior=vamp(3))"}, "prior=vamp(3), model=vae", "default"),
        (
            {"model": "iwae", "recipe": "mlp(model=conditional_vae, classes=3)"},
            "model=conditional_vae, classes=3",
            "iwae(samples=5)",
        ),
    ],
)
def test_what_is_given_beside_a_name_counts(given, recipe, objective):
    found = configured(given)
    assert RECIPES.settle(found.recipe) == RECIPES.settle(f"mlp({recipe or 'model=vae'})")
    assert found.objective == objective


def test_a_name_takes_the_place_of_what_a_config_began_with():
    base = configured({"model": "aae", "latent_dim": 3})
    found = configured(
        {"model": "iwae", "critic": None} | {}, Config(recipe="mlp(latent_dim=3)", objective="elbo(beta=4)")
    )
    assert (found.recipe, found.objective) == ("mlp(latent_dim=3, model=vae, critic=None)", "iwae(samples=5)")
    assert (
        configured({"beta": 0.5, "model": "vae"}, base).recipe
        == "mlp(model=vae, latent_dim=3, critic=(256, 256))"
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"model": "iwae", "objective": "elbo"},
            r"iwae stands for objective iwae\(samples=5\); found objective elbo",
        ),
        (
            {"model": "vamp", "prior": "standard_gaussian"},
            "vamp stands for prior vamp; found prior standard_gaussian: give one",
        ),
        ({"model": "vamp", "recipe": "mlp(prior=standard_gaussian)"}, "vamp stands for prior vamp"),
        (
            {"model": "rae-l2", "recipe": "mlp(model=vae)"},
            "rae_l2 stands for model autoencoder; found model vae",
        ),
        ({"model": "bta"}, r"`train --list` has; found 'bta' \(did you mean beta\?\)"),
        ({"model": "beta-tc(weight=3)"}, "beta_tc takes no values"),
        ({"model": "iwae", "beta": 3}, "objective iwae has no beta"),
        ({"model": "iwae", "penalty": "l1(1)"}, "objective iwae has no penalties"),
        ({"model": "aae", "recipe": "belief_net"}, "belief_net has no model"),
        ({"model": 3}, "model should be a choice, .* found 3"),
        ({"model": "beta-tc", "penalty": 3}, "penalty should be a name"),
    ],
)
def test_what_contradicts_a_name_is_one_sentence(given, words):
    with pytest.raises(InputError, match=words) as error:
        configured(given)
    assert len(str(error.value).splitlines()) == 1


def test_no_name_is_taken_twice_and_every_claim_can_be_measured():
    assert not NAMED_MODELS.keys() & RECIPES.keys()
    assert NAMED_MODELS.keys() & MODELS.keys() == {"autoencoder", "vae"}
    for row in NAMED_MODELS.values():
        for claim in row.claims:
            measure, relation, other = claim.split()
            assert measure in {*MEASURES, *METRICS, "denoised", "completion"}
            assert relation in RELATIONS
            assert other in NAMED_MODELS or float(other)


def test_hyphens_of_names_count_as_underscores():
    assert parse("dip-vae-i(weight=3)") == parse("dip_vae_i(weight=3)")
    assert [choice.name for choice in parse_values("beta-tc, rae-l2")] == ["beta_tc", "rae_l2"]
    assert parse_values("1..2, -3") == (1, 2, -3)
    for text in ("a-1", "1-a", "a--b", "-a", "a-b.c", "(a, b)-c"):
        with pytest.raises(InputError, match="nothing is computed"):
            parse(text)


def test_the_total_correlation_of_a_run_is_that_of_all_the_examples_it_trains_on(images, tmp_path):
    run = Run.start(tmp_path / "run", configured({**SMALL, "data": images, "model": "beta-tc"}))
    assert run.training().phases[0].objective.penalties == (TotalCorrelation(3, examples=22),)
    assert (
        build_phases(Run.open(tmp_path / "run").config, run.model, 1)[0].objective.penalties[0].examples == 22
    )
    given = configured({**SMALL, "data": images, "penalty": "total_correlation(3, examples=500)"})
    assert Run(tmp_path, given).training().phases[0].objective.penalties[0].examples == 500


def test_more_examples_than_there_are_can_be_judged_and_not_trained_on():
    penalty = TotalCorrelation(1.0, examples=3)
    np.testing.assert_array_equal(penalty.shares(4, training=False), np.full((4, 4), 1 / 4))
    assert penalty.shares(2, training=False)[0, 0] == 1 / 3
    with pytest.raises(InputError, match="4 or more; found 3"):
        penalty.shares(4)


def test_train_lists_every_name_with_what_it_stands_for(capsys):
    assert main(["train", "--list"]) == 0
    said = capsys.readouterr().out
    for name, row in NAMED_MODELS.items():
        assert f"  {name}: " in said
        assert row.says in said
    assert "factor_vae: critic=(256, 256), penalty=critic(weight=3)\n" in said


def test_a_claim_holds_of_every_run_or_of_the_means_or_not():
    found = {"beta": {"kl": [1.0, 2.0]}, "vae": {"kl": [3.0, 2.5]}, "aae": {}}
    assert judged("kl < vae", "beta", found) == "yes"
    assert judged("kl > vae", "beta", found) == "no"
    assert judged("kl < 2", "beta", found) == "partial"
    assert judged("kl <= 2", "beta", found) == "yes"
    assert judged("kl >= 1.5", "beta", found) == "partial"
    assert judged("mmd < vae", "beta", found) == "no"
    assert judged("kl < vae", "aae", found) == "no"


def test_results_train_what_is_not_trained_and_say_a_verdict_for_each_name(images, tmp_path, capsys):
    argv = [
        "results",
        "beta",
        "--seeds",
        "2",
        "--data",
        images,
        "--epochs",
        "1",
        "--out",
        str(tmp_path),
        "--workers",
        "1",
    ]
    argv += ["--", "--hidden", "4", "--latent-dim", "2", "--held-out", "6"]
    assert main(argv) == 0
    table, said = capsys.readouterr()
    assert said.count("trained\n") == 4  # of vae too, which beta is compared with
    rows = json.loads((tmp_path / "results.json").read_text())
    assert [row["model"] for row in rows] == ["beta", "vae"]
    assert len(rows[0]["values"]["kl"]) == 2
    assert rows[0]["claims"].keys() == {"kl < vae", "total_correlation < vae"}
    assert rows[1]["verdict"] in ("yes", "no")
    assert len(table.splitlines()) == 4
    before = (tmp_path / "beta-seed0" / "metrics.jsonl").stat().st_mtime_ns
    assert main([*argv[:2], "--quiet", *argv[2:]]) == 0
    assert capsys.readouterr().out == table
    assert (tmp_path / "beta-seed0" / "metrics.jsonl").stat().st_mtime_ns == before


def test_a_run_that_fails_has_its_sentence_in_the_table(images, tmp_path):
    common = configured({**SMALL, "data": images, "optimizer": "sgd(learning_rate=1e30)"})
    rows = results(["autoencoder"], seeds=1, folder=tmp_path, common=common)
    assert [row["verdict"] for row in rows] == ["no", "no"]
    assert "step" in rows[0]["failed"]
    assert readable(rows)[0]["loss"] is None
    assert flattened(rows)[0]["failed"] == rows[0]["failed"]


def test_results_of_a_name_that_there_is_not_are_refused(tmp_path):
    with pytest.raises(InputError, match="a name should be one of"):
        results(["beta-tcc"], folder=tmp_path, common=configured({}))


def test_without_names_all_are_trained_topic_models_on_their_texts(monkeypatch, tmp_path):
    asked = []

    def untrained(commands, **_):
        asked[:] = commands
        return [{"failed": "not trained"} for _ in commands]

    monkeypatch.setattr(sys.modules[results.__module__], "sweep", untrained)
    common = configured({**SMALL, "data": "fashion-mnist"})
    rows = results(seeds=1, folder=tmp_path, common=common)
    assert {row["model"] for row in rows} == set(NAMED_MODELS)
    assert {command["model"]: command["data"] for command in asked if "data" in command} == dict.fromkeys(
        TOPICS, "docstrings"
    )
    results(["nvlda"], seeds=1, folder=tmp_path, common=common)
    assert asked == [{"model": "nvlda", "seed": 0}]
