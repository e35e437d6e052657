"""check_training: a right loop agrees in each of its forms, and each mistake around a step is named."""

import copy

import pytest

from scratchvae.arrays import InputError
from scratchvae.reference import check_training

torch = pytest.importorskip("torch")
steps = pytest.importorskip("torch_steps")
loss_of = steps.example(join=lambda r, k, x: (r + k) / len(x))


def loop(*order, **how):
    """A training step of these calls in order: clear, back, clip, step."""

    def train(model, optimizer, x):
        calls = {
            "clear": optimizer.zero_grad,
            "back": lambda: (how.get("factor", 1.0) * loss_of(model, x)).backward(),
            "clip": lambda: torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5),
            "step": optimizer.step,
            "train": model.train,
        }
        for call in order:
            calls[call]()

    return train


class EverySecond:
    """Accumulates the gradients of two batches; with `lost`, it clears them before each."""

    def __init__(self, lost=False):
        self.lost = lost

    def __call__(self, model, optimizer, x):
        model.calls = getattr(model, "calls", 0) + 1
        if self.lost:
            optimizer.zero_grad()
        (loss_of(model, x) / 2).backward()
        if model.calls % 2 == 0:
            optimizer.step()
            optimizer.zero_grad()


def hidden(model, optimizer, x):
    """The KL's weight is that of a count that no state dict holds."""
    model.calls = getattr(model, "calls", 0) + 1
    optimizer.zero_grad()
    (loss_of(model, x) * min(1.0, model.calls / 10)).backward()
    optimizer.step()


def adam(model, **how):
    return torch.optim.Adam(model.parameters(), 1e-3, **how)


def frozen(model):
    rest = [p for name, p in model.named_parameters() if "fc1" not in name]
    return torch.optim.Adam([{"params": model.fc1.parameters()}, {"params": rest, "lr": 0.0}], 1e-3)


def validated(scale=1.0, eval_first=True, back=True):
    def evaluate(model, x):
        model.train(not eval_first)
        with torch.no_grad():
            bound = -float(loss_of(model, x)) * scale
        if back:
            model.train()
        return bound

    return evaluate


PLAIN = ("clear", "back", "step")
LOOPS = {  # name: (loop, network, optimizer, settings, the mistake that should be named)
    "plain": (loop(*PLAIN), "dense", adam, {"evaluate": validated()}, None),
    "cleared after the step": (loop("back", "step", "clear"), "dense", adam, {}, None),
    "clipped": (loop("clear", "back", "clip", "step"), "dense", adam, {"max_norm": 0.5}, None),
    "momentum and decay": (
        loop(*PLAIN),
        "dense",
        lambda m: torch.optim.SGD(m.parameters(), 1e-2, momentum=0.9, weight_decay=0.1),
        {},
        None,
    ),
    "dropout": (loop(*PLAIN), "residual", adam, {"evaluate": validated()}, None),
    "batch norm": (loop("train", *PLAIN), "convolutional", adam, {"evaluate": validated(back=False)}, None),
    "two batches": (EverySecond(), "dense", adam, {"accumulate": 2}, None),
    "not cleared": (loop("back", "step"), "dense", adam, {}, "gradients_not_cleared"),
    "clipped too late": (
        loop("clear", "back", "step", "clip"),
        "dense",
        adam,
        {"max_norm": 0.5},
        "gradients_not_clipped",
    ),
    "maximized": (loop(*PLAIN), "dense", lambda m: adam(m, maximize=True), {}, "moves_uphill"),
    "one layer alone": (
        loop(*PLAIN),
        "dense",
        lambda m: torch.optim.Adam(m.fc1.parameters()),
        {},
        "parameters_not_in_optimizer",
    ),
    "no rate": (loop(*PLAIN), "dense", frozen, {}, "parameters_not_moved"),
    "two batches lost": (EverySecond(lost=True), "dense", adam, {"accumulate": 2}, "accumulation_lost"),
    "two batches undeclared": (EverySecond(), "dense", adam, {}, "steps_not_as_declared"),
    "a count outside": (hidden, "dense", adam, {}, "resumed_otherwise"),
    "validated in training": (
        loop(*PLAIN),
        "residual",
        adam,
        {"evaluate": validated(eval_first=False)},
        "evaluation_in_training_mode",
    ),
    "left in evaluation": (
        loop(*PLAIN),
        "residual",
        adam,
        {"evaluate": validated(back=False)},
        "training_in_evaluation_mode",
    ),
    "statistics of the validation set": (
        loop(*PLAIN),
        "convolutional",
        adam,
        {"evaluate": validated(eval_first=False)},
        "evaluation_changes_model",
    ),
}


def checked(name, **more):
    train, network, optimizer, settings, _ = LOOPS[name]
    torch.manual_seed(0)
    model = steps.NETWORKS[network]()
    batches = [(torch.rand(6, steps.D) > 0.5).float() for _ in range(4)]
    return check_training(model, optimizer(model), train, batches, **{**settings, **more})


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop(name):
    report = checked(name)
    if LOOPS[name][-1] is None:
        assert report.matches, str(report)
    else:
        assert report.cause == LOOPS[name][-1], str(report)


@pytest.mark.parametrize(("scale", "ok"), [(1.0, True), (1 / steps.D, False)], ids=["in nats", "a dimension"])
def test_a_reported_bound_lies_below_the_evidence(monkeypatch, scale, ok):
    monkeypatch.setattr("scratchvae.reference.frameworks.torch_validation.DRAWS", 12)
    report = checked("plain", evaluate=validated(scale), reports_bound=True)
    assert report.ok == ok, str(report)
    assert ok or report.cause == "no_bound"


def test_the_caller_s_model_is_left_as_it_was():
    torch.manual_seed(0)
    model = steps.Convolutional()
    optimizer, batches = adam(model), [torch.rand(6, steps.D) for _ in range(2)]
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    check_training(model, optimizer, loop(*PLAIN), batches, evaluate=validated())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert not optimizer.state
    assert all(p.grad is None for p in model.parameters())
    with pytest.raises(InputError, match="at least 4 batches, found 2"):
        check_training(model, optimizer, loop(*PLAIN), batches, accumulate=2)
