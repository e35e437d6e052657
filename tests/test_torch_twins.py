"""Modules as layers and back, and whole PyTorch VAEs held against this library."""

import numpy as np
import pytest

from scratchvae import layers
from scratchvae.arrays import InputError
from scratchvae.layers import EVALUATION, Mode, named_parameters
from scratchvae.recipes import convolutional, mlp
from scratchvae.reference import (
    check_torch,
    layer_from_torch,
    load_state_dict,
    module_from_layer,
    read_state_dict,
    save_state_dict,
    state_dict,
)
from scratchvae.reference.frameworks.torch_twins import paired

torch = pytest.importorskip("torch")

nn, F = torch.nn, torch.nn.functional
IMAGE, ROW = (4, 3, 8, 8), (4, 6)
MODULES = {
    "linear": (lambda: nn.Linear(6, 5), ROW),
    "linear without bias": (lambda: nn.Linear(6, 5, bias=False), ROW),
    "conv": (lambda: nn.Conv2d(3, 4, 3, stride=2, padding=1), IMAGE),
    "transposed": (lambda: nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1), IMAGE),
    "batch norm of rows": (lambda: nn.BatchNorm1d(6, momentum=0.3), ROW),
    "batch norm of images": (lambda: nn.BatchNorm2d(3), IMAGE),
    "layer norm": (lambda: nn.LayerNorm(6), ROW),
    "max pool": (lambda: nn.MaxPool2d(2), IMAGE),
    "mean pool": (lambda: nn.AvgPool2d(2, stride=1), IMAGE),
    "upsample": (lambda: nn.Upsample(scale_factor=2), IMAGE),
    "leaky": (lambda: nn.LeakyReLU(0.2), ROW),
    "elu": (lambda: nn.ELU(1.3), ROW),
    "gelu": (lambda: nn.GELU(), ROW),
    "gelu by tanh": (lambda: nn.GELU("tanh"), ROW),
    "others": (
        lambda: nn.Sequential(
            nn.SiLU(), nn.Tanh(), nn.Sigmoid(), nn.Softplus(), nn.ReLU(), nn.Identity(), nn.Dropout(0.0)
        ),
        ROW,
    ),
    "shapes": (
        lambda: nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, 8, 8)), nn.Flatten(), nn.Linear(192, 3)),
        IMAGE,
    ),
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", MODULES)
def test_a_module_its_layer_and_the_module_of_that_compute_the_same(name, training):
    build, shape = MODULES[name]
    torch.manual_seed(0)
    module = build().double().train(training)
    for tensor in module.parameters():
        nn.init.normal_(tensor)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    layer = layer_from_torch(module)
    pairs = paired(layer, module)
    assert len(pairs) == len(list(module.parameters())) == len(named_parameters(layer))
    again = module_from_layer(layer).train(training)
    y = module(x)
    weight = torch.randn_like(y)
    (y * weight).sum().backward()
    ours, pullback = layer(
        x.detach().numpy(), mode=Mode(np.random.default_rng(0)) if training else EVALUATION
    )
    dx = pullback(weight.numpy())
    np.testing.assert_allclose(ours, y.detach().numpy(), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(dx, x.grad.numpy(), rtol=1e-10, atol=1e-12)
    for parameter, tensor, turned in pairs.values():
        grad = parameter.grad.T if turned else parameter.grad
        np.testing.assert_allclose(grad, tensor.grad.numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(again(x).detach().numpy(), y.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_shared_weights_are_the_same_memory_and_copied_ones_are_not():
    module = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    shared, copied = (layer_from_torch(module, share=share) for share in (True, False))
    with torch.no_grad():
        module[0].weight.fill_(7)
    assert (shared.layers[0].weight.value == 7).all()
    assert not (copied.layers[0].weight.value == 7).any()


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (nn.LSTM(2, 3), "is a LSTM, for which there is no layer"),
        (
            nn.Sequential(nn.Linear(2, 2), nn.Conv2d(2, 2, 3, groups=2)),
            "Sequential.1 should have groups = 1, found 2",
        ),
        (nn.Conv2d(2, 2, 3, padding="same"), "padding as a number"),
        (nn.Conv2d(2, 2, (3, 2)), r"kernel_size = \(3, 3\), found \(3, 2\)"),
        (nn.BatchNorm1d(2, affine=False), "affine = True"),
        (nn.Softplus(beta=2), "beta = 1"),
        (nn.Upsample(scale_factor=2, mode="bilinear"), "mode = nearest"),
    ],
)
def test_what_has_no_layer_is_said(module, words):
    with pytest.raises(InputError, match=words):
        layer_from_torch(module)


def test_a_layer_without_a_module_is_said():
    with pytest.raises(InputError, match="no PyTorch module for a Heads"):
        module_from_layer(layers.Heads(layers.Linear(2, 2)))


class Plain(nn.Module):
    """The shape that most examples have: summed cross-entropy plus KL."""

    def __init__(self, wrong=None):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)
        self.wrong = wrong

    def forward(self, x):
        h = F.relu(self.fc1(x.view(-1, 784)))
        mu, log_var = self.fc21(h), self.fc22(h)
        std = torch.exp(log_var if self.wrong == "std" else 0.5 * log_var)
        z = mu + std * torch.randn_like(std)
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, log_var

    def loss(self, x):
        p, mu, log_var = self(x)
        if self.wrong == "mean":
            reconstruction = F.binary_cross_entropy(p, x.view(-1, 784))
        else:
            reconstruction = F.binary_cross_entropy(p, x.view(-1, 784), reduction="sum")
        return reconstruction - 0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())


class Convolutional(nn.Module):
    """Batch norm, torch.distributions, one head module each."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 4, 2, 1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 4, 2, 1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.mean, self.log_std, self.fc = nn.Linear(784, 10), nn.Linear(784, 10), nn.Linear(10, 784)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 4, 2, 1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 4, 2, 1),
        )

    def loss(self, x):
        h = self.encoder(x)
        q = torch.distributions.Normal(self.mean(h), self.log_std(h).exp())
        logits = self.decoder(F.relu(self.fc(q.rsample())).view(-1, 16, 7, 7))
        kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0, 1)).sum()
        return (F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl) / len(x)


PLAIN = {
    "encoder": ("fc1", "relu"),
    "heads": ("fc21", "fc22"),
    "decoder": ("fc3", "relu", "fc4"),
    "reduction": "sum",
}
CONV = {
    "encoder": ("encoder",),
    "heads": ("mean", "log_std"),
    "decoder": ("fc", "relu", (16, 7, 7), "decoder"),
    "scale": "log_std",
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("kind", "names"), [(Plain, PLAIN), (Convolutional, CONV)])
def test_whole_models_pass(kind, names, dtype):
    torch.manual_seed(0)
    module = kind().to(dtype)
    x = (torch.rand(32, 1, 28, 28) < 0.3).to(dtype)
    state = {name: tensor.clone() for name, tensor in module.state_dict().items() if "running" in name}
    report = check_torch(module, x, lambda m, x: m.loss(x), **names)
    assert report.ok, str(report)
    compared = {line.quantity for line in report.lines}
    assert {f"d_{name}" for name, _ in module.named_parameters()} <= compared
    # left as they were
    assert all(torch.equal(tensor, module.state_dict()[name]) for name, tensor in state.items())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert not report.notes


def test_a_models_mistake_is_named_and_a_wrong_description_is_not_blamed_on_it():
    torch.manual_seed(0)
    x = (torch.rand(16, 1, 28, 28) < 0.3).float()
    report = check_torch(Plain("std"), x, lambda m, x: m.loss(x), **PLAIN)
    assert (report.first, report.cause) == ("z", "sampling_log_var_read_as_log_std"), str(report)
    report = check_torch(Plain("mean"), x, lambda m, x: m.loss(x), **PLAIN)
    assert (report.first, report.cause) == ("loss", "reconstruction_mean_and_kl_sum"), str(report)
    report = check_torch(Plain(), x, lambda m, x: m.loss(x), **{**PLAIN, "encoder": ("fc1", "tanh")})
    assert report.first == "mean by the layers"
    assert report.cause is None
    with pytest.raises(InputError, match="no child 'fc9'; it has fc1"):
        check_torch(Plain(), x, lambda m, x: m.loss(x), **{**PLAIN, "encoder": ("fc9",)})
    with pytest.raises(InputError, match="never called the module for"):
        check_torch(Plain(), x, lambda m, x: m.fc1.weight.sum(), **PLAIN)


def test_state_dicts_are_pytorchs(tmp_path):
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    layer = layer_from_torch(module)
    theirs = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    ours = state_dict(layer)
    assert ours.keys() == theirs.keys() - {"1.num_batches_tracked"}
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], strict=True)
    other = layer_from_torch(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    )
    load_state_dict(other, theirs)
    x = np.random.default_rng(0).normal(size=(2, 1, 4, 4)).astype(np.float32)
    np.testing.assert_array_equal(other(x)[0], layer(x)[0])
    for model in (
        mlp((6,), latent_dim=2, hidden=(3,)),
        convolutional((1, 8, 8), latent_dim=2, channels=(2, 3), hidden=4),
    ):
        save_state_dict(model, tmp_path / "m.safetensors")
        before = state_dict(model)
        for parameter in named_parameters(model).values():
            parameter.value = 0 * parameter.value
        read_state_dict(model, tmp_path / "m.safetensors")
        assert all(np.array_equal(before[name], array) for name, array in state_dict(model).items())
    safetensors = pytest.importorskip("safetensors.torch")
    assert safetensors.load_file(tmp_path / "m.safetensors").keys() == before.keys()
    with pytest.raises(InputError, match=r"missing 0.bias, .*; unknown none|missing 0.bias"):
        load_state_dict(layer, {name: array for name, array in ours.items() if name != "0.bias"})
    with pytest.raises(InputError, match=r"3.weight should have shape \(3, 8\), found \(8, 3\)"):
        load_state_dict(layer, {**ours, "3.weight": ours["3.weight"].T})
