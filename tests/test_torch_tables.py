"""Tables against PyTorch, in float64: log p(x|z) of every kind of column, its gradients, and those of what a
law learns.
"""

import numpy as np
import pytest

from scratchvae.data import Batch
from scratchvae.layers import cast, named_parameters
from scratchvae.reference.cases.tables import MIXED, MIXED_OBSERVED, mixed_law

torch = pytest.importorskip("torch")
laws = torch.distributions
CLOSE = 1e-12  # of the largest entry; the laws' terms are below 100 and round to some 1e-14


def in_units(means, excess, m, s):
    """The location and the deviation of the columns, in their own units."""
    return m + s * means, s * torch.sqrt(torch.exp(excess) + 1e-4)


def by_column(law, x_params, x, learned):
    """log p of each column (B, 7), by torch's laws, in the order of the table."""
    buffers = {name: torch.tensor(value) for name, value in law.items()}
    real, count, category, order, bit, above = torch.split(x_params, [2, 1, 3, 1, 1, 1], dim=1)
    location, scale = in_units(real, learned["0.log_excess"], buffers["real_mean"], buffers["real_scale"])
    reals = laws.Normal(location, scale).log_prob(x[:, [0, 6]])
    log_r = learned["1.log_dispersion"]
    counts = laws.NegativeBinomial(torch.exp(log_r), logits=count + buffers["log_rate"] - log_r).log_prob(
        x[:, [1]]
    )
    categories = laws.Categorical(logits=category).log_prob(x[:, 2].long())[:, None]
    thresholds = learned["3.thresholds"]
    cuts = torch.cumsum(torch.cat([thresholds[:, :1], torch.exp(thresholds[:, 1:])], dim=1), dim=1)
    below = torch.cat([torch.zeros_like(order), torch.sigmoid(cuts - order), torch.ones_like(order)], dim=1)
    orders = torch.log(torch.diff(below, dim=1).gather(1, x[:, [3]].long()))
    bits = laws.Bernoulli(logits=bit).log_prob(x[:, [4]])
    location, scale = in_units(
        above, learned["5.of_log.log_excess"], buffers["log_mean"], buffers["log_scale"]
    )
    positives = laws.LogNormal(location, scale).log_prob(x[:, [5]])
    return torch.cat([reals[:, :1], counts, categories, orders, bits, positives, reals[:, 1:]], dim=1)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("draws", [1, 3])
def test_every_kind_of_column(draws, missing):
    law = mixed_law()
    cast(law, np.float64)
    law.measure(Batch(MIXED))
    rng = np.random.default_rng(0)
    for parameter in named_parameters(law).values():
        parameter.value = parameter.value + rng.normal(size=parameter.value.shape)
    x_params, seed = rng.normal(size=(3 * draws, sum(law.sizes))), rng.normal(size=3 * draws)
    real, count, *_, above = law.laws
    known = {
        "real_mean": real.column_mean.value,
        "real_scale": real.column_scale.value,
        "log_rate": count.log_rate.value,
        "log_mean": above.of_log.column_mean.value,
        "log_scale": above.of_log.column_scale.value,
    }
    observed = MIXED_OBSERVED if missing else None
    log_px, pullback = law.log_prob(x_params, x=MIXED, observed=observed, draws=draws)
    found = {
        "log_px": log_px,
        "x_params": pullback(seed),
        **{n: p.grad for n, p in named_parameters(law).items()},
    }

    learned = {n: torch.tensor(p.value, requires_grad=True) for n, p in named_parameters(law).items()}
    theirs = torch.tensor(x_params, requires_grad=True)
    each = by_column(known, theirs, torch.tensor(MIXED).repeat_interleave(draws, 0), learned)
    seen = torch.tensor(MIXED_OBSERVED if missing else np.ones_like(MIXED_OBSERVED)).repeat_interleave(
        draws, 0
    )
    total = (each * seen).sum(1)
    (total * torch.tensor(seed)).sum().backward()
    expected = {
        "log_px": total.detach(),
        "x_params": theirs.grad,
        **{name: t.grad for name, t in learned.items()},
    }
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(
            found[name], array.numpy(), rtol=0, atol=CLOSE * max(1, np.abs(array.numpy()).max()), err_msg=name
        )
