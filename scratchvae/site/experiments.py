"""Short trainings stand behind the pages: on digits that the library draws, and the same in every build."""

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from scratchvae import data, evaluation, recipes
from scratchvae.arrays import Array
from scratchvae.data import Dataset
from scratchvae.layers import dtype_of
from scratchvae.likelihoods import Gaussian
from scratchvae.models import LatentVariableModel
from scratchvae.objectives import Elbo, Objective, Ramp
from scratchvae.site.decoders import largest_logit_error, logits_of, packed
from scratchvae.training import Cosine

SIDE, SMALL = 24, 16  # sides in pixels: of the decoders on the pages, and of the runs that are compared
BETAS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
SIGMAS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)
PLAIN = {
    "font": (0, 10),
    "x": (0, 0),
    "y": (0, 0),
    "rotation": (-4, 4),
    "scale": (0.95, 1.05),
    "weight": (0, 0.5),
    "shear": (0, 0),
}


@dataclass(frozen=True)
class Measured:
    """One run on held-out data: its setting, rate and distortion in nats, ‖x − E[x|z]‖², and its pictures.

    The KL of each latent is there too.
    """

    setting: float
    rate: float
    distortion: float
    squared: float
    kl: Array
    pictures: Array
    samples: Array

    def for_page(self) -> dict[str, Any]:
        """Return the run as JSON can hold it."""
        numbers = {
            "setting": self.setting,
            "rate": self.rate,
            "distortion": self.distortion,
            "squared": self.squared,
        }
        return {
            **numbers,
            "kl": self.kl.tolist(),
            "pictures": greys(self.pictures),
            "samples": greys(self.samples),
        }


def greys(images: Array) -> str:
    """Return pictures of numbers from 0 to 1 as bytes in base64."""
    return b64encode(np.round(255 * np.clip(images, 0, 1)).astype(np.uint8).tobytes()).decode()


@cache
def digits(n: int, side: int, *, plain: bool = False) -> tuple[Dataset, Dataset]:
    """Return digits to train on, and 600 that are held out.

    `plain` digits differ by their class and typeface, and by little else.
    """
    drawn = (
        data.glyphs(n + 600, characters="0123456789", ranges=PLAIN, size=side)
        if plain
        else data.numerals(n + 600, size=side)
    )
    return drawn.split(600)


def trained(
    train: Dataset,
    *,
    latents: int,
    hidden: int,
    epochs: int,
    objective: Objective | None = None,
    variance: float | None = None,
) -> LatentVariableModel:
    """Train a VAE of one hidden layer each way; with a `variance` its decoder is Gaussian."""
    likelihood = "bernoulli" if variance is None else Gaussian(variance)
    model = recipes.mlp(train.event_shape, latent_dim=latents, hidden=hidden, likelihood=likelihood)
    steps = epochs * -(-len(train) // 128)
    model.fit(
        train, epochs=epochs, batch_size=128, learning_rate=Cosine(4e-3, steps), objective=objective or Elbo()
    )
    return model


def first_of_each_class(held_out: Dataset) -> Array:
    """Return the row of the first example of each class."""
    assert held_out.labels is not None
    return np.array([int(np.flatnonzero(np.asarray(held_out.labels) == label)[0]) for label in range(10)])


def decoder_for_page(model: LatentVariableModel, z: Array) -> tuple[dict[str, Any], float, float]:
    """Return the decoder in 8 bits, and the largest errors of a pixel's probability at those codes.

    The first error is the bound, and the second one is the largest that occurs.
    """
    layers = packed(model.decoder)
    ours, _ = model.decoder(z)
    made = np.abs(1 / (1 + np.exp(-logits_of(layers, z))) - 1 / (1 + np.exp(-ours.astype(float)))).max()
    return (
        {"layers": [layer.for_page() for layer in layers]},
        float(largest_logit_error(model.decoder, layers, z).max() / 4),
        float(made),
    )


@cache
def with_beta(beta: float) -> Measured:
    """Train the VAE with that β, and measure it."""
    train, held_out = digits(3000, SMALL)
    return _measured(
        beta, trained(train, latents=8, hidden=96, epochs=14, objective=Elbo(beta=beta)), held_out
    )


def by_sigma() -> list[Measured]:
    """Train a VAE with a Gaussian decoder for each fixed σ, and measure them."""
    train, held_out = digits(3000, SMALL)
    return [
        _measured(s, trained(train, latents=8, hidden=96, epochs=14, variance=s * s), held_out)
        for s in SIGMAS
    ]


def _measured(setting: float, model: LatentVariableModel, held_out: Dataset) -> Measured:
    (point,) = evaluation.rate_distortion(lambda: model, [{}], held_out)
    kl = evaluation.kl_by_latent(model, held_out, rng=np.random.default_rng(0))
    shown = held_out.subset(first_of_each_class(held_out))
    pictures = np.asarray(model.reconstruct(shown)).reshape(10, -1)
    samples = np.asarray(model.decode(np.random.default_rng(1).normal(size=(10, 8)))).reshape(10, -1)
    assert point.squared_error is not None
    return Measured(setting, point.rate, point.distortion, point.squared_error, kl, pictures, samples)


SCHEDULES: dict[str, dict[str, Any]] = {
    "β = 1 from the first step": {},
    "a ramp over 150 steps": {"beta": Ramp(0, 1, steps=150)},
    "a ramp over 300 steps": {"beta": Ramp(0, 1, steps=300)},
    "β = 1, half a nat free in each latent": {"free_bits": 0.5},
}


def by_schedule(*, steps: int = 360, every: int = 9) -> tuple[list[int], list[dict[str, Any]]]:
    """Record the KL of each latent along four trainings of one network, which weigh the KL differently."""
    train, held_out = digits(3000, SMALL)
    judged, marks = held_out.subset(np.arange(300)), list(range(0, steps + 1, every))
    runs = []
    for words, settings in SCHEDULES.items():
        objective = Elbo(**settings)
        beta = objective.beta
        run: dict[str, Any] = {"words": words, "beta": [beta(m) if callable(beta) else beta for m in marks]}
        run |= {"kl": [], "bound": [], "latents": []}
        model = recipes.mlp(train.event_shape, latent_dim=8, hidden=96, likelihood="bernoulli")

        def record(model: LatentVariableModel, run: dict[str, Any]) -> None:
            batch = next(iter(judged.batches(len(judged), dtype_of(model))))
            one, _ = model.run(
                batch, model.draw_noise(len(batch), np.random.default_rng(0)), kl="closed_form"
            )
            assert one.kl is not None
            kl = one.kl.mean(axis=0)
            run["kl"].append(float(kl.sum()))
            run["bound"].append(float(one.log_px.mean() - kl.sum()))
            run["latents"].append([round(float(v), 4) for v in kl])

        def callback(training: Any, event: str, run: dict[str, Any] = run) -> None:
            if event == "start" or (
                event == "step" and training.step % every == 0 and training.step <= steps
            ):
                record(training.model, run)

        epochs = -(-steps // -(-len(train) // 128))
        model.fit(
            train,
            epochs=epochs,
            batch_size=128,
            learning_rate=3e-3,
            objective=objective,
            callbacks=[callback],
        )
        runs.append(run)
    return marks, runs
