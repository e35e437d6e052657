"""A search for good settings, whose hopeless trials end early: Optuna prunes by a callback of `fit`.

A callback of `fit` is called with the training and the name of the event. After each epoch this one tells
Optuna the bound on held-out data,

    bound = ⟨ log p(x|z) − KL(q(z|x) ‖ p(z)) ⟩ ≤ ⟨ log p(x) ⟩        nats per held-out example,

which can be compared from trial to trial, while the loss can't be where β differs. Where it is below the median
of earlier trials at the same epoch (Golovin & others 2017, section 3.2.2), the callback raises
optuna.TrialPruned. After this exception the model has the epochs so far in its history, and the weights after
them, so that it can be used, and fitted again.

For a grid instead of a search, on several cores or machines: scratchvae sweep "beta=1,2,4" "seed=0..4" -- …

    python 18_search.py [--quick] [--trials N] [--seed N] [--out FOLDER]

Sources: Akiba & others 2019, "Optuna: A Next-generation Hyperparameter Optimization Framework"; Golovin &
others 2017, "Google Vizier: A Service for Black-Box Optimization".
"""

import argparse
from pathlib import Path

import numpy as np

from scratchvae import load, mlp, plots

EPOCHS, FREE = 8, 3  # epochs of a trial that is not pruned, and trials before any is


def main(argv=None):
    """Search, train the best settings again, draw each trial's curve."""
    options = read_options(argv)
    try:
        import optuna
    except ImportError:
        print("18_search.py shows a search by Optuna, which is not installed: pip install optuna")
        return 0
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    train, held_out = (
        load("glyphs", seed=options.seed).subset(slice(0, 600 if options.quick else 6000)).split(100)
    )
    models = {}

    def built(settings, seed):
        return mlp(
            train.event_shape, latent_dim=settings["latent_dim"], hidden=(settings["hidden"],), seed=seed
        )

    def fitted(model, settings, callbacks=()):
        rate = settings["learning_rate"]
        return model.fit(
            train,
            held_out=held_out,
            epochs=EPOCHS,
            learning_rate=rate,
            seed=options.seed,
            callbacks=callbacks,
        )

    def objective(trial):
        """The held-out bound with settings that Optuna chooses, where higher is better."""
        settings = {
            "latent_dim": trial.suggest_int("latent_dim", 1, 32, log=True),
            "hidden": trial.suggest_int("hidden", 16, 128, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 1e-5, 3e-2, log=True),
        }

        def report(training, event):
            if event == "epoch":
                trial.report(training.history[-1]["held_out"]["bound"], training.epoch)
                if trial.should_prune():
                    raise optuna.TrialPruned

        models[trial.number] = built(settings, options.seed)
        fitted(models[trial.number], settings, callbacks=[report])
        return bounds(models[trial.number])[-1]

    sampler = optuna.samplers.TPESampler(seed=options.seed)
    study = optuna.create_study(
        direction="maximize", sampler=sampler, pruner=optuna.pruners.MedianPruner(n_startup_trials=FREE)
    )
    study.optimize(objective, n_trials=options.trials)

    print("trial  latents  hidden  learning rate  epochs      bound")
    for trial in study.trials:
        p, curve = trial.params, bounds(models[trial.number])
        words = (
            "  pruned"
            if trial.state.name == "PRUNED"
            else "  the best"
            if trial.number == study.best_trial.number
            else ""
        )
        shape = f"{trial.number:5} {p['latent_dim']:8} {p['hidden']:7} {p['learning_rate']:14.2e}"
        print(f"{shape} {len(curve):7} {curve[-1]:10.2f}{words}")

    pruned = [trial.number for trial in study.trials if trial.state.name == "PRUNED"]
    epochs = sum(len(bounds(model)) for model in models.values())
    finished = [bounds(models[k])[-1] for k in models if k not in pruned]
    print(
        f"\nTrials: {len(models)}, pruned {len(pruned)}   (expected: at least {FREE} are not, "
        f"{len(models) - FREE} at most are)"
    )
    print(f"Epochs trained: {epochs}   (expected: at most {EPOCHS * len(models)}, all of every trial)")
    print(
        f"Best bound: {study.best_value:.4f}   (expected: {max(finished):.4f}, the highest of those not "
        "pruned)"
    )
    again = fitted(built(study.best_params, options.seed), study.best_params)
    print(f"Trained again: {bounds(again)[-1]:.4f}   (expected: {study.best_value:.4f}, the same bits)")
    codes = [np.isfinite(models[k].transform(held_out)).all() for k in models]
    print(f"Models whose codes are finite: {sum(codes)}   (expected: {len(models)}, the pruned ones too)")

    options.out.mkdir(parents=True, exist_ok=True)
    curves = {}
    for k, model in models.items():
        curve = np.array(bounds(model))
        curves[f"{k}, pruned" if k in pruned else f"{k}"] = (np.arange(1, len(curve) + 1), curve)
    words = {
        "x_label": "epoch",
        "y_label": "held-out bound, nats",
        "title": "Trials of a search, and where they ended",
    }
    plots.save(plots.lines({"": curves}, **words), options.out / "trials.png")
    print(f"Pictures: {options.out}")
    return 0


def bounds(model):
    """The held-out bound after each epoch that was trained."""
    return [record["held_out"]["bound"] for record in model.history]


def read_options(argv):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--trials", type=int, default=12, help="how many settings are tried (default 12)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("search_pictures"))
    options = parser.parse_args(argv)
    if options.seed < 0:
        parser.error(f"--seed should be 0 or more, found {options.seed}")
    if options.trials < 1:
        parser.error(f"--trials should be 1 or more, found {options.trials}")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
