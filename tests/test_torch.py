"""Against PyTorch, in float64: every op and distribution, layer, initializer, objective, optimizer and
schedule.
"""

import inspect
from functools import partial
from itertools import cycle, product

import numpy as np
import pytest
from scipy.stats import ks_2samp

from scratchvae import kernels, layers, ops, priors, recipes
from scratchvae.choices import parse
from scratchvae.data import Batch
from scratchvae.layers import Mode, cast, named_buffers, named_parameters
from scratchvae.likelihoods import Likelihood
from scratchvae.objectives import (
    L1,
    L2,
    ActivationKl,
    Ciwae,
    CodeCovariance,
    Contraction,
    DecoderGradient,
    Elbo,
    Iwae,
    Mmd,
    Reconstruction,
    Renyi,
    SampledElbo,
    ScoreFunctionElbo,
    SlicedWasserstein,
    Thermodynamic,
    TotalCorrelation,
    Vimco,
)
from scratchvae.reference import all_parts
from scratchvae.training import schedules
from scratchvae.training.clipping import clip_by_norm
from scratchvae.training.optimizers import OPTIMIZERS, SGD, Adam, AdamW, RMSprop

torch = pytest.importorskip("torch")
import torch_expressions as expressions  # noqa: E402  (needs torch)
from supported import supported  # noqa: E402

nn, weight_norm = torch.nn, torch.nn.utils.parametrizations.weight_norm

CLOSE = 1e-10  # of the largest entry
SMALLEST = 1e-4  # largest entry that still counts as that: sums that cancel to 0 leave their rounding
PARTS = [part for part in all_parts() if inspect.isfunction(part.of)]
EXPRESSIONS = {part.of: partial(part.torch, torch) for part in PARTS if part.torch}
CASES = [case for part in PARTS for case in part.cases]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=kernels.TWINS)
def twin(request):
    with kernels.using(request.param):
        yield request.param


def tensor(a, *, grad=False):
    return torch.tensor(np.array(a), requires_grad=grad)


def require_agreement(what, ours, theirs, *, close=CLOSE):
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else np.asarray(theirs)
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape, what
    assert ours.dtype == theirs.dtype == np.float64, what
    scale = max(np.abs(theirs).max(initial=0), SMALLEST)
    apart = np.abs(ours - theirs).max(initial=0) / scale
    assert apart <= close, f"{what}: {apart:.2g} of the largest entry apart"


def tuple_of(value):
    return value if isinstance(value, tuple | list) else (value,)


# Ops and distributions


def test_every_op_and_distribution_of_the_case_table_has_an_expression():
    missing = [case.name for case in CASES if case.op not in EXPRESSIONS]
    assert not missing, f"no torch expression for {missing}"
    assert {getattr(ops, name) for name in ops.__all__} <= {case.op for case in CASES}


# where PyTorch's expression rounds: a difference of normal distribution functions, of log-gammas at 1e7, and
# its trigammas
ROUGH = {
    "laplace.kl_from_gaussian": 1e-8,
    "negative_binomial.log_prob: near Poisson": 1e-7,
    **dict.fromkeys(("beta.kl", "dirichlet.kl", "gamma.kl"), 1e-8),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_op(case, twin):
    close = ROUGH.get(case.name, CLOSE)
    arrays = {name: np.array(a, np.float64) for name, a in case.arrays.items()}
    value, pullback = case.op(*arrays.values(), **case.constants)
    tensors = {name: tensor(a, grad=True) for name, a in arrays.items()}
    constants = {name: tensor(c) if isinstance(c, np.ndarray) else c for name, c in case.constants.items()}
    expected = tuple_of(EXPRESSIONS[case.op](*tensors.values(), **constants))
    parts = tuple_of(value)
    for i, (part, expected_part) in enumerate(zip(parts, expected, strict=True)):
        require_agreement(f"part {i}", part, expected_part, close=close)
    rng = np.random.default_rng(1)
    dparts = [rng.standard_normal(np.shape(part)) for part in parts]
    gradients = tuple_of(pullback(*dparts))
    dtensors = torch.autograd.grad(expected, list(tensors.values()), [tensor(d) for d in dparts])
    for name, gradient, dtensor in zip(arrays, gradients, dtensors, strict=True):
        require_agreement(f"d{name}", gradient, dtensor, close=close)


def default(op, constant):
    return inspect.signature(op).parameters[constant].default


DEFAULTS = {
    "BatchNorm eps": (layers.BatchNorm(2).eps, nn.BatchNorm1d(2).eps),
    "BatchNorm momentum": (layers.BatchNorm(2).momentum, nn.BatchNorm1d(2).momentum),
    "Dropout p": (layers.Dropout().p, nn.Dropout().p),
    "ELU alpha": (layers.ELU().constants["alpha"], nn.ELU().alpha),
    "LayerNorm eps": (layers.LayerNorm(2).eps, nn.LayerNorm(2).eps),
    "LeakyReLU slope": (layers.LeakyReLU().constants["slope"], nn.LeakyReLU().negative_slope),
    "batch_norm epsilon": (default(ops.batch_norm, "epsilon"), nn.BatchNorm1d(2).eps),
    "batch_norm_frozen epsilon": (default(ops.batch_norm_frozen, "epsilon"), nn.BatchNorm1d(2).eps),
    "elu alpha": (default(ops.elu, "alpha"), nn.ELU().alpha),
    "layer_norm epsilon": (default(ops.layer_norm, "epsilon"), nn.LayerNorm(2).eps),
    "leaky_relu slope": (default(ops.leaky_relu, "slope"), nn.LeakyReLU().negative_slope),
    "weight_norm axis": (default(ops.weight_norm, "axis"), default(weight_norm, "dim")),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_default(name):
    ours, theirs = DEFAULTS[name]
    assert ours == theirs


# Layers


class ResidualTwin(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return x + self.module(x)


class GroupSoftmaxTwin(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, x):
        return nn.functional.softmax(x.unflatten(1, (self.groups, -1)), dim=2).flatten(1)


class GroupSumTwin(nn.Module):
    def forward(self, x):
        return x.unflatten(1, (2, 2, -1)).sum(2).flatten(1)


class FirstColumnsTwin(nn.Module):
    def forward(self, x):
        return x[:, :2]


class HeadsTwin(nn.Module):
    def __init__(self, *heads):
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, x):
        return torch.cat([head(x) for head in self.heads], dim=1)


class BoundedTwin(nn.Module):
    """log σ², the second half of x, between bounds by PyTorch's expression of an op."""

    def __init__(self, op):
        super().__init__()
        self.bound = next(part.torch for part in all_parts() if part.of is op)

    def forward(self, x):
        mean, log_var = x.chunk(2, dim=1)
        return torch.hstack([mean, self.bound(torch, log_var, low=-0.7, high=0.9)])


class LearnedFillTwin(nn.Module):
    def __init__(self, entries):
        super().__init__()
        self.fill = nn.Parameter(torch.zeros(entries))

    def forward(self, x):
        D = len(self.fill)
        return torch.cat([torch.where(x[:, D : 2 * D] > 0.5, x[:, :D], self.fill), x[:, 2 * D :]], dim=1)


class ProductOfExpertsTwin(nn.Module):
    """Of modalities of one column each."""

    def __init__(self, *encoders):
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    def forward(self, x):
        columns, mask = x.chunk(2, dim=1)
        experts = [encoder(columns[:, m, None]).chunk(2, dim=1) for m, encoder in enumerate(self.encoders)]
        precision = torch.stack([torch.exp(-log_var) for _, log_var in experts], 1) * (mask > 0.5)[:, :, None]
        total = 1 + precision.sum(1)
        mean = (precision * torch.stack([mean for mean, _ in experts], 1)).sum(1) / total
        return torch.cat([mean, -torch.log(total)], dim=1)


class MixtureOfExpertsTwin(nn.Module):
    """Of modalities of one column each."""

    def __init__(self, *encoders):
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    def forward(self, x):
        columns, mask = x.chunk(2, dim=1)
        seen = mask > 0.5
        experts = [encoder(columns[:, m, None]) * seen[:, m, None] for m, encoder in enumerate(self.encoders)]
        means, log_vars = zip(*(expert.chunk(2, dim=1) for expert in experts), strict=True)
        return torch.cat([torch.where(seen, 0.0, -1e4), *means, *log_vars], dim=1)


class TopicsTwin(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind, self.weight = kind, nn.Parameter(torch.zeros(4, 5))

    def forward(self, x):
        if self.kind == "product":
            return torch.softmax(x, 1) @ self.weight
        return torch.log(torch.softmax(x, 1) @ torch.softmax(self.weight, 1))


IMAGES, VECTORS, INTEGERS = (4, 2, 7, 6), (5, 4), "integers"
LAYERS = {  # ours, theirs, x
    "AvgPool2d": (layers.AvgPool2d(2), nn.AvgPool2d(2), IMAGES),
    "AvgPool2d: stride": (layers.AvgPool2d(3, 2), nn.AvgPool2d(3, 2), IMAGES),
    "BatchNorm: vectors": (layers.BatchNorm(4), nn.BatchNorm1d(4), VECTORS),
    "BatchNorm: images": (
        layers.BatchNorm(2, eps=1e-2, momentum=0.3),
        nn.BatchNorm2d(2, eps=1e-2, momentum=0.3),
        IMAGES,
    ),
    "Bypass": (
        layers.Bypass(layers.Sequential(layers.Linear(2, 3), layers.Tanh()), 2),
        expressions.Around(nn.Sequential(nn.Linear(2, 3), nn.Tanh()), 2),
        VECTORS,
    ),
    "Conv2d": (layers.Conv2d(2, 3, 3), nn.Conv2d(2, 3, 3), IMAGES),
    "Conv2d: stride": (
        layers.Conv2d(2, 3, 4, stride=2, padding=1),
        nn.Conv2d(2, 3, 4, stride=2, padding=1),
        IMAGES,
    ),
    "Conv2d: no bias": (layers.Conv2d(2, 3, 2, bias=False), nn.Conv2d(2, 3, 2, bias=False), IMAGES),
    "ConvTranspose2d": (layers.ConvTranspose2d(2, 3, 3), nn.ConvTranspose2d(2, 3, 3), IMAGES),
    "ConvTranspose2d: stride": (
        layers.ConvTranspose2d(2, 3, 4, stride=2, padding=1, output_padding=(1, 0)),
        nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1, output_padding=(1, 0)),
        IMAGES,
    ),
    "ConvTranspose2d: no bias": (
        layers.ConvTranspose2d(2, 1, 2, bias=False),
        nn.ConvTranspose2d(2, 1, 2, bias=False),
        IMAGES,
    ),
    "ELU": (layers.ELU(), nn.ELU(), VECTORS),
    "ELU: alpha": (layers.ELU(1.7), nn.ELU(1.7), VECTORS),
    "Embedding": (layers.Embedding(6, 3), nn.Embedding(6, 3), INTEGERS),
    "FirstColumns": (layers.FirstColumns(2), FirstColumnsTwin(), VECTORS),
    "Flatten": (layers.Flatten(), nn.Flatten(), IMAGES),
    "GELU": (layers.GELU(), nn.GELU(), VECTORS),
    "GELU: tanh": (layers.GELU("tanh"), nn.GELU("tanh"), VECTORS),
    "GroupSoftmax": (layers.GroupSoftmax(2), GroupSoftmaxTwin(2), VECTORS),
    "GroupSum": (layers.GroupSum(2, 2), GroupSumTwin(), VECTORS),
    "Heads": (
        layers.Heads(layers.Linear(4, 2), layers.Linear(4, 3)),
        HeadsTwin(nn.Linear(4, 2), nn.Linear(4, 3)),
        VECTORS,
    ),
    "LayerNorm": (layers.LayerNorm(4), nn.LayerNorm(4), VECTORS),
    "LayerNorm: images": (layers.LayerNorm((2, 7, 6), eps=1e-2), nn.LayerNorm((2, 7, 6), eps=1e-2), IMAGES),
    **{
        f"BoundedLogVar: {form}": (layers.BoundedLogVar(-0.7, 0.9, form=form), BoundedTwin(op), VECTORS)
        for form, op in {"clamp": ops.clamp, "softplus": ops.softplus_clamp, "tanh": ops.tanh_clamp}.items()
    },
    "LearnedFill": (layers.LearnedFill(2), LearnedFillTwin(2), (5, 6)),
    "LearnedFill: nothing behind": (layers.LearnedFill(2), LearnedFillTwin(2), VECTORS),
    "LeakyReLU": (layers.LeakyReLU(), nn.LeakyReLU(), VECTORS),
    "LeakyReLU: slope": (layers.LeakyReLU(0.3), nn.LeakyReLU(0.3), VECTORS),
    "Linear": (layers.Linear(4, 3), nn.Linear(4, 3), VECTORS),
    "Linear: no bias": (layers.Linear(4, 3, bias=False), nn.Linear(4, 3, bias=False), VECTORS),
    "MaxPool2d": (layers.MaxPool2d(2), nn.MaxPool2d(2), IMAGES),
    "MaxPool2d: stride": (layers.MaxPool2d(3, 2), nn.MaxPool2d(3, 2), IMAGES),
    "MixtureOfExperts": (
        layers.MixtureOfExperts(layers.Linear(1, 4), layers.Linear(1, 4), sizes=(1, 1)),
        MixtureOfExpertsTwin(nn.Linear(1, 4), nn.Linear(1, 4)),
        VECTORS,
    ),
    "ProductOfExperts": (
        layers.ProductOfExperts(layers.Linear(1, 4), layers.Linear(1, 4), sizes=(1, 1)),
        ProductOfExpertsTwin(nn.Linear(1, 4), nn.Linear(1, 4)),
        VECTORS,
    ),
    **{
        f"Topics: {kind}": (layers.Topics(4, 5, kind=kind), TopicsTwin(kind), VECTORS)
        for kind in ("mixture", "product")
    },
    "ReLU": (layers.ReLU(), nn.ReLU(), VECTORS),
    "Reshape": (layers.Reshape(3, 7, 4), nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, 7, 4))), IMAGES),
    "Residual": (
        layers.Residual(layers.Sequential(layers.Linear(4, 4), layers.Tanh())),
        ResidualTwin(nn.Sequential(nn.Linear(4, 4), nn.Tanh())),
        VECTORS,
    ),
    "Sequential": (
        layers.Sequential(
            layers.Conv2d(2, 3, 3), layers.BatchNorm(3), layers.SiLU(), layers.Flatten(), layers.Linear(60, 2)
        ),
        nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.SiLU(), nn.Flatten(), nn.Linear(60, 2)),
        IMAGES,
    ),
    "SiLU": (layers.SiLU(), nn.SiLU(), VECTORS),
    "Sigmoid": (layers.Sigmoid(), nn.Sigmoid(), VECTORS),
    "Softplus": (layers.Softplus(), nn.Softplus(), VECTORS),
    "Tanh": (layers.Tanh(), nn.Tanh(), VECTORS),
    "Upsample": (layers.Upsample(2), nn.Upsample(scale_factor=2), IMAGES),
    "WeightNorm: Linear": (layers.WeightNorm(layers.Linear(4, 3)), weight_norm(nn.Linear(4, 3)), VECTORS),
    "WeightNorm: Conv2d": (
        layers.WeightNorm(layers.Conv2d(2, 3, 3)),
        weight_norm(nn.Conv2d(2, 3, 3)),
        IMAGES,
    ),
    "WeightNorm: ConvTranspose2d": (
        layers.WeightNorm(layers.ConvTranspose2d(2, 3, 3)),
        weight_norm(nn.ConvTranspose2d(2, 3, 3), dim=1),
        IMAGES,
    ),
}
WITH_A_TEST_OF_ITS_OWN = {"Dropout"}  # masks are drawn anew: test_dropout


# their rows are vectors; the rows of other matrices are PyTorch's columns
TABLES = (layers.Embedding, layers.Topics, priors.GaussianMixture, priors.VampPrior)


def pair(owner, module):
    """(name, our Parameter, their Parameter, whether transposed) for each, after copying our values into
    theirs.

    A Parameter that the owner shares with the model's encoder is not its own.
    """
    theirs = list(module.parameters())
    if isinstance(owner, layers.WeightNorm):
        theirs.reverse()  # theirs are bias, g, v
    transposed = not isinstance(owner, TABLES)
    own = {name: ours for name, ours in named_parameters(owner).items() if not name.startswith("encoder.")}
    pairs = [(name, ours, t, transposed) for (name, ours), t in zip(own.items(), theirs, strict=True)]
    with torch.no_grad():
        for _, ours, t, _ in pairs:
            in_our_layout(ours, t, transposed).copy_(tensor(ours.value))
    return pairs


def in_our_layout(ours, theirs, transposed):
    """Matrices transposed or not, lengths without axes of size 1."""
    if ours.value.ndim == 1:
        return theirs.flatten()
    return theirs.mT if theirs.ndim == 2 and transposed else theirs


def require_same_gradients(pairs):
    for name, ours, theirs, transposed in pairs:
        require_agreement(f"d{name}", ours.grad, in_our_layout(ours, theirs.grad, transposed))


def put_normal_numbers_into(owner, rng):
    cast(owner, np.float64)
    for parameter in named_parameters(owner).values():
        parameter.value = rng.standard_normal(parameter.value.shape)


def layers_with_forward():
    found = [getattr(layers, name) for name in layers.__all__]
    return {
        c for c in found if inspect.isclass(c) and issubclass(c, layers.Layer) and not inspect.isabstract(c)
    }


def test_every_layer_has_a_counterpart():
    covered = {type(ours).__name__ for ours, _, _ in LAYERS.values()} | WITH_A_TEST_OF_ITS_OWN
    assert {c.__name__ for c in layers_with_forward()} == covered
    assert set(layers.ACTIVATIONS) == set(expressions.ACTIVATIONS)


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, twin):
    """Two calls in training, two at evaluation and one more in training; gradients add up over the calls, as
    PyTorch's do.
    """
    layer, module, shape = LAYERS[name]
    rng = np.random.default_rng(2)
    put_normal_numbers_into(layer, rng)
    module = module.double()
    module.zero_grad()
    for buffer in named_buffers(layer).values():
        buffer.value = rng.uniform(0.5, 2, buffer.value.shape)
    for (key, buffer), theirs in zip(named_buffers(layer).items(), floating_buffers(module), strict=True):
        theirs.copy_(tensor(buffer.value))
        assert key.split(".")[-1] in {"running_mean", "running_var"}
    pairs = pair(layer, module)
    for training in (True, True, False, False, True):
        x = rng.integers(0, 6, (3, 4)) if shape is INTEGERS else rng.standard_normal(shape)
        y, pullback = layer(x, mode=Mode(rng) if training else Mode())
        xt = tensor(x, grad=shape is not INTEGERS)
        yt = module.train(training)(xt)
        require_agreement("y", y, yt)
        dy = rng.standard_normal(y.shape)
        dx = pullback(dy)
        yt.backward(tensor(dy))
        if shape is not INTEGERS:
            require_agreement("dx", dx, xt.grad)
        require_same_gradients(pairs)
        for (key, buffer), theirs in zip(named_buffers(layer).items(), floating_buffers(module), strict=True):
            require_agreement(key, buffer.value, theirs)


def floating_buffers(module):
    # all but the number of batches
    return [buffer for buffer in module.buffers() if buffer.is_floating_point()]


@pytest.mark.parametrize("p", [0.0, 0.3, 0.5])
def test_dropout(p):
    """Masks are drawn by different generators: their values and frequency agree, and the gradient follows the
    mask.
    """
    layer, module = layers.Dropout(p), nn.Dropout(p)
    x = np.ones((300, 200))
    y, pullback = layer(x, mode=Mode(np.random.default_rng(0)))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = module(tensor(x)).numpy()
    require_agreement("values", np.unique(y), np.unique(theirs))
    assert abs((y == 0).mean() - (theirs == 0).mean()) < 0.01
    dy = np.random.default_rng(1).standard_normal(x.shape)
    require_agreement("dx", pullback(dy), dy * y)
    y, pullback = layer(x)
    require_agreement("y at evaluation", y, module.eval()(tensor(x)))
    require_agreement("dx at evaluation", pullback(dy), dy)


# Initial values

INITIAL = {
    "Linear": (lambda: layers.Linear(40, 5000, rng=0), lambda: nn.Linear(40, 5000)),
    "Linear: narrow": (lambda: layers.Linear(5000, 40, rng=0), lambda: nn.Linear(5000, 40)),
    "Conv2d": (lambda: layers.Conv2d(6, 3000, 3, rng=0), lambda: nn.Conv2d(6, 3000, 3)),
    "ConvTranspose2d": (
        lambda: layers.ConvTranspose2d(6, 3000, 3, rng=0),
        lambda: nn.ConvTranspose2d(6, 3000, 3),
    ),
    "Embedding": (lambda: layers.Embedding(500, 40, rng=0), lambda: nn.Embedding(500, 40)),
    "BatchNorm": (lambda: layers.BatchNorm(3), lambda: nn.BatchNorm1d(3)),
    "LayerNorm": (lambda: layers.LayerNorm((3, 2)), lambda: nn.LayerNorm((3, 2))),
}


@pytest.mark.parametrize("name", INITIAL)
def test_initial_values(name):
    """The same law as PyTorch's draws: range, spread, and the distribution as a whole."""
    make_ours, make_theirs = INITIAL[name]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        theirs = dict(make_theirs().named_parameters())
    ours = {key: parameter.value for key, parameter in named_parameters(make_ours()).items()}
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        drawn = theirs[key].detach().numpy().ravel()
        assert value.dtype == drawn.dtype == np.float32
        assert value.size == drawn.size
        if drawn.std() == 0:
            np.testing.assert_array_equal(value.ravel(), drawn)
            continue
        assert abs(value.std() / drawn.std() - 1) < (0.01 if drawn.size > 10000 else 0.1), key
        if name != "Embedding" and drawn.size > 1000:  # bounded
            assert abs(value.max() / drawn.max() - 1) < 0.01, key
            assert abs(value.min() / drawn.min() - 1) < 0.01, key
        assert ks_2samp(value.ravel(), drawn).pvalue > 0.01, key


# Whole models


def plain(objective):
    return lambda twin, x: objective


def half_free(twin, x):
    """Free bits above the KL of some latents and below that of others."""
    return Elbo(beta=0.7, free_bits=between(twin.kl(twin.encode(x)).mean(0)))


def half_over_capacity(twin, x):
    """A capacity above the KL of some examples and below that of others."""
    return Elbo(beta=3.0, capacity=between(twin.kl(twin.encode(x)).sum(1)))


def between(numbers):
    low, *_, high = numbers.detach().numpy()[np.argsort(numbers.detach().numpy())]
    return float((low + high) / 2)


VAE, MIXTURE, AUTOENCODER = {}, {"prior": "gaussian_mixture"}, {"model": "autoencoder"}
VAMP = {"prior": "vamp"}
FULL = {"posterior": "full_gaussian"}
LABELS, CONDITIONS = (
    {"model": "conditional_vae", "classes": 3},
    {"model": "conditional_vae", "condition_dim": 2},
)
LEARNED = {"prior": "conditional_gaussian"}
OBJECTIVES = {  # settings of the recipe, objective
    "elbo": (VAE, plain(Elbo())),
    "elbo: beta": (VAE, plain(Elbo(beta=4.0))),
    "elbo: free bits": (VAE, half_free),
    "elbo: capacity": (VAE, half_over_capacity),
    "sampled elbo": (VAE, plain(SampledElbo())),
    "sampled elbo: beta, samples": (VAE, plain(SampledElbo(beta=1.7, samples=3))),
    "sampled elbo: mixture": (MIXTURE, plain(SampledElbo(beta=0.6, samples=2))),
    "iwae": (VAE, plain(Iwae(5))),
    "iwae: mixture": (MIXTURE, plain(Iwae(5))),
    "iwae: dreg": (MIXTURE, plain(Iwae(5, gradient="dreg"))),
    "iwae: dreg, full covariance": (FULL, plain(Iwae(4, gradient="dreg"))),
    "iwae: stl": (VAE, plain(Iwae(1, gradient="stl"))),
    "iwae: groups": (VAE, plain(Iwae(2, groups=3))),
    "iwae: dreg, groups": (MIXTURE, plain(Iwae(3, gradient="dreg", groups=2))),
    "ciwae": (VAE, plain(Ciwae(4, beta=0.3))),
    "renyi": (FULL, plain(Renyi(4, alpha=0.6))),
    "thermodynamic": (VAE, plain(Thermodynamic(4, pieces=3, first=0.2))),
    "vimco": (FULL, plain(Vimco(samples=3))),
    "vimco: mixture": (MIXTURE, plain(Vimco(samples=2))),
    "sampled elbo: stl": (VAE, plain(SampledElbo(beta=1.7, samples=3, gradient="stl"))),
    "sampled elbo: stl, full covariance": (FULL, plain(SampledElbo(gradient="stl"))),
    "elbo: full covariance": (FULL, plain(Elbo())),
    "elbo: full covariance, free bits": (FULL, half_free),
    "sampled elbo: full covariance, mixture": ({**FULL, **MIXTURE}, plain(SampledElbo(samples=2))),
    "iwae: full covariance": (FULL, plain(Iwae(5))),
    "sampled elbo: vamp": (VAMP, plain(SampledElbo(beta=1.3, samples=2))),
    "sampled elbo: stl, vamp": (VAMP, plain(SampledElbo(gradient="stl"))),
    "iwae: dreg, vamp": (VAMP, plain(Iwae(4, gradient="dreg"))),
    "iwae: full covariance, vamp": ({**FULL, **VAMP}, plain(Iwae(3))),
    "score function, vamp": (VAMP, plain(ScoreFunctionElbo(samples=2))),
    "score function": (MIXTURE, plain(ScoreFunctionElbo(samples=1, leave_one_out=False))),
    "score function: leave one out": (FULL, plain(ScoreFunctionElbo(samples=3))),
    "reconstruction": (AUTOENCODER, plain(Reconstruction())),
    "reconstruction: denoising": (AUTOENCODER, plain(Reconstruction(noise_std=0.3, mask_rate=0.4))),
    "reconstruction: of a VAE": (VAE, plain(Reconstruction(mask_rate=0.4))),
    "elbo: labels": (LABELS, plain(Elbo())),
    "elbo: labels, learned prior": ({**LABELS, **LEARNED}, half_free),
    "elbo: conditions, learned prior": ({**CONDITIONS, **LEARNED}, half_over_capacity),
    "sampled elbo: conditions, full covariance": (
        {**CONDITIONS, **FULL, **LEARNED},
        plain(SampledElbo(beta=1.7, samples=3)),
    ),
    "sampled elbo: stl, conditions": ({**CONDITIONS, **LEARNED}, plain(SampledElbo(gradient="stl"))),
    "iwae: dreg, labels": ({**LABELS, **LEARNED}, plain(Iwae(5, gradient="dreg"))),
}


def require_same_model(recipe, event_shape, likelihood, objective, *, batch, modes, seed=3, **sizes):
    """Weights, batch and noise copied: loss, terms and the gradient of every Parameter agree, in each of the
    `modes` in turn.
    """
    settings, make_objective = OBJECTIVES[objective]
    settings = {"likelihood": likelihood, **settings, **sizes}
    model = recipes.RECIPES[recipe](event_shape, **settings, seed=seed)
    twin = expressions.Twin(recipe, event_shape, **settings).double()
    rng = np.random.default_rng(seed)
    cast(model, np.float64)
    for name, parameter in named_parameters(model).items():
        if name.startswith(("prior", "likelihood")):
            parameter.value = rng.standard_normal(parameter.value.shape)
    pairs = [
        (f"{part}.{name}", *rest)
        for part in ("encoder", "prior", "decoder", "likelihood")
        for name, *rest in pair(getattr(model, part), getattr(twin, part))
    ]
    assert [name for name, *_ in pairs] == list(named_parameters(model))
    for training in modes:
        x = supported(likelihood, (batch, int(np.prod(event_shape))), rng)
        y = draw_condition(batch, rng, **settings)
        twin.tell(None if y is None else tensor(y))
        chosen = make_objective(twin, tensor(x))
        noise = chosen.draw_noise(model, batch, rng)
        report, pullback = chosen(model, Batch(x, y), noise, mode=Mode(rng) if training else Mode())
        for parameter in named_parameters(model).values():
            parameter.grad = None
        pullback()
        twin.zero_grad()
        loss, terms = twin.train(training)(chosen, tensor(x), as_tensors(noise))
        loss.backward()
        require_agreement("loss", np.float64(report.loss), loss)
        assert report.terms.keys() == terms.keys()
        for name, term in report.terms.items():
            require_agreement(name, term, terms[name])
            assert report.means()[name] == pytest.approx(terms[name].mean().item(), rel=CLOSE)
        require_same_gradients(pairs)


def draw_condition(batch, rng, *, classes=None, condition_dim=None, **others):
    """Labels, real numbers, or None for a model that is told nothing."""
    if classes:
        return rng.integers(0, classes, batch)
    return rng.standard_normal((batch, condition_dim)) if condition_dim else None


def as_tensors(noise):
    if isinstance(noise, tuple):
        return [None if a is None else as_tensors(a) for a in noise]
    return tensor(noise) if noise.dtype == bool else tensor(noise).double()


def test_every_choice_of_the_recipes_has_a_twin():
    assert {parse(text).name for text in LIKELIHOODS} == set(recipes.LIKELIHOODS)
    # of test_torch_discrete.py
    discrete = {"autoregressive", "codes", "concrete", "gumbel_softmax", "joint", "one_hot", "product", "vq"}
    flows = {"coupling", "flow", "householder", "iaf", "planar", "radial"}  # of test_torch_flows.py
    others = {"ladder", "hierarchical", "two_stage"}  # of test_torch_ladder.py, test_two_stage.py
    mixed = {"gaussian_mixture"}  # as a posterior, of test_torch_mixture.py
    assert set(recipes.POSTERIORS) - discrete - flows - others - mixed == set(expressions.POSTERIORS)
    assert set(recipes.PRIORS) - discrete - flows - others == set(expressions.PRIORS)
    with_encoders = {name for name in recipes.RECIPES if "likelihood" in recipes.RECIPES.parameters(name)}
    assert with_encoders == set(expressions.NETWORKS)


LIKELIHOODS = sorted(
    part.name
    for part in all_parts()
    if inspect.isclass(part.of) and issubclass(part.of, Likelihood) and part.torch
)
ALL = list(product(LIKELIHOODS, OBJECTIVES))
# 5 and the number of objectives have no common divisor: each likelihood and each objective is met
SOME = ALL[::5]
FORWARDS = list(zip(LIKELIHOODS, cycle(OBJECTIVES), strict=False))
BACKWARDS = list(zip(LIKELIHOODS, cycle(reversed(OBJECTIVES)), strict=False))
SMALL = [
    (*both, activation) for both, activation in zip(ALL, cycle(sorted(layers.ACTIVATIONS)), strict=False)
]


@pytest.mark.parametrize(("likelihood", "objective", "activation"), SMALL)
def test_small_mlp(likelihood, objective, activation, twin):
    sizes = {"latent_dim": 3, "hidden": (6, 5), "activation": activation}
    require_same_model("mlp", (7,), likelihood, objective, batch=6, modes=(True, True, False), **sizes)


CODES = {**AUTOENCODER, "code_activation": "sigmoid"}
STRATIFIED, WEIGHTED = (
    TotalCorrelation(3.0, examples=50),
    TotalCorrelation(2.0, examples=50, estimator="weighted"),
)
PENALIZED = {  # settings of the recipe, objective
    "L1": (CODES, Reconstruction(noise_std=0.2, penalties=(L1(0.7),))),
    "KL to a target": (CODES, Reconstruction(noise_std=0.2, penalties=(ActivationKl(2.0, target=0.1),))),
    "contraction": (CODES, Reconstruction(noise_std=0.2, penalties=(Contraction(3.0),))),
    "two of them": (CODES, Reconstruction(noise_std=0.2, penalties=(Contraction(0.5), ActivationKl(0.3)))),
    "regularized": (AUTOENCODER, Reconstruction(penalties=(L2(0.3), DecoderGradient(0.4)))),
    "matched": (AUTOENCODER, Reconstruction(penalties=(Mmd(9.0), SlicedWasserstein(2.0, projections=5)))),
    "decomposed": (
        VAE,
        Elbo(penalties=(STRATIFIED, CodeCovariance(2.0, diagonal=3.0), L2(0.3), DecoderGradient(0.4))),
    ),
    "weighted": (VAE, Elbo(penalties=(WEIGHTED, CodeCovariance(2.0, of="draws"), Mmd(5.0, "gaussian", "v")))),
    "of the batch": (
        VAE,
        Elbo(penalties=(TotalCorrelation(2.0), Mmd(5.0, "gaussian", "closed_form", scale=0.7))),
    ),
}


@pytest.mark.parametrize("activation", sorted(layers.ACTIVATIONS))
@pytest.mark.parametrize("penalties", PENALIZED)
def test_penalties(penalties, activation, twin, monkeypatch):
    settings, objective = PENALIZED[penalties]
    monkeypatch.setitem(OBJECTIVES, "penalized", (settings, plain(objective)))
    sizes = {"latent_dim": 3, "hidden": (6, 5), "activation": activation}
    require_same_model("mlp", (7,), "gaussian", "penalized", batch=6, modes=(True, False), **sizes)


@pytest.mark.parametrize(("likelihood", "objective"), FORWARDS)
def test_mlp(likelihood, objective):
    hidden = (8,) if likelihood == "categorical" else (400,)  # 256 outputs a pixel are wide enough
    require_same_model(
        "mlp", (28, 28), likelihood, objective, batch=8, modes=(True,), latent_dim=20, hidden=hidden
    )


@pytest.mark.parametrize(("likelihood", "objective"), BACKWARDS)
def test_convolutional(likelihood, objective):
    # a bias that all logits share has no gradient to compare
    channels = 2 if likelihood == "multinomial" else 1
    require_same_model(
        "convolutional", (channels, 28, 28), likelihood, objective, batch=2, modes=(True,), latent_dim=16
    )


@pytest.mark.parametrize(("likelihood", "objective"), SOME)
def test_convolutional_on_odd_sizes(likelihood, objective, twin):
    sizes = {"latent_dim": 4, "channels": (5, 3), "hidden": 8, "activation": "elu"}
    require_same_model(
        "convolutional", (3, 13, 10), likelihood, objective, batch=4, modes=(True, False), **sizes
    )


def test_pseudo_inputs_within_bounds(twin, monkeypatch):
    """Of normal numbers a third lies beyond ±1, where neither library has a gradient."""
    monkeypatch.setattr(expressions.VampPrior, "bounds", (-1.0, 1.0))
    bounded = {"prior": "vamp(bounds=(-1, 1))"}
    monkeypatch.setitem(expressions.PRIORS, bounded["prior"], expressions.VampPrior)
    monkeypatch.setitem(OBJECTIVES, "bounded", (bounded, plain(Iwae(3))))
    require_same_model(
        "mlp", (7,), "gaussian", "bounded", batch=6, modes=(True, False), latent_dim=3, hidden=(6,)
    )


@pytest.mark.parametrize(
    "objective", [Elbo(beta=2.0), SampledElbo(samples=2), Iwae(3), Iwae(3, gradient="dreg")], ids=str
)
def test_codes_on_a_sphere(objective, twin, monkeypatch):
    monkeypatch.setitem(
        OBJECTIVES, "sphere", ({"posterior": "von_mises_fisher", "prior": "uniform_sphere"}, plain(objective))
    )
    require_same_model(
        "mlp", (7,), "gaussian", "sphere", batch=6, modes=(True, False), latent_dim=4, hidden=(6,)
    )


def test_convolutional_with_three_layers():
    sizes = {"latent_dim": 2, "channels": (3, 4, 2), "hidden": 5, "activation": "silu"}
    require_same_model(
        "convolutional", (2, 9, 15), "gaussian(learned=True)", "iwae", batch=3, modes=(True, False), **sizes
    )


# Optimizers, clipping and schedules

EXACT = 1e-12
STEPS = 20
SETTINGS = {  # ours, theirs
    "sgd": (lambda: SGD(0.03), lambda p: torch.optim.SGD(p, 0.03)),
    "sgd: momentum": (lambda: SGD(0.03, momentum=0.9), lambda p: torch.optim.SGD(p, 0.03, momentum=0.9)),
    "rmsprop": (lambda: RMSprop(), lambda p: torch.optim.RMSprop(p)),
    "rmsprop: settings": (
        lambda: RMSprop(0.02, decay=0.8, epsilon=1e-2),
        lambda p: torch.optim.RMSprop(p, 0.02, alpha=0.8, eps=1e-2),
    ),
    "adam": (lambda: Adam(), lambda p: torch.optim.Adam(p)),
    "adam: settings": (
        lambda: Adam(0.05, betas=(0.7, 0.8), epsilon=1e-2),
        lambda p: torch.optim.Adam(p, 0.05, betas=(0.7, 0.8), eps=1e-2),
    ),
    "adamw": (lambda: AdamW(), lambda p: torch.optim.AdamW(p)),
    "adamw: settings": (
        lambda: AdamW(0.05, betas=(0.7, 0.8), epsilon=1e-2, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, 0.05, betas=(0.7, 0.8), eps=1e-2, weight_decay=0.3),
    ),
}


def test_every_optimizer_is_held_against_its_namesake():
    assert {name.split(":")[0] for name in SETTINGS} == set(OPTIMIZERS)


def two_parameters(rng):
    ours = {"W": layers.Parameter(rng.standard_normal((4, 3))), "b": layers.Parameter(rng.standard_normal(5))}
    return ours, [nn.Parameter(tensor(parameter.value)) for parameter in ours.values()]


@pytest.mark.parametrize("name", SETTINGS)
def test_optimizer(name, twin):
    rng = np.random.default_rng(4)
    ours, theirs = two_parameters(rng)
    make_ours, make_theirs = SETTINGS[name]
    optimizer, their_optimizer = make_ours(), make_theirs(theirs)
    for step in range(STEPS):
        for parameter, t in zip(ours.values(), theirs, strict=True):
            parameter.grad = rng.standard_normal(parameter.value.shape) * 10.0 ** rng.integers(-4, 2)
            t.grad = tensor(parameter.grad)
        optimizer.step(ours)
        their_optimizer.step()
        for (key, parameter), t in zip(ours.items(), theirs, strict=True):
            require_agreement(f"{key} after step {step + 1}", parameter.value, t, close=EXACT)


@pytest.mark.parametrize("max_norm", [0.1, 1.0, 100.0])
def test_clip_by_norm(max_norm):
    """PyTorch divides by the norm + 1e-6, we by the norm: they differ by 1e-6 of it where gradients are
    clipped at all.
    """
    rng = np.random.default_rng(5)
    ours, theirs = two_parameters(rng)
    for parameter, t in zip(ours.values(), theirs, strict=True):
        parameter.grad = rng.standard_normal(parameter.value.shape)
        t.grad = tensor(parameter.grad)
    norm = clip_by_norm(ours.values(), max_norm)
    their_norm = float(torch.nn.utils.clip_grad_norm_(theirs, max_norm))
    assert norm == pytest.approx(their_norm, rel=EXACT)
    clipped = their_norm > max_norm
    assert clipped == (max_norm < 10)
    for (key, parameter), t in zip(ours.items(), theirs, strict=True):
        undone = (their_norm + 1e-6) / their_norm if clipped else 1.0
        require_agreement(f"d{key}", parameter.grad, t.grad * undone, close=EXACT)


SCHEDULES = {
    "cosine": (schedules.Cosine(0.3, 25), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 25)),
    "cosine: final": (
        schedules.Cosine(0.3, 25, final=0.1),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 25, 0.1),
    ),
    "step decay": (schedules.StepDecay(0.3, 7), lambda o: torch.optim.lr_scheduler.StepLR(o, 7)),
    "step decay: factor": (
        schedules.StepDecay(0.3, 4, factor=0.6),
        lambda o: torch.optim.lr_scheduler.StepLR(o, 4, 0.6),
    ),
    "constant": (schedules.Constant(0.3), lambda o: torch.optim.lr_scheduler.ConstantLR(o, 1.0)),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name):
    """From step 0 to the last: after it PyTorch's cosine goes up again, ours stays."""
    ours, make_theirs = SCHEDULES[name]
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.3)
    theirs = make_theirs(optimizer)
    rates = []
    for _ in range(26):
        rates.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    require_agreement("rates", np.array([ours(step) for step in range(26)]), np.array(rates), close=EXACT)
