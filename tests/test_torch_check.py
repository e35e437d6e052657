"""`check_torch` passes right steps in every form, names mistakes, and leaves the module as it was."""

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.reference import check_torch

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional
D, H, Z, B = 30, 16, 5, 12


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.mu, self.lv = nn.Linear(D, H), nn.Linear(H, Z), nn.Linear(H, Z)
        self.both = nn.Linear(H, 2 * Z)
        self.fc3, self.fc4 = nn.Linear(Z, H), nn.Linear(H, D)
        self.dec = nn.Sequential(nn.Linear(Z, H), nn.ReLU(), nn.Linear(H, D), nn.Sigmoid())

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.mu(h), self.lv(h)

    def decode(self, z):
        return self.fc4(F.relu(self.fc3(z)))


def kld(mu, lv):
    return 0.5 * (mu**2 + lv.exp() - 1 - lv).sum()


def bce(logits, x):
    return F.binary_cross_entropy_with_logits(logits, x, reduction="sum")


def step(
    z=lambda mu, lv: mu + (0.5 * lv).exp() * torch.randn_like(mu),
    kl=lambda mu, lv, z: kld(mu, lv),
    encode=Small.encode,
):
    def loss(m, x):
        mu, lv = encode(m, x)
        drawn = z(mu, lv)
        return bce(m.decode(drawn), x) + kl(mu, lv, drawn)

    return loss


def halves(m, x):
    return m.both(F.relu(m.fc1(x))).chunk(2, dim=1)


def by_sequential(m, x):
    mu, lv = m.encode(x)
    p = m.dec(mu + (0.5 * lv).exp() * torch.randn_like(mu))
    return F.binary_cross_entropy(p, x, reduction="sum") + kld(mu, lv)


def sigmoid_mean(m, x):
    mu, lv = m.encode(x)
    mean = torch.sigmoid(m.decode(mu + (0.5 * lv).exp() * torch.randn_like(mu)))
    return 0.5 * ((mean - x) ** 2).sum() + kld(mu, lv)


def one_sample(mu, lv, z):
    q, p = torch.distributions.Normal(mu, (0.5 * lv).exp()), torch.distributions.Normal(0.0, 1.0)
    return (q.log_prob(z) - p.log_prob(z)).sum()


def sticking(mu, lv, z):
    return one_sample(mu.detach(), lv.detach(), z)


OUTSIDE = torch.randn(B, Z, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
NAMES = {
    "encoder": ("fc1", "relu"),
    "heads": ("mu", "lv"),
    "decoder": ("fc3", "relu", "fc4"),
    "reduction": "sum",
}
RIGHT = {
    "as it should be": (step(), {}),
    "the mean at evaluation": (step(z=lambda mu, lv: mu), {"evaluation": True}),
    "the mean of two halves at evaluation": (
        step(z=lambda mu, lv: mu, encode=halves),
        {"evaluation": True, "heads": "both"},
    ),
    "one head in halves": (step(encode=halves), {"heads": "both"}),
    "noise from elsewhere": (
        step(z=lambda mu, lv: mu + (0.5 * lv).exp() * OUTSIDE.to(mu)),
        {"noise": OUTSIDE},
    ),
    "a sequential that ends in a sigmoid": (by_sequential, {"decoder": "dec"}),
    "a sigmoid that is named": (step(), {"decoder": ("fc3", "relu", "fc4", "sigmoid")}),
    "a gaussian's sigmoid": (
        sigmoid_mean,
        {"decoder": ("fc3", F.relu, "fc4", "Sigmoid"), "likelihood": "gaussian", "constants": False},
    ),
    "activations by any name": (step(), {"encoder": ("fc1", "ReLU"), "decoder": ("fc3", nn.ReLU(), "fc4")}),
    "a scale by any name": (step(), {"scale": "logvar"}),
    "one-sample kl": (step(kl=one_sample), {}),
    "one-sample kl, sticking the landing": (step(kl=sticking), {}),
    "later noise": (lambda m, x: step()(m, x) + 0 * torch.randn(B, Z).sum(), {}),
}


def checked(loss, changed, dtype=torch.float64, module=None):
    torch.manual_seed(0)
    module = (module or Small()).to(dtype)
    x = (torch.rand(B, D) < 0.4).to(dtype)
    return check_torch(module, x, loss, **{**NAMES, **changed})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_passes_to_its_last_gradient(name, dtype):
    loss, changed = RIGHT[name]
    report = checked(loss, changed, dtype)
    assert report.matches, str(report)
    assert not report.unchecked, str(report)
    gradients = [line.quantity for line in report.lines if line.quantity.endswith("weight")]
    assert len(gradients) == (4 if "heads" in changed else 5), gradients


def drawing(draw):
    return step(z=lambda mu, lv: mu + (0.5 * lv).exp() * draw(mu))


WRONG = {
    "noise_missing": (step(z=lambda mu, lv: mu), "z"),
    "z_detached": (step(z=lambda mu, lv: (mu + (0.5 * lv).exp() * torch.randn_like(mu)).detach()), "d_mean"),
    "mean_detached": (step(z=lambda mu, lv: mu.detach() + (0.5 * lv).exp() * torch.randn_like(mu)), "d_mean"),
    "sigma_detached": (
        step(z=lambda mu, lv: mu + (0.5 * lv).exp().detach() * torch.randn_like(mu)),
        "d_log_var",
    ),
    "kl_detached": (step(kl=lambda mu, lv, z: kld(mu, lv).detach()), "d_mean"),
    "noise_shared_across_batch": (drawing(lambda mu: torch.randn(Z).to(mu)), "noise"),
    "noise_shared_across_latents": (drawing(lambda mu: torch.randn(B, 1).to(mu)), "noise"),
    "noise_uniform": (drawing(torch.rand_like), "noise"),
    "heads_swapped": (step(z=lambda mu, lv: lv + (0.5 * mu).exp() * torch.randn_like(mu)), "z"),
    "kl_half_missing": (step(kl=lambda mu, lv, z: 2 * kld(mu, lv)), "loss"),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_named_and_gradients_follow(name, dtype):
    loss, first = WRONG[name]
    report = checked(loss, {}, dtype)
    assert (report.first, report.cause, len(report.findings)) == (first, name, 1), str(report)
    assert "d_z by the layers" in {line.quantity for line in report.lines}
    verdicts = {line.verdict for line in report.lines if "weight" in line.quantity}
    assert verdicts <= {"agrees", f"follows from {name}"}, str(report)


@pytest.mark.parametrize(
    ("scale", "said"),
    [(4.0, "pass beta=4"), (0.37, "pass beta=0.37"), (1.0, None)],
)
def test_another_weight_is_solved_for(scale, said):
    report = checked(step(kl=lambda mu, lv, z: scale * kld(mu, lv)), {})
    assert report.ok == (said is None)
    if said and scale != 4.0:
        assert said in report.explanation
    other = checked(lambda m, x: step(kl=lambda mu, lv, z: kld(mu, lv) * D)(m, x) / (B * D), {})
    assert (other.first, other.cause) == ("loss", "reconstruction_mean_over_pixels"), str(other)
    assert "a mean over the batch, which is not what reduction says" in other.explanation


def test_gradients_that_stop_and_layers_that_are_frozen():
    def stopped(m, x):
        with torch.no_grad():
            mu, lv = m.encode(x)
        return step(encode=lambda m, x: (mu, lv))(m, x)

    report = checked(stopped, {})
    assert "every value agrees" in report.explanation
    assert "no gradient reached it" in str(report)
    frozen = Small()
    frozen.fc1.weight.requires_grad_(False)
    assert checked(step(), {}, module=frozen).matches


def test_the_module_and_the_generator_stay_as_they_were():
    module = Small()
    module.fc1 = nn.Sequential(module.fc1, nn.BatchNorm1d(H))
    module.to(torch.float64)
    x = (torch.rand(B, D) < 0.4).to(torch.float64)
    step()(module, x).backward()
    before = {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}
    state, generator = {n: t.clone() for n, t in module.state_dict().items()}, torch.get_rng_state()
    assert check_torch(module, x, step(), **NAMES).matches
    assert all(torch.equal(t, module.state_dict()[n]) for n, t in state.items())
    assert all(torch.equal(p.grad, before[n]) for n, p in module.named_parameters() if n in before)
    assert torch.equal(generator, torch.get_rng_state())


def test_subclasses_that_compute_the_same_and_half_precision():
    class Named(nn.Linear):
        pass

    module = Small()
    module.fc1 = Named(D, H)
    assert checked(step(), {}, module=module).matches
    for dtype in (torch.bfloat16, torch.float16):
        report = checked(step(), {}, dtype)
        assert report.ok, str(report)
        assert not checked(step(kl=lambda mu, lv, z: -kld(mu, lv)), {}, dtype).ok


UNUSABLE = [
    (step(), {"scale": "softplus"}, "scale should be one of log_var"),
    (step(), {"decoder": ()}, "decoder should name a layer"),
    (step(), {"decoder": ("relu",)}, "decoder should name a layer"),
    (step(), {"heads": ("mu",)}, "heads should be two names"),
    (step(), {"encoder": ("fc1", "rleu")}, "no child 'rleu'; it has fc1, .*; activations are elu"),
    (step(), {"betta": 3}, "no setting 'betta'"),
    (
        step(z=lambda mu, lv: mu + (0.5 * lv).exp() * OUTSIDE.to(mu)),
        {},
        r"no noise of shape \(B, Z\) = \(12, 5\) was seen",
    ),
    (lambda m, x: step()(m, x).item(), {}, "should return the loss alone, .* found a float"),
    (lambda m, x: (step()(m, x), x), {}, "should return the loss alone, .* found a tuple"),
    (lambda m, x: step()(m, x) * torch.ones(3), {}, r"one number, the loss of the batch, found shape \(3,\)"),
    (lambda m, x: step()(m, x).detach(), {}, "no backward pass"),
    (lambda m, x: step()(m, x) + step()(m, x), {}, "more than once"),
    (
        lambda m, x: bce(m.decode(m.encode(x)[0] + torch.randn(3, B, Z).to(x)), x.expand(3, B, D)),
        {},
        r"z of the mean's shape \(B, Z\) = \(12, 5\), found \(3, 12, 5\)",
    ),
]


@pytest.mark.parametrize(("loss", "changed", "words"), UNUSABLE)
def test_what_cant_be_checked_is_one_sentence(loss, changed, words):
    with pytest.raises(InputError, match=words):
        checked(loss, changed)


def test_unknown_layers_are_called_by_their_name():
    module = Small()
    module.fc1 = nn.Sequential(module.fc1, nn.GroupNorm(2, H))
    with pytest.raises(
        InputError, match=r"fc1\.1 is a GroupNorm, for which there is no layer; there are Linear, "
    ):
        checked(step(), {}, module=module)
    module.fc1 = nn.utils.parametrizations.weight_norm(nn.Linear(D, H))
    with pytest.raises(InputError, match="fc1 is a ParametrizedLinear"):
        checked(step(), {}, module=module)
    with pytest.raises(InputError, match="x should be a torch tensor"):
        check_torch(Small(), np.ones((B, D)), step(), **NAMES)


def in_turns(m, x):
    return m.both(F.relu(m.fc1(x))).view(-1, Z, 2).unbind(-1)


def of_shape_one(m, x):
    return step()(m, x).reshape(1)


INSIDE = {
    "heads in turns": (step(encode=in_turns), {"heads": "both"}, None),
    "a loss of shape (1,)": (of_shape_one, {}, None),
    "bytes that are scaled in the step": (lambda m, x: step()(m, x.to(m.fc1.weight) / 255), {}, "bytes"),
    "data that are binarized in the step": (lambda m, x: step()(m, torch.bernoulli(x)), {}, "grey"),
    "an encoder that sees noise on x": (
        step(encode=lambda m, x: m.encode(x + 0.3 * torch.randn_like(x))),
        {},
        None,
    ),
}
DATA = {
    None: lambda: (torch.rand(B, D) < 0.4).double(),
    "grey": lambda: torch.rand(B, D).double(),
    "bytes": lambda: torch.randint(0, 256, (B, D), dtype=torch.uint8),
}


@pytest.mark.parametrize("name", INSIDE)
def test_what_happens_to_the_data_and_heads_inside_the_step_is_seen(name):
    loss, changed, data = INSIDE[name]
    torch.manual_seed(0)
    report = check_torch(Small().double(), DATA[data](), loss, **{**NAMES, **changed})
    assert report.matches, str(report)


def output_detached(m, x):
    mu, lv = m.encode(x)
    return bce(m.decode(mu + (0.5 * lv).exp() * torch.randn_like(mu)).detach(), x) + kld(mu, lv)


@pytest.mark.parametrize(
    ("loss", "first", "cause"),
    [
        (output_detached, "d_logits", "reconstruction_detached"),
        (
            step(z=lambda mu, lv: torch.distributions.Normal(mu, (0.5 * lv).exp()).sample()),
            "d_mean",
            "z_detached",
        ),
        (step(z=lambda mu, lv: torch.normal(mu, (0.5 * lv).exp())), "d_mean", "z_detached"),
        (drawing(lambda mu: torch.randn(1).to(mu)), "noise", "noise_shared_across_batch"),
    ],
)
def test_gradients_that_stop_at_z_or_at_the_output(loss, first, cause):
    report = checked(loss, {})
    assert (report.first, report.cause) == (first, cause), str(report)


def test_a_term_that_nobody_declared_is_solved_for():
    report = checked(lambda m, x: step(kl=lambda mu, lv, z: 3.5 * kld(mu, lv) + 0.3)(m, x).reshape(1), {})
    assert (report.first, report.causes) == ("loss", ())
    assert "the KL 3.5, and 0.3 is added" in report.explanation
    for wrong in (lambda mu, lv, z: (mu**2).sum() ** 2, lambda mu, lv, z: kld(mu, lv) + 0.1 * (lv**4).sum()):
        report = checked(step(kl=wrong), {})
        assert [finding.causes for finding in report.findings] == [()], str(report)


def test_names_that_are_mistaken_for_each_other():
    with pytest.raises(
        InputError, match="calls mu more than once, and lv never: is one written for the other"
    ):
        checked(step(encode=lambda m, x: (m.mu(F.relu(m.fc1(x))), m.mu(F.relu(m.fc1(x))))), {})
    assert any("no gradient reaches both.bias, both.weight" in note for note in checked(step(), {}).notes)


@pytest.mark.parametrize("weight", [0.0, 1.0, -1.0])
def test_a_kl_that_is_too_small_to_be_seen_is_seen_at_other_weights(weight):
    module = Small()
    for head in (module.mu, module.lv):
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    report = checked(step(kl=lambda mu, lv, z: weight * kld(mu, lv)), {}, torch.float32, module)
    assert report.matches == (weight == 1), str(report)
    assert "added to each of them" in str(report)


def test_a_unit_on_the_other_side_of_its_kink_is_no_departure():
    torch.manual_seed(1)
    module, x = Small(), torch.rand(B, D)
    with torch.no_grad():
        module.fc1.bias.copy_(-(module.fc1.weight.double() @ x[0].double()))
    report = check_torch(module, x, step(), **NAMES)
    assert report.matches, str(report)
