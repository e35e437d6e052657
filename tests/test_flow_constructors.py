"""Steps of a flow with a network of their own: what they refuse, and how they order the latents."""

import numpy as np
import pytest

from scratchvae.arrays import InputError
from scratchvae.flows import Coupling, InverseAutoregressive, MaskedAutoregressive
from scratchvae.flows.network import network
from scratchvae.networks import POSTERIORS, PRIORS, Parts

STEPS = (Coupling, InverseAutoregressive, MaskedAutoregressive)
REFUSED = {
    "no latents": ({"latent_dim": 0}, "latent_dim should be at least"),
    "half a latent": ({"latent_dim": 2.5}, "latent_dim should be a whole number, at least 1; found 2.5"),
    "a flag for latents": (
        {"latent_dim": True},
        "latent_dim should be a whole number, at least 1; found True",
    ),
    "less than no context": ({"context": -1}, "context should be at least 0, found -1"),
    "half a context": ({"context": 0.5}, "context should be a whole number, at least 0; found 0.5"),
    "a word for a flag": ({"reverse": "no"}, "reverse should be True or False, found 'no'"),
    "a number for a flag": ({"reverse": 1}, "reverse should be True or False, found 1"),
    "a hidden layer of no units": ({"hidden": (4, 0)}, "hidden should be .*at least 1.*found"),
    "no hidden layer": ({"hidden": ()}, "hidden should "),
    "a word for a generator": ({"rng": "seed"}, "rng should "),
}


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_refuses_by_its_own_name(step, kind):
    given, words = REFUSED[kind]
    with pytest.raises(InputError, match=f"^{step.__name__}: {words}") as error:
        step(**{"latent_dim": 4, "hidden": 3, "rng": 0, **given})
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("step", STEPS)
def test_no_context_is_a_context_and_one_seed_gives_one_network(step):
    one, other = (step(3, 0, hidden=(4, 5), rng=2) for _ in range(2))
    assert one.n_params == 0
    assert [w.value.shape[-1] for w in one.weights[1::2]][:2] == [4, 5]
    for mine, theirs in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(mine.value, theirs.value)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (Coupling(5, rng=0).moves, (2, 3, 4)),
        (Coupling(5, reverse=True, rng=0).moves, (0, 1)),
        (InverseAutoregressive(3, rng=0).order, (0, 1, 2)),
        (InverseAutoregressive(3, reverse=True, rng=0).order, (2, 1, 0)),
        (MaskedAutoregressive(3, rng=0).order, (0, 1, 2)),
        (MaskedAutoregressive(3, reverse=True, rng=0).order, (2, 1, 0)),
    ],
)
def test_reverse_turns_round_which_latents_come_first(made, expected):
    assert made == expected


@pytest.mark.parametrize(
    ("roles", "text", "first", "turned"),
    [
        (POSTERIORS, "coupling(steps=5, hidden=3)", (1, 2), (0,)),
        (POSTERIORS, "iaf(steps=5, hidden=3)", (0, 1, 2), (2, 1, 0)),
        (PRIORS, "flow(steps=5, hidden=3)", (1, 2), (0,)),
        (PRIORS, "flow(steps=5, hidden=3, kind='autoregressive')", (0, 1, 2), (2, 1, 0)),
    ],
)
def test_a_flow_by_its_name_turns_the_latents_round_at_every_step(roles, text, first, turned):
    """So that no latent stays first in each of them."""
    made = roles.build(text, **vars(Parts((4,), 3, np.random.default_rng(0))))
    chain = made.flow
    found = [step.moves if isinstance(step, Coupling) else step.order for step in chain.steps]
    assert found == [first, turned, first, turned, first]


def test_a_network_with_an_order_has_so_many_outputs_for_each_latent():
    x, context, V, hidden = (
        np.zeros((2, 3)),
        np.zeros((2, 0)),
        np.zeros((0, 4)),
        (np.zeros((3, 4)), np.zeros(4)),
    )
    with pytest.raises(
        InputError, match="an order of 3 latents should come with as many, and with so many outputs"
    ):
        network(x, context, V, *hidden, np.zeros((4, 5)), np.zeros(5), order=(0, 1, 2))
