"""The losses of the workloads `vq`, `flow`, `beta-tc` and `ladder` in plain PyTorch.

Each function takes the encoder and the decoder, and returns the loss and the parameters that it has besides
these networks.
"""

import math
from typing import Any

from scratchvae.bench.workloads import CODE_SIZE, CODES, CONTEXT, EXAMPLES, MADE, STEP, ladder_sizes


def vq(encoder: Any, decoder: Any, latent: int, hidden: int) -> tuple[Any, list[Any]]:
    """Quantize to the nearest codes, straight through, with the loss terms of codebook and commitment.

    The distances to the codes come from a matrix product.
    """
    import torch
    from torch.nn import functional as F

    codes = torch.randn(CODES, CODE_SIZE, requires_grad=True)
    constant = latent // CODE_SIZE * math.log(CODES)  # the KL of a code to the uniform prior, for each part

    def loss(x: Any) -> Any:
        z_e = encoder(x)
        parts = z_e.view(-1, CODE_SIZE)
        with torch.no_grad():
            nearest = ((codes**2).sum(1) - 2 * parts @ codes.T).argmin(1)
        e = codes[nearest].view_as(z_e)
        z = z_e + (e - z_e).detach()
        pays = ((e - z_e.detach()) ** 2).sum() + 0.25 * ((z_e - e.detach()) ** 2).sum()
        return (F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum") + pays) / len(x) + constant

    return loss, [codes]


def flow(encoder: Any, decoder: Any, latent: int, hidden: int) -> tuple[Any, list[Any]]:
    """Take two inverse autoregressive steps, each a masked network with a context, in opposite orders."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    place = torch.arange(latent)
    hidden_place = torch.arange(MADE) % latent - 1
    steps = []
    for order in (place, place.flip(0)):
        first, of_context, last = (
            nn.Linear(latent, MADE),
            nn.Linear(CONTEXT, MADE, bias=False),
            nn.Linear(MADE, 2 * latent),
        )
        masks = (hidden_place[:, None] >= order).float(), (order.repeat(2)[:, None] > hidden_place).float()
        steps.append((first, of_context, last, masks))

    def loss(x: Any) -> Any:
        mean, log_var, context = encoder(x).split((latent, latent, CONTEXT), dim=1)
        epsilon = torch.randn_like(mean)
        z = mean + torch.exp(0.5 * log_var) * epsilon
        log_q = -0.5 * (epsilon**2 + log_var + math.log(2 * math.pi)).sum(1)
        for first, of_context, last, (before, after) in steps:
            h = F.elu(F.linear(z, first.weight * before, first.bias) + of_context(context))
            a, m = F.linear(h, last.weight * after, last.bias).chunk(2, dim=1)
            gate = torch.sigmoid(a)
            z, log_q = gate * z + (1 - gate) * m, log_q - F.logsigmoid(a).sum(1)
        log_pz = -0.5 * (z**2 + math.log(2 * math.pi)).sum(1)
        log_px = -F.binary_cross_entropy_with_logits(decoder(z), x, reduction="none").sum(1)
        return (log_q - log_pz - log_px).mean()

    return loss, [p for *layers, _ in steps for layer in layers for p in layer.parameters()]


def beta_tc(encoder: Any, decoder: Any, latent: int, hidden: int) -> tuple[Any, list[Any]]:
    """Use the closed-form KL, and the total correlation with stratified weights."""
    import torch
    from torch.nn import functional as F

    def log_shares(B: int) -> Any:
        shares = torch.full((B, B), 1 / (B - 1))
        rows = torch.arange(B)
        shares[rows, rows] = 1 / EXAMPLES
        shares[rows, (rows + 1) % B] = (EXAMPLES - B + 1) / (EXAMPLES * (B - 1))
        return shares.log()

    held: dict[int, Any] = {}

    def loss(x: Any) -> Any:
        mean, log_var = encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        log_s = held.setdefault(len(x), log_shares(len(x)))
        # (B, B, Z)
        pairs = -0.5 * (math.log(2 * math.pi) + log_var + (z[:, None] - mean) ** 2 * torch.exp(-log_var))
        joint = torch.logsumexp(pairs.sum(2) + log_s, 1)
        total_correlation = (joint - torch.logsumexp(pairs + log_s[:, :, None], 1).sum(1)).mean()
        kl = -0.5 * torch.sum(1 + log_var - mean**2 - log_var.exp())
        reconstruction = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        return (reconstruction + kl) / len(x) + 3 * total_correlation

    return loss, []


def ladder(encoder: Any, decoder: Any, latent: int, hidden: int) -> tuple[Any, list[Any]]:
    """Use two layers of latents: what x says of the lower one is multiplied by what the upper one says of it.

    The encoder ends in its hidden units, and what x says of the upper layer has one hidden layer more.
    """
    import torch
    from torch import nn
    from torch.nn import functional as F

    lower, upper = ladder_sizes(latent)
    low = nn.Linear(hidden, 2 * lower)
    high = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 2 * upper))
    step = nn.Sequential(nn.Linear(upper, STEP), nn.Tanh(), nn.Linear(STEP, 2 * lower))

    def loss(x: Any) -> Any:
        h = encoder(x)
        (mean, log_var), (top_mean, top_log_var) = low(h).chunk(2, dim=1), high(h).chunk(2, dim=1)
        top = top_mean + torch.exp(0.5 * top_log_var) * torch.randn_like(top_mean)
        p_mean, p_log_var = step(top).chunk(2, dim=1)
        share = torch.sigmoid(p_log_var - log_var)
        q_mean = share * mean + (1 - share) * p_mean
        q_log_var = log_var + F.logsigmoid(p_log_var - log_var)
        z = q_mean + torch.exp(0.5 * q_log_var) * torch.randn_like(q_mean)
        kl_top = 0.5 * (top_mean**2 + top_log_var.exp() - 1 - top_log_var).sum()
        ratio = (q_log_var.exp() + (q_mean - p_mean) ** 2) * torch.exp(-p_log_var)
        kl = 0.5 * (ratio - 1 - q_log_var + p_log_var).sum()
        reconstruction = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        return (reconstruction + kl + kl_top) / len(x)

    return loss, [p for part in (low, high, step) for p in part.parameters()]


LOSSES = {"vq": vq, "flow": flow, "beta-tc": beta_tc, "ladder": ladder}
