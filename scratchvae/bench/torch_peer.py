"""The workloads as plain PyTorch, as its users would write them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scratchvae.bench import torch_family
from scratchvae.bench.workloads import CONTEXT, ladder_sizes


def build(
    workload: str, *, compiled: bool, batch: int, hidden: int, latent: int, samples: int
) -> tuple[Callable[[], None], int]:
    """Return a function that does one step, and the number of images that a step sees.

    `compiled` sends it through torch.compile.
    """
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.manual_seed(0)
    encoder, decoder = _networks(nn, workload, hidden, latent)
    x = torch.from_numpy((np.random.default_rng(0).random((batch, 784)) < 0.3).astype(np.float32))

    def negative_bound(x: Any) -> Any:
        mean, log_var = encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        reconstruction = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())
        return (reconstruction + kl) / len(x)

    def log_weights(x: Any, K: int) -> Any:
        mean, log_var = encoder(x).chunk(2, dim=1)
        epsilon = torch.randn(K, *mean.shape)
        z = mean + torch.exp(0.5 * log_var) * epsilon
        logits = decoder(z)
        log_px = -F.binary_cross_entropy_with_logits(logits, x.expand_as(logits), reduction="none").sum(-1)
        log_pz = -0.5 * (z.pow(2) + math.log(2 * math.pi)).sum(-1)
        log_q = -0.5 * (epsilon.pow(2) + log_var + math.log(2 * math.pi)).sum(-1)
        return log_px + log_pz - log_q

    def negative_iwae(x: Any) -> Any:
        return -(torch.logsumexp(log_weights(x, samples), dim=0) - math.log(samples)).mean()

    if workload == "evaluate":
        weights = torch.compile(log_weights) if compiled else log_weights

        @torch.no_grad()
        def evaluate() -> None:
            for image in x:
                parts = [torch.logsumexp(weights(image[None], K), dim=0) for K in _chunks(samples)]
                (torch.logsumexp(torch.stack(parts), dim=0) - math.log(samples)).item()

        return evaluate, batch

    loss = negative_iwae if workload == "iwae" else negative_bound
    learned = [*encoder.parameters(), *decoder.parameters()]
    if workload in torch_family.LOSSES:
        loss, more = torch_family.LOSSES[workload](encoder, decoder, latent, hidden)
        learned += more
    loss = torch.compile(loss) if compiled else loss
    optimizer = torch.optim.Adam(learned, lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        optimizer.step()
        value.item()

    return step, batch


def _networks(nn: Any, workload: str, hidden: int, latent: int) -> tuple[Any, Any]:
    outputs = {"mlp": 2 * latent, "beta-tc": 2 * latent, "vq": latent, "flow": 2 * latent + CONTEXT}
    if workload == "ladder":
        encoder = nn.Sequential(nn.Linear(784, hidden), nn.ReLU())
        decoder = nn.Sequential(nn.Linear(ladder_sizes(latent)[0], hidden), nn.ReLU(), nn.Linear(hidden, 784))
    elif workload in outputs:
        encoder = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, outputs[workload]))
        decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784))
    elif workload == "conv":
        encoder = nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * 49, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2 * latent),
        )
        decoder = nn.Sequential(
            nn.Linear(latent, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 64 * 49),
            nn.ReLU(),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1),
            nn.Flatten(),
        )
    else:
        inner = (nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        encoder = nn.Sequential(nn.Linear(784, hidden), *inner, nn.Linear(hidden, 2 * latent))
        inner = (nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        decoder = nn.Sequential(nn.Linear(latent, hidden), *inner, nn.Linear(hidden, 784))
    return encoder, decoder


def _chunks(samples: int, most: int = 2500) -> list[int]:
    return [min(most, samples - done) for done in range(0, samples, most)]
