"""A fitted prior that is kept with its run: the same bits again, whole after a kill, dropped when training goes on."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from scratchvae import Autoencoder
from scratchvae.__main__ import main
from scratchvae.arrays import InputError
from scratchvae.layers import named_buffers, named_parameters
from scratchvae.models import fit_prior
from scratchvae.models.prior_fit import FITTED
from scratchvae.runs import Config, Run, keep_prior, read_prior
from scratchvae.runs.kept_prior import PRIOR, digest_of_weights
from scratchvae.training import load_checkpoint

RNG = np.random.default_rng(0)
SPACES = {
    "real vectors": "",
    "points of the unit sphere": ", posterior=von_mises_fisher, prior=uniform_sphere",
    "codes of a codebook": ", posterior=vq(codes=3, groups=2), prior=codes",
    "one-hot codes": ", posterior=gumbel_softmax(categories=2), prior=one_hot",
    "logarithms of points of a simplex": ", posterior=concrete(categories=2), prior=concrete",
    "real vectors × one-hot codes": ", posterior=joint(categories=2), prior=product",
}
KEPT = [(space, prior) for space, priors in FITTED.items() for prior in re.split(", | or ", priors)]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "x.npy"
    np.save(path, (RNG.random((40, 1, 4, 4)) > 0.5).astype(np.float32))
    return path


@pytest.fixture(scope="module")
def runs(images):
    """A run for each space of codes, by the space, which is trained when it is asked for."""
    made = {}

    def of(space):
        if space not in made:
            made[space] = images.parent / str(len(made))
            recipe = f"mlp(latent_dim=4, hidden=4{SPACES[space]})"
            with Run.start(made[space], Config(data=str(images), recipe=recipe, epochs=1)) as run:
                run.training(callbacks=(run.keep(),)).run()
        return made[space]

    return of


@pytest.fixture
def copy(runs, tmp_path):
    """A run whose prior is kept, to be changed."""
    folder = Path(shutil.copytree(runs("real vectors"), tmp_path / "copy"))
    kept(folder)
    return folder


def kept(folder, prior="gaussian_mixture(components=3)"):
    """Fit a prior to the codes of the run, keep it, and return the run."""
    run = Run.open(folder, trained_prior=True)
    fit_prior(run.model, run.data, prior, epochs=1)
    keep_prior(folder, run.model, prior, step=load_checkpoint(run.checkpoint).position["step"])
    return run


def bits(model):
    return {
        name: held.value.tobytes() for name, held in (named_parameters(model) | named_buffers(model)).items()
    }


def fails(capsys, argv, *words):
    """The command ends with status 2 and one sentence, which holds these words."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 2
    out, err = capsys.readouterr()
    assert len(err.strip().splitlines()) == 1, out + err
    for word in words:
        assert word in err, err


@pytest.mark.parametrize(("space", "prior"), KEPT)
def test_a_kept_prior_has_the_same_bits_again(space, prior, runs, tmp_path):
    folder = Path(shutil.copytree(runs(space), tmp_path / "run"))
    trained = Run.open(folder)
    fitted = kept(folder, prior)
    again = Run.open(folder)
    assert bits(again.model) == bits(fitted.model)
    assert type(again.model.prior) is type(fitted.model.prior)
    np.testing.assert_array_equal(again.model.sample(5, 0), fitted.model.sample(5, 0))
    assert (again.kept_prior.prior, again.kept_prior.step) == (prior, 1)
    held = load_file(folder / PRIOR)
    assert held
    assert all(name.startswith("prior.") for name in held)  # encoder and codebook stand in the checkpoint
    assert main(["evaluate", str(folder), "--samples", "2"]) == 0
    assert not (folder / "evaluation.json").exists()
    (folder / PRIOR).unlink()
    assert bits(Run.open(folder).model) == bits(trained.model)


def test_a_saved_model_keeps_its_fitted_prior(images, tmp_path):
    x = np.load(images)
    for prior in ("gaussian_mixture(3)", "flow", "two_stage(hidden=3)"):
        model = Autoencoder(latent_dim=2, hidden=4, epochs=1).fit(x)
        fit_prior(model, x, prior, epochs=1)
        model.save(tmp_path / "model.safetensors")
        again = Autoencoder.load(tmp_path / "model.safetensors")
        assert bits(again.model_) == bits(model.model_)
        np.testing.assert_array_equal(again.sample(5, 0), model.sample(5, 0))


def test_the_command_line_keeps_a_prior_and_says_so(runs, tmp_path, capsys):
    folder = Path(shutil.copytree(runs("real vectors"), tmp_path / "run"))

    def sampled(name, *options):
        argv = ["sample", str(folder), "-n", "5", "--out", str(tmp_path / name), *options]
        assert main(argv) == 0
        return (tmp_path / name).read_bytes(), capsys.readouterr()

    trained, _ = sampled("trained.npy")
    fitted, said = sampled("fitted.npy", "--fit-prior", "3")
    assert not (folder / PRIOR).exists()
    keeping, said = sampled("kept.npy", "--fit-prior", "3", "--keep-prior")
    assert str(folder / PRIOR) in said.out
    again, _ = sampled("again.npy")
    assert trained != fitted == keeping == again
    words = "gaussian_mixture(components=3), which was fitted after step 1 and is kept in prior.safetensors"
    for command, more in (
        ("info", "without that file it is the trained one"),
        ("evaluate", "evaluation.json is unchanged"),
    ):
        assert main([command, str(folder)]) == 0
        out = capsys.readouterr().out
        assert words in out, out
        assert more in out, out
    assert main(["report", str(folder)]) == 0
    assert words in (folder / "report.html").read_text()
    other, _ = sampled("other.npy", "--fit-prior", "4", "--keep-prior")
    assert other == sampled("again.npy")[0] != keeping
    assert read_prior(folder / PRIOR).prior == "gaussian_mixture(components=4)"
    fails(capsys, ["sample", folder, "--keep-prior"], "--keep-prior keeps what --fit-prior fits")
    fails(capsys, ["sample", folder, "--out", folder / PRIOR], "which the run in", "lives on")


@pytest.mark.parametrize(
    "options", [("--free-bits", "0.1"), ("--objective", "iwae(samples=2)"), ("--beta", "3")]
)
def test_a_run_of_any_objective_is_judged_beside_a_kept_prior(options, images, tmp_path, capsys):
    """There is no closed form of the KL to a mixture, which the objective of the training may need."""
    argv = ["train", "--data", str(images), "--out", str(tmp_path / "run"), "--quiet", "--no-figures"]
    assert main([*argv, "--hidden", "4", "--latent-dim", "2", "--epochs", "1", *options]) == 0
    before = (tmp_path / "run" / "evaluation.json").read_bytes()
    run = kept(tmp_path / "run")
    path = tmp_path / "found.json"
    assert main(["evaluate", str(run.folder), "--json", str(path), "--samples", "1000"]) == 0
    found = json.loads(path.read_text())
    expected = run.model.score_samples(run.held_out, samples=1000).mean()
    assert found["log_likelihood"] == pytest.approx(expected, abs=0.05)
    assert found["bound"] == pytest.approx(found["log_px"] - found["kl"], rel=1e-6)
    assert (run.folder / "evaluation.json").read_bytes() == before


def test_training_on_drops_a_kept_prior_and_says_so(copy, capsys, caplog):
    """A training that has nothing left to do changes no code, and the prior stays."""
    before = (copy / PRIOR).read_bytes()
    argv = ["train", "--resume", str(copy), "--quiet", "--no-figures"]
    assert main(argv) == 0
    assert (copy / PRIOR).read_bytes() == before
    assert main([*argv, "--epochs", "2"]) == 0
    said = f"{copy / PRIOR} is removed: its prior, gaussian_mixture(components=3), was fitted to the codes of"
    assert f"{said} step 1, not of step 2" in [record.getMessage() for record in caplog.records]
    assert not (copy / PRIOR).exists()
    assert Run.open(copy).kept_prior is None
    (copy / PRIOR).write_bytes(before)
    fails(capsys, ["sample", copy], "found one for other weights, of step 1: remove it to have the trained")
    foreign = b"what somebody else has put there"
    (copy / PRIOR).write_bytes(foreign)
    assert main([*argv, "--epochs", "3"]) == 0
    assert (copy / PRIOR).read_bytes() == foreign


def test_an_autoencoder_that_is_trained_on_says_that_its_fitted_prior_stays(caplog):
    x = RNG.random((30, 4)).astype(np.float32)
    model = Autoencoder(latent_dim=2, hidden=4, epochs=1).fit(x)
    model.partial_fit(x)
    fit_prior(model, x, components=3)
    caplog.clear()
    for _ in range(2):
        model.partial_fit(x)
    stay = "Training: no objective moves prior.logits and 2 more: they stay as they are"
    assert [record.getMessage() for record in caplog.records] == [f"{stay}; fit_prior fits a prior to codes"]


class Killed(BaseException):
    """What no handler of ours catches."""


@pytest.mark.parametrize("when", range(2))
@pytest.mark.parametrize("before", [False, True], ids=["none", "another"])
def test_a_kill_while_a_prior_is_kept_leaves_the_prior_that_was_there(
    before, when, runs, tmp_path, monkeypatch
):
    """The process dies before the new file has its name, in the middle of its bytes or behind them."""
    folder, replace = Path(shutil.copytree(runs("real vectors"), tmp_path / "run")), Path.replace
    if before:
        kept(folder, "gaussian_mixture(components=2)")
    expected = bits(Run.open(folder).model)

    def killed(path, target):
        if when == 0:
            path.write_bytes(path.read_bytes()[:100])
        raise Killed

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(Killed):
        kept(folder)
    monkeypatch.setattr(Path, "replace", replace)
    assert bits(Run.open(folder).model) == expected
    assert bits(kept(folder).model) == bits(Run.open(folder).model)


def test_a_kill_between_the_drop_and_the_checkpoint_leaves_the_trained_prior(copy, runs, monkeypatch):
    replace = Path.replace

    def killed(path, target):
        if Path(target).name == "checkpoint.safetensors" and not (copy / PRIOR).exists():
            raise Killed
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(Killed):
        main(["train", "--resume", str(copy), "--epochs", "2", "--quiet", "--no-figures"])
    monkeypatch.setattr(Path, "replace", replace)
    assert bits(Run.open(copy).model) == bits(Run.open(runs("real vectors")).model)


def changed(path, change):
    tensors = load_file(path)
    with safe_open(path, "numpy") as file:
        description = dict(file.metadata())
    change(tensors, description)
    path.unlink()
    save_file(tensors, path, description)


def about(path, **entries):
    def both(tensors, description):
        said = json.loads(description["about"])
        said.update(entries)
        description["about"] = json.dumps({name: value for name, value in said.items() if value is not None})

    changed(path, both)


def a_folder(path):
    path.unlink()
    path.mkdir()


DAMAGE = {
    "empty": (lambda p: p.write_bytes(b""), "arrays of numbers, whole, found 0 bytes"),
    "cut": (lambda p: p.write_bytes(p.read_bytes()[:-9]), "arrays of numbers, whole"),
    "a pickle": (lambda p: p.write_bytes(b"\x80\x04cos\nsystem\n(S'exit 1'\ntR."), "whose header would have"),
    "a folder": (a_folder, "can't be read (Is a directory)"),
    "a checkpoint": (
        lambda p: shutil.copy(p.with_name("checkpoint.safetensors"), p),
        "found a scratchvae checkpoint",
    ),
    "other arrays": (lambda p: save_file({"a": np.zeros(3)}, p), "found a safetensors file of another kind"),
    "version": (lambda p: changed(p, lambda t, d: d.update(version="9")), "of version 1, found version '9'"),
    "no JSON": (lambda p: changed(p, lambda t, d: d.update(about="{")), "about should be JSON"),
    "nothing said": (lambda p: changed(p, lambda t, d: d.pop("about")), "about should be JSON"),
    "step": (lambda p: about(p, step=-1), "step should be a whole number from 0"),
    "entry missing": (lambda p: about(p, weights=None), "weights should be a string, found nothing"),
    "unknown prior": (lambda p: about(p, prior="os.system('true')"), "and nothing is computed"),
    "other prior": (lambda p: about(p, prior="flow"), "another model: it has no prior."),
    "other space": (lambda p: about(p, prior="codes"), "is for the posterior vq; found a DiagonalGaussian"),
    "more components": (
        lambda p: about(p, prior="gaussian_mixture(components=4)"),
        "prior.logits should have shape (4,), found (3,)",
    ),
    "other weights": (lambda p: about(p, weights="0" * 64), "found one for other weights, of step 1"),
    "no array": (lambda p: changed(p, lambda t, d: t.pop("prior.means")), "it has no prior.means"),
    "one array more": (
        lambda p: changed(p, lambda t, d: t.update({"encoder.0.weight": np.zeros(3)})),
        "it has encoder.0.weight, which this model has not",
    ),
    "dtype": (
        lambda p: changed(p, lambda t, d: t.update({"prior.logits": np.zeros(3)})),
        "prior.logits should be float32, found float64",
    ),
    "NaN": (
        lambda p: changed(p, lambda t, d: t["prior.logits"].__setitem__(1, np.nan)),
        "prior.logits should be finite",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_prior_is_one_sentence_and_removing_it_helps(damage, copy, runs, capsys):
    change, words = DAMAGE[damage]
    change(copy / PRIOR)
    for command in ("sample", "evaluate", "info"):
        fails(capsys, [command, copy], str(copy / PRIOR), words, ": remove it to have the trained prior")
    if damage != "a folder":  # which no file replaces
        assert bits(kept(copy).model) == bits(Run.open(copy).model)
        (copy / PRIOR).unlink()
        assert bits(Run.open(copy).model) == bits(Run.open(runs("real vectors")).model)


def test_the_prior_of_another_run_is_refused(copy, runs, images, tmp_path, capsys):
    """Runs of the same shapes have other weights, and a belief net has no vector of latents."""
    recipe = "mlp(latent_dim=4, hidden=4)"
    with Run.start(tmp_path / "twin", Config(data=str(images), recipe=recipe, epochs=1, seed=1)) as twin:
        twin.training(callbacks=(twin.keep(),)).run()
    net = Config(data=str(images), recipe="belief_net(layers=(3,))", epochs=1)
    with Run.start(tmp_path / "net", net) as run:
        run.training(callbacks=(run.keep(),)).run()
    for folder, words in (
        (tmp_path / "twin", "found one for other weights"),
        (runs("codes of a codebook"), "found one for other weights"),
        (tmp_path / "net", "of another model: this is a HelmholtzMachine"),
    ):
        other = Path(shutil.copytree(folder, tmp_path / f"copy of {folder.name}"))
        shutil.copy(copy / PRIOR, other / PRIOR)
        fails(capsys, ["evaluate", other], words)


def test_the_digest_is_of_every_weight_but_the_priors(copy):
    run = Run.open(copy, trained_prior=True)
    found = digest_of_weights(run.model)
    assert found == digest_of_weights(Run.open(copy).model)
    for name, held in named_parameters(run.model).items():
        before, held.value = held.value, held.value + np.float32(1e-3)
        assert digest_of_weights(run.model) != found, name
        held.value = before


def test_what_is_not_finite_is_not_kept(copy):
    run, before = Run.open(copy), (copy / PRIOR).read_bytes()
    run.model.prior.means.value[0, 0] = np.inf
    with pytest.raises(InputError, match=r"prior\.means should be finite"):
        keep_prior(copy, run.model, "gaussian_mixture(components=3)", step=1)
    assert (copy / PRIOR).read_bytes() == before
