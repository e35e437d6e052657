"""A named workload says what one step does, how many images it sees, and which matrix products it needs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scratchvae.bench.products import of_convolution, of_linear_layers, run_products
from scratchvae.data import Batch, Dataset
from scratchvae.evaluation import log_likelihood
from scratchvae.evaluation.log_likelihood import ROWS
from scratchvae.layers import named_parameters
from scratchvae.models import LatentVariableModel
from scratchvae.objectives import Elbo, Iwae, Objective, Quantization, SampledElbo, TotalCorrelation
from scratchvae.recipes import convolutional, mlp
from scratchvae.training import Adam, Phase, train_step

PIXELS = 784
CODES, CODE_SIZE = 512, 8  # the codebook of vq_step
MADE, CONTEXT = 64, 16  # the hidden units and the context of the steps in flow_step
EXAMPLES = 60_000  # the examples that beta_tc_step assumes
STEP = 64  # the hidden units between the two layers of ladder_step


@dataclass(frozen=True)
class Workload:
    """`step()` does the work once on `images` images, and `products()` computes its matrix products alone."""

    step: Callable[[], None]
    products: Callable[[], None]
    images: int


def mlp_step(batch: int = 128, hidden: int = 400, latent: int = 20) -> Workload:
    """Train 784-400-(20,20)-400-784 with ReLU, a Bernoulli likelihood and Adam on batches of 128."""
    model = mlp((PIXELS,), latent_dim=latent, hidden=(hidden,))
    products = of_linear_layers(batch, (PIXELS, hidden, 2 * latent), needs_dx=False)
    products += of_linear_layers(batch, (latent, hidden, PIXELS), needs_dx=True)
    return Workload(_training(model, Elbo(), batch), run_products(products), batch)


def conv_step(batch: int = 128, hidden: int = 256, latent: int = 16) -> Workload:
    """Train convolutions of 32 and 64 channels (k4 s2 p1) on 28x28x1, 256 hidden units and 16 latents.

    The decoder mirrors the encoder; the likelihood is Bernoulli, the optimizer Adam, and the batch 128.
    """
    model = convolutional((1, 28, 28), latent_dim=latent, channels=(32, 64), hidden=hidden)
    wide, narrow, flat = batch * 14 * 14, batch * 7 * 7, 64 * 7 * 7
    products = of_convolution(32, 16, wide, needs_dx=False) + of_convolution(64, 512, narrow, needs_dx=True)
    products += of_linear_layers(batch, (flat, hidden, 2 * latent), needs_dx=True)
    products += of_linear_layers(batch, (latent, hidden, flat), needs_dx=True)
    products += of_convolution(64, 512, narrow, needs_dx=True) + of_convolution(32, 16, wide, needs_dx=True)
    return Workload(_training(model, Elbo(), batch), run_products(products), batch)


def iwae_step(batch: int = 20, hidden: int = 200, latent: int = 50, samples: int = 50) -> Workload:
    """Train 784-200-200-(50,50)-200-200-784 with tanh on the importance-weighted bound with K = 50.

    The optimizer is Adam and the batch 20.
    """
    model = _iwae_network(hidden, latent)
    products = of_linear_layers(batch, (PIXELS, hidden, hidden, 2 * latent), needs_dx=False)
    products += of_linear_layers(batch * samples, (latent, hidden, hidden, PIXELS), needs_dx=True)
    return Workload(_training(model, Iwae(samples), batch), run_products(products), batch)


def evaluate_step(batch: int = 100, hidden: int = 200, latent: int = 50, samples: int = 5000) -> Workload:
    """Evaluate the importance-weighted log-likelihood of 100 images with 5,000 draws each.

    The network is that of `iwae_step`.
    """
    model = _iwae_network(hidden, latent)
    data = Dataset("bench", _binary_images(batch))
    rng = np.random.default_rng(0)
    together = max(1, ROWS // samples)  # images
    groups = [min(together, batch - start) * samples for start in range(0, batch, together)]
    pieces = [min(ROWS, rows - done) for rows in groups for done in range(0, rows, ROWS)]
    layers = {
        n: of_linear_layers(n, (latent, hidden, hidden, PIXELS), needs_dx=False, backward=False)
        for n in set(pieces)
    }
    products = [product for n in pieces for product in layers[n]]

    def step() -> None:
        log_likelihood(model, data, samples=samples, rng=rng)

    return Workload(step, run_products(products), batch)


def vq_step(batch: int = 128, hidden: int = 400, latent: int = 64) -> Workload:
    """Train 784-400-64-400-784, where one codebook of 512 codes quantizes each 8 of the 64 latents.

    The likelihood is Bernoulli, the encoder pays for commitment, the optimizer is Adam, and the batch 128.
    """
    model = mlp(
        (PIXELS,),
        latent_dim=latent,
        hidden=(hidden,),
        posterior=f"vq({CODES}, {latent // CODE_SIZE})",
        prior="codes",
    )
    products = of_linear_layers(batch, (PIXELS, hidden, latent), needs_dx=False)
    products += of_linear_layers(
        batch * latent // CODE_SIZE, (CODE_SIZE, CODES), needs_dx=False, backward=False
    )  # distances
    products += of_linear_layers(batch, (latent, hidden, PIXELS), needs_dx=True)
    return Workload(_training(model, Elbo(penalties=(Quantization(),)), batch), run_products(products), batch)


def flow_step(batch: int = 128, hidden: int = 400, latent: int = 20) -> Workload:
    """Train 784-400-(20,20,16)-400-784 with two inverse autoregressive steps of 64 hidden units.

    The KL is sampled, the optimizer is Adam, and the batch 128.
    """
    model = mlp(
        (PIXELS,),
        latent_dim=latent,
        hidden=(hidden,),
        posterior=f"iaf(steps=2, hidden={MADE}, context={CONTEXT})",
    )
    products = of_linear_layers(batch, (PIXELS, hidden, 2 * latent + CONTEXT), needs_dx=False)
    step = of_linear_layers(batch, (latent, MADE, 2 * latent), needs_dx=True)
    step += of_linear_layers(batch, (CONTEXT, MADE), needs_dx=True)
    products += step * 2 + of_linear_layers(batch, (latent, hidden, PIXELS), needs_dx=True)
    return Workload(_training(model, SampledElbo(), batch), run_products(products), batch)


def beta_tc_step(batch: int = 128, hidden: int = 400, latent: int = 10) -> Workload:
    """Train 784-400-(10,10)-400-784 with the total correlation of 60,000 examples, stratified, at weight 3.

    The likelihood is Bernoulli, the optimizer Adam, and the batch 128.
    """
    model = mlp((PIXELS,), latent_dim=latent, hidden=(hidden,))
    products = of_linear_layers(batch, (PIXELS, hidden, 2 * latent), needs_dx=False)
    products += of_linear_layers(batch, (latent, hidden, PIXELS), needs_dx=True)
    objective = Elbo(penalties=(TotalCorrelation(3.0, EXAMPLES),))
    return Workload(_training(model, objective, batch), run_products(products), batch)


def ladder_step(batch: int = 128, hidden: int = 400, latent: int = 20) -> Workload:
    """Train a ladder of 7 latents above 13, with a step of 64 units between them, and Adam.

    The encoder is 784-400-(13,13) with 400-400-(7,7) above it, and the decoder 13-400-784.
    """
    lower, upper = ladder_sizes(latent)
    posterior = f"ladder(sizes=({lower}, {upper}), hidden={STEP})"
    model = mlp((PIXELS,), latent_dim=latent, hidden=(hidden,), posterior=posterior, prior="hierarchical")
    products = of_linear_layers(batch, (PIXELS, hidden, 2 * lower), needs_dx=False)
    products += of_linear_layers(batch, (hidden, hidden, 2 * upper), needs_dx=True)
    products += of_linear_layers(batch, (upper, STEP, 2 * lower), needs_dx=True)
    products += of_linear_layers(batch, (lower, hidden, PIXELS), needs_dx=True)
    return Workload(_training(model, Elbo(), batch), run_products(products), batch)


def ladder_sizes(latent: int) -> tuple[int, int]:
    """Return how many latents the lower and the upper layer of the ladder have: the upper one has a third."""
    upper = -(-latent // 3)
    return latent - upper, upper


WORKLOADS: dict[str, Callable[..., Workload]] = {
    "mlp": mlp_step,
    "conv": conv_step,
    "iwae": iwae_step,
    "evaluate": evaluate_step,
    "vq": vq_step,
    "flow": flow_step,
    "beta-tc": beta_tc_step,
    "ladder": ladder_step,
}


def _iwae_network(hidden: int, latent: int) -> LatentVariableModel:
    return mlp((PIXELS,), latent_dim=latent, hidden=(hidden, hidden), activation="tanh")


def _binary_images(batch: int) -> np.ndarray:
    return (np.random.default_rng(0).random((batch, PIXELS)) < 0.3).astype(np.float32)


def _training(model: LatentVariableModel, objective: Objective, images: int) -> Callable[[], None]:
    batch = Batch(_binary_images(images))
    rng, phase = np.random.default_rng(0), Phase(objective, Adam(1e-3))
    parameters = named_parameters(model)

    def step() -> None:
        train_step(model, parameters, phase, batch, rng, step=0)

    return step
