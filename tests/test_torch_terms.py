"""Terms of the family as people write them in PyTorch, right ones and faulty ones, with autograd's gradients.

The formulas stand apart from those of the library. A fault is made by the line that public code has.
"""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from scratchvae.reference import TERMS, diagnose_term  # noqa: E402

F = torch.nn.functional
B, Z, N = 8, 3, 40


def leaf(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


def of(value, **arrays):
    """The arrays of a term, its value, and the gradients of the value's mean."""
    value.mean().backward()
    slopes = {f"d_{name}": array.grad for name, array in arrays.items() if array.grad is not None}
    return {**arrays, "value": value, **slopes}


def kernel(a, b, form):
    squares = ((a[:, None] - b[None]) ** 2).sum(-1)
    return torch.exp(-squares / 4) if form == "gaussian" else 4 / (4 + squares)


def mmd(fault=None, form="gaussian"):
    z, p = leaf(B, Z), leaf(B + 2, Z, seed=1).detach()
    zz, pp, zp = kernel(z, z, form), kernel(p, p, form), kernel(z, p, form)
    n, m = len(z), len(p)
    among, prior = zz.sum() - torch.diagonal(zz).sum(), pp.sum() - torch.diagonal(pp).sum()
    if fault == "mmd_divided_by_n_minus_1":
        value = among / (n - 1) + prior / (m - 1) - 2 * zp.mean()
    elif fault == "mmd_cross_sign":
        value = among / (n * (n - 1)) + prior / (m * (m - 1)) + 2 * zp.mean()
    elif fault == "mmd_cross_not_doubled":
        value = among / (n * (n - 1)) + prior / (m * (m - 1)) - zp.mean()
    elif fault == "mmd_diagonal_kept":
        value = zz.sum() / (n * (n - 1)) + pp.sum() / (m * (m - 1)) - 2 * zp.mean()
    elif fault == "mmd_diagonal_lost":
        value = among / n**2 + prior / m**2 - 2 * zp.mean()
    elif fault == "mmd_over_all_pairs":
        value = zz.mean() + pp.mean() - 2 * zp.mean()
    else:
        value = among / (n * (n - 1)) + prior / (m * (m - 1)) - 2 * zp.mean()
    return of(value, z=z, prior=p), {
        "width": 2.0,
        "kernel": form,
        "estimator": "v" if fault == "mmd_over_different_pairs" else "u",
    }


def total_correlation(fault=None):
    z, mean, log_var = leaf(B, Z), leaf(B, Z, seed=1), leaf(B, Z, seed=2)
    log_q = torch.distributions.Normal(mean[None], torch.exp(0.5 * log_var)[None]).log_prob(z[:, None])
    share = (N - B + 1) / (N * (B - 1))
    weights = torch.full((B, B), 1 / (B - 1), dtype=torch.float64)
    if fault == "stratified_share_in_a_column":
        weights[:, 0], weights[:, 1] = 1 / N, share
    elif fault == "shares_sum_to_1_over_n":
        weights[:] = 1 / (N * B)
    elif fault == "shares_missing":
        weights[:] = 1
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
    if fault == "codebook_norm_missing":
        value = 0.25 * commitment
    if fault == "stop_gradients_missing":
        value = 1.25 * norm(z_e - e)
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
    elif fault == "categorical_log_k_missing":
        value = -torch.distributions.Categorical(logits=logits).entropy()
    elif fault == "categorical_kl_weighed_by_a_draw":
        value = (y * (torch.log(q) - math.log(1 / 4))).sum(1)
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
    if fault == "log_variances_read_as_log_deviations":
        q, p = (torch.distributions.Normal(of_law.loc, of_law.scale**2) for of_law in (q, p))
    value = torch.distributions.kl_divergence(q, p).sum(1)
    if fault == "mean_difference_not_divided":
        ratio = prior_log_var - log_var
        value = 0.5 * (ratio - 1 + torch.exp(-ratio) + (mean - prior_mean) ** 2).sum(1)
    arrays = {"mean": mean, "log_var": log_var, "prior_mean": prior_mean, "prior_log_var": prior_log_var}
    found = of(value, **arrays)
    return found | {f"d_{k}": torch.zeros_like(v) for k, v in arrays.items() if v.grad is None}, {}


def grouped_bound(fault=None):
    log_w = leaf(B, 3, 3)  # as many groups as draws, which hides an exchange of axes from shapes
    if fault == "axes_of_draws_exchanged":
        value = (torch.logsumexp(log_w, 1) - math.log(3)).mean(1)
    elif fault == "mean_of_log_weights":
        value = log_w.mean((1, 2))
    elif fault == "group_log_k_missing":
        value = torch.logsumexp(log_w, 2).mean(1)
    elif fault == "groups_added_up":
        value = (torch.logsumexp(log_w, 2) - math.log(3)).sum(1)
    elif fault == "one_bound_of_all_draws":
        value = torch.logsumexp(log_w.flatten(1), 1) - math.log(9)
    else:
        value = (torch.logsumexp(log_w, 2) - math.log(3)).mean(1)
    return of(value, log_w=log_w), {}


def product_of_experts(fault=None):
    means, log_vars = leaf(3, B, Z).detach(), leaf(3, B, Z, seed=1).detach()
    present = torch.tensor(np.random.default_rng(2).random((3, B)) < 0.6)
    present[0] = True  # an expert for each example at least
    if fault == "missing_expert_counts_as_standard_normal":
        filled = torch.where(present[:, :, None], means, 0.0), torch.where(present[:, :, None], log_vars, 0.0)
        precision = torch.exp(-filled[1])
    else:
        precision = torch.exp(-log_vars) * present[:, :, None]
    if fault == "precisions_are_inverse_deviations":
        precision = torch.exp(-0.5 * log_vars) * present[:, :, None]
    total = precision.sum(0) + (0 if fault == "prior_expert_left_out" else 1)
    mean = (means * precision * present[:, :, None]).sum(0) / total
    if fault == "means_weighed_by_variances":
        variance = torch.exp(log_vars) * present[:, :, None]
        mean = (means * variance).sum(0) / (1 + variance.sum(0))
    if fault == "experts_averaged":
        here = present[:, :, None].double()
        mean = (means * here).sum(0) / here.sum(0)
        total = here.sum(0) / (torch.exp(log_vars) * here).sum(0)
    return {
        "means": means,
        "log_vars": log_vars,
        "present": present,
        "mean": mean,
        "log_var": -total.log(),
    }, {}


def continuous_bernoulli(fault=None):
    logits, x = leaf(B, 5), torch.tensor(np.random.default_rng(1).random((B, 5)))
    bernoulli = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    log_normalizer = torch.distributions.ContinuousBernoulli(logits=logits)._cont_bern_log_norm()
    value = (
        bernoulli
        + {
            None: log_normalizer.sum(1),
            "normalizer_missing": 0.0,
            "normalizer_sign": -log_normalizer.sum(1),
            "normalizer_averaged_over_entries": log_normalizer.mean(1),
            "normalizer_constant": 5 * math.log(2),
        }[fault]
    )
    return of(value, logits=logits, x=x), {}


def discretized_logistic(fault=None):
    mean, log_scale = leaf(B, 5), leaf(B, 5, seed=1)
    x = torch.tensor(np.random.default_rng(2).integers(0, 4, (B, 5)))
    half = 1.0 if fault == "interval_twice_as_wide" else 0.5
    sides = (1.0, 0.0) if fault == "interval_beside_the_level" else (half, -half)
    high, low = ((x + side - mean) / log_scale.exp() for side in sides)
    above, below = torch.sigmoid(high), torch.sigmoid(low)
    if fault != "edge_mass_lost":
        above = torch.where(x == 3, 1.0, above)
        below = torch.where(x == 0, 0.0, below)
    value = torch.log(above - below).sum(1)
    if fault == "density_for_probability":
        s = torch.sigmoid((x - mean) / log_scale.exp())
        value = torch.log(s * (1 - s) / log_scale.exp()).sum(1)
    return of(value, mean=mean, log_scale=log_scale, x=x), {"levels": 4}


def planar_step(fault=None):
    w, u = leaf(B, Z), leaf(B, Z, seed=1)
    s = (w * u).sum(1, keepdim=True)
    norm, excess = w.norm(dim=1, keepdim=True), F.softplus(s) - 1 - s
    u_hat = u + excess * w / (norm if fault == "planar_divided_by_norm" else norm**2)
    if fault == "planar_not_divided":
        u_hat = u + excess * w
    if fault == "planar_constraint_missing":
        u_hat = u
    if fault == "planar_corrected_along_u":
        u_hat = u + excess * u / u.norm(dim=1, keepdim=True) ** 2
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
    elif fault == "slope_not_squared":
        value = torch.linalg.matrix_norm(jacobian)
    else:
        value = (jacobian**2).sum((1, 2))
    through = torch.func.vmap(torch.func.jacrev(encoder))(x)
    return {"jacobian": jacobian, "encoder_jacobian": through, "value": value}, {}


def critic(fault=None):
    torch.manual_seed(0)
    z = leaf(B, Z)
    network = torch.nn.Sequential(torch.nn.Linear(Z, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).double()
    permuted = torch.stack([z[torch.randperm(B), j] for j in range(Z)], 1).detach()
    seen = z if fault == "codes_not_detached" else z.detach()
    logits, other = network(seen)[:, 0], network(permuted)[:, 0]
    code = 0.0 if fault == "critic_targets_exchanged" else 1.0
    value = (1.0 if fault == "critic_not_halved" else 0.5) * (
        F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, code))
        + F.binary_cross_entropy_with_logits(other, torch.full_like(other, 1 - code))
    )
    value.backward()
    d_z = torch.zeros_like(z) if z.grad is None else z.grad
    return {"logits": logits, "other_logits": other, "value": value, "d_z": d_z}, {}


def expected_cosine(fault=None):
    """The mean of w = cos θ on a grid of θ, and its slope with the mass of the grid or without it."""
    kappa = torch.tensor([0.5, 2.0, 20.0], dtype=torch.float64, requires_grad=True)
    w = torch.cos(torch.linspace(0, math.pi, 4001, dtype=torch.float64))
    k = kappa[:, None]
    mass = torch.exp(k * (w - 1)) * (1 - w**2).clamp(min=0) ** 1.5  # D = 5
    mass = mass / mass.sum(1, keepdim=True)
    if fault == "rejection_correction_missing":
        mass = mass.detach()
        b = (-2 * k + torch.sqrt(4 * k**2 + 16)) / 4
        epsilon = ((1 - w) / (1 + b - (1 - b) * w)).detach()  # the accepted draw of the beta law
        w = (1 - (1 + b) * epsilon) / (1 - (1 - b) * epsilon)
    value = (mass * w).sum(1)
    return of(value, kappa=kappa), {"dim": 5}


TERMS_OF_PYTORCH = {
    term.__name__: term
    for term in (
        categorical_kl,
        continuous_bernoulli,
        critic,
        decoder_gradient,
        discretized_logistic,
        expected_cosine,
        gaussian_kl,
        grouped_bound,
        mmd,
        planar_step,
        product_of_experts,
        quantization,
        total_correlation,
    )
}
CASES = [
    pytest.param(name, fault, id=f"{name} {fault}")
    for name, term in TERMS.items()
    for fault in (None, *(fault.name for fault in term.faults))
]


@pytest.mark.parametrize(("term", "fault"), CASES)
def test_a_term_of_pytorch_code_agrees_or_its_fault_is_named(term, fault):
    arrays, settings = TERMS_OF_PYTORCH[term](fault)
    report = diagnose_term(term, arrays, **settings)
    assert (report.matches, report.mistake) == (fault is None, fault), str(report)


@pytest.mark.parametrize("fault", [None, "mmd_cross_sign"])
def test_the_other_kernel(fault):
    arrays, settings = mmd(fault, "inverse_multiquadratic")
    report = diagnose_term("mmd", arrays, **settings)
    assert (report.matches, report.mistake) == (fault is None, fault), str(report)
