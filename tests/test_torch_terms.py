"""Terms of the family as people write them in PyTorch, right ones and faulty ones, with autograd's gradients.

The formulas stand apart from those of the library. A fault is made by the line that public code has.
"""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from scratchvae.reference import diagnose_term  # noqa: E402

F = torch.nn.functional
B, Z, N = 8, 3, 40


def leaf(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def of(value, **arrays):
    """The arrays of a term, its value, and the gradients of the value's mean."""
    value.mean().backward()
    slopes = {f"d_{name}": array.grad for name, array in arrays.items() if array.grad is not None}
    return {**arrays, "value": value, **slopes}


def kernel(a, b):
    return torch.exp(-(torch.cdist(a, b) ** 2) / (2 * 2.0))


def mmd(fault=None):
    z, p = leaf(B, Z), leaf(B + 2, Z, seed=1).detach()
    zz = torch.exp(-((z[:, None] - z[None]) ** 2).sum(-1) / 4)
    pp, zp = kernel(p, p), torch.exp(-((z[:, None] - p[None]) ** 2).sum(-1) / 4)
    n, m = len(z), len(p)
    among, prior = zz.sum() - torch.diagonal(zz).sum(), pp.sum() - torch.diagonal(pp).sum()
    if fault == "mmd_divided_by_n_minus_1":
        value = among / (n - 1) + prior / (m - 1) - 2 * zp.mean()
    elif fault == "mmd_cross_sign":
        value = among / (n * (n - 1)) + prior / (m * (m - 1)) + 2 * zp.mean()
    elif fault == "mmd_over_all_pairs":
        value = zz.mean() + pp.mean() - 2 * zp.mean()
    else:
        value = among / (n * (n - 1)) + prior / (m * (m - 1)) - 2 * zp.mean()
    return of(value, z=z, prior=p), {"width": 2.0}


def total_correlation(fault=None):
    z, mean, log_var = leaf(B, Z), leaf(B, Z, seed=1), leaf(B, Z, seed=2)
    log_q = torch.distributions.Normal(mean[None], torch.exp(0.5 * log_var)[None]).log_prob(z[:, None])
    share = (N - B + 1) / (N * (B - 1))
    weights = torch.full((B, B), 1 / (B - 1), dtype=torch.float64)
    if fault == "stratified_share_in_a_column":
        weights[:, 0], weights[:, 1] = 1 / N, share
    elif fault == "shares_sum_to_1_over_n":
        weights[:] = 1 / (N * B)
    elif fault == "batch_in_place_of_the_data":
        weights[:] = 1 / B
    else:
        weights.view(-1)[:: B + 1] = 1 / N
        weights.view(-1)[1 :: B + 1] = share
        weights[B - 1, 0] = share
    log_s = weights.log()
    axis = 0 if fault == "summed_over_draws" else 1
    joint = torch.logsumexp(log_s + log_q.sum(2), axis)
    product = torch.logsumexp(log_s[:, :, None] + log_q, axis).sum(1)
    return of(joint - product, z=z, mean=mean, log_var=log_var), {"examples": N}


def quantization(fault=None):
    z_e, codebook = leaf(B, Z), leaf(5, Z, seed=1)
    e = codebook[torch.cdist(z_e, codebook).argmin(1)]
    if fault == "loss_after_straight_through":
        e = z_e + (e - z_e).detach()
    norm = (lambda d: (d**2).mean(1)) if fault == "norms_averaged_over_latents" else lambda d: (d**2).sum(1)
    code, commitment = norm(e - z_e.detach()), norm(z_e - e.detach())
    if fault == "stop_gradients_swapped":
        code, commitment = commitment, code
    value = code + 0.25 * commitment
    if fault == "norms_summed_over_the_batch":
        value = value.sum().expand(B)
    if fault == "commitment_missing":
        value = code
    return of(value, z_e=z_e, codebook=codebook), {}


def categorical_kl(fault=None):
    logits = leaf(B, 4)
    torch.manual_seed(0)
    y = F.gumbel_softmax(logits, tau=0.7)
    q = torch.softmax(logits, 1)
    if fault == "categorical_inverse_k_for_log_k":
        value = (q * (torch.log(q) - 1 / 4)).sum(1)
    elif fault == "categorical_kl_at_a_relaxed_draw":
        value = (y * torch.log(y / (1 / 4))).sum(1)
    else:
        value = torch.distributions.kl_divergence(
            torch.distributions.Categorical(logits=logits),
            torch.distributions.Categorical(logits=torch.zeros_like(logits)),
        )
    return of(value, logits=logits) | {"draw": y.detach()}, {}


def gaussian_kl(fault=None):
    mean, log_var, prior_mean, prior_log_var = (leaf(B, Z, seed=k) for k in range(4))
    q = torch.distributions.Normal(mean, torch.exp(0.5 * log_var))
    p = torch.distributions.Normal(prior_mean, torch.exp(0.5 * prior_log_var))
    if fault == "kl_to_standard_normal":
        p = torch.distributions.Normal(0.0, 1.0)
    if fault == "gaussian_kl_reversed":
        p, q = q, p
    if fault == "prior_detached":
        p = torch.distributions.Normal(p.loc.detach(), p.scale.detach())
    value = torch.distributions.kl_divergence(q, p).sum(1)
    arrays = {"mean": mean, "log_var": log_var, "prior_mean": prior_mean, "prior_log_var": prior_log_var}
    found = of(value, **arrays)
    return found | {f"d_{k}": torch.zeros_like(v) for k, v in arrays.items() if v.grad is None}, {}


def grouped_bound(fault=None):
    log_w = leaf(B, 3, 3)  # as many groups as draws, which hides an exchange of axes from shapes
    if fault == "axes_of_draws_exchanged":
        value = (torch.logsumexp(log_w, 1) - math.log(3)).mean(1)
    elif fault == "one_bound_of_all_draws":
        value = torch.logsumexp(log_w.flatten(1), 1) - math.log(9)
    else:
        value = (torch.logsumexp(log_w, 2) - math.log(3)).mean(1)
    return of(value, log_w=log_w), {}


def product_of_experts(fault=None):
    means, log_vars = leaf(3, B, Z).detach(), leaf(3, B, Z, seed=1).detach()
    present = torch.tensor(np.random.default_rng(2).random((3, B)) < 0.6)
    if fault == "missing_expert_counts_as_standard_normal":
        filled = torch.where(present[:, :, None], means, 0.0), torch.where(present[:, :, None], log_vars, 0.0)
        precision = torch.exp(-filled[1])
    else:
        precision = torch.exp(-log_vars) * present[:, :, None]
    total = precision.sum(0) + (0 if fault == "prior_expert_left_out" else 1)
    mean = (means * precision * present[:, :, None]).sum(0) / total
    return {
        "means": means,
        "log_vars": log_vars,
        "present": present,
        "mean": mean,
        "log_var": -total.log(),
    }, {}


def continuous_bernoulli(fault=None):
    logits, x = leaf(B, 5), torch.tensor(np.random.default_rng(1).random((B, 5)))
    if fault == "normalizer_missing":
        value = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    else:
        value = torch.distributions.ContinuousBernoulli(logits=logits).log_prob(x).sum(1)
    return of(value, logits=logits, x=x), {}


def discretized_logistic(fault=None):
    mean, log_scale = leaf(B, 5), leaf(B, 5, seed=1)
    x = torch.tensor(np.random.default_rng(2).integers(0, 4, (B, 5)))
    half = 1.0 if fault == "interval_twice_as_wide" else 0.5
    high, low = ((x + side - mean) / log_scale.exp() for side in (half, -half))
    above, below = torch.sigmoid(high), torch.sigmoid(low)
    if fault != "edge_mass_lost":
        above = torch.where(x == 3, 1.0, above)
        below = torch.where(x == 0, 0.0, below)
    return of(torch.log(above - below).sum(1), mean=mean, log_scale=log_scale, x=x), {"levels": 4}


def planar_step(fault=None):
    w, u = leaf(B, Z), leaf(B, Z, seed=1)
    s = (w * u).sum(1, keepdim=True)
    norm = w.norm(dim=1, keepdim=True)
    u_hat = u + (F.softplus(s) - 1 - s) * w / (norm if fault == "planar_divided_by_norm" else norm**2)
    return {"w": w, "u": u, "u_hat": u_hat}, {}


def decoder_gradient(fault=None):
    torch.manual_seed(0)
    encoder, decoder = (
        torch.nn.Linear(5, Z).double(),
        torch.nn.Sequential(torch.nn.Linear(Z, 5), torch.nn.Tanh()),
    )
    decoder = decoder.double()
    x = leaf(B, 5)
    jacobian = torch.func.vmap(torch.func.jacrev(decoder))(encoder(x))
    if fault == "slope_through_the_encoder":
        value = (torch.func.vmap(torch.func.jacrev(lambda a: decoder(encoder(a))))(x) ** 2).sum((1, 2))
    elif fault == "slope_of_the_summed_output":
        z = encoder(x).detach().requires_grad_()
        (slope,) = torch.autograd.grad(decoder(z).sum(), z)
        value = (slope**2).sum(1)
    else:
        value = (jacobian**2).sum((1, 2))
    through = torch.func.vmap(torch.func.jacrev(encoder))(x)
    return {"jacobian": jacobian, "encoder_jacobian": through, "value": value}, {}


def critic(fault=None):
    torch.manual_seed(0)
    z, network = leaf(B, Z), torch.nn.Linear(Z, 1).double()
    permuted = torch.stack([z[torch.randperm(B), j] for j in range(Z)], 1).detach()
    seen = z if fault == "codes_not_detached" else z.detach()
    logits, other = network(seen)[:, 0], network(permuted)[:, 0]
    value = 0.5 * (
        F.binary_cross_entropy_with_logits(logits, torch.ones(B, dtype=torch.float64))
        + F.binary_cross_entropy_with_logits(other, torch.zeros(B, dtype=torch.float64))
    )
    value.backward()
    d_z = torch.zeros(B, Z) if z.grad is None else z.grad
    return {"logits": logits, "other_logits": other, "value": value, "d_z": d_z}, {}


WRITTEN = {
    mmd: ("mmd_divided_by_n_minus_1", "mmd_cross_sign", "mmd_over_all_pairs"),
    total_correlation: (
        "stratified_share_in_a_column",
        "shares_sum_to_1_over_n",
        "batch_in_place_of_the_data",
        "summed_over_draws",
    ),
    quantization: (
        "stop_gradients_swapped",
        "loss_after_straight_through",
        "norms_summed_over_the_batch",
        "norms_averaged_over_latents",
        "commitment_missing",
    ),
    categorical_kl: ("categorical_inverse_k_for_log_k", "categorical_kl_at_a_relaxed_draw"),
    gaussian_kl: ("kl_to_standard_normal", "gaussian_kl_reversed", "prior_detached"),
    grouped_bound: ("axes_of_draws_exchanged", "one_bound_of_all_draws"),
    product_of_experts: ("missing_expert_counts_as_standard_normal", "prior_expert_left_out"),
    continuous_bernoulli: ("normalizer_missing",),
    discretized_logistic: ("edge_mass_lost", "interval_twice_as_wide"),
    planar_step: ("planar_divided_by_norm",),
    decoder_gradient: ("slope_through_the_encoder", "slope_of_the_summed_output"),
    critic: ("codes_not_detached",),
}
CASES = [(term, fault) for term, found in WRITTEN.items() for fault in (None, *found)]


@pytest.mark.parametrize(("term", "fault"), CASES, ids=[f"{t.__name__} {f}" for t, f in CASES])
def test_a_term_of_pytorch_code_agrees_or_its_fault_is_named(term, fault):
    arrays, settings = term(fault)
    report = diagnose_term(term.__name__, arrays, **settings)
    assert (report.matches, report.mistake) == (fault is None, fault), str(report)
