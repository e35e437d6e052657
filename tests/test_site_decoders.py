"""The bound on what 8 bits cost a decoder is reached, so that nothing of it is left out.

Indented lines of a docstring are displayed.
"""

import numpy as np
import pytest

from scratchvae.layers import Linear, Sequential
from scratchvae.site.decoders import largest_logit_error, logits_of, packed
from scratchvae.site.docstrings import blocks

S = 2.0**-10  # a row's scale, whose largest weight is 127 S


def decoder(*weights):
    layers = []
    for rows in weights:
        layer = Linear(len(rows[0]), len(rows), rng=0)
        layer.weight.value, layer.bias.value = np.array(rows, np.float32).T, np.zeros(len(rows), np.float32)
        layers.append(layer)
    return Sequential(*layers)


def errors(model, z):
    layers = packed(model)
    exact, _ = model(z)
    return float(np.abs(logits_of(layers, z) - exact).max()), float(
        largest_logit_error(model, layers, z).max()
    )


def test_half_a_scale_is_lost_for_each_weight():
    model = decoder([[127 * S, *[10.499 * S] * 9]])
    lost, bound = errors(model, np.array([[0.0, *[1.0] * 9]]))
    assert lost == pytest.approx(9 * 0.499 * S, rel=1e-3)
    assert lost <= bound <= 1.01 * lost


def test_what_is_lost_in_one_layer_comes_through_the_next():
    model = decoder([[127 * S, 10.499 * S, 10.501 * S]], [[1.0]])
    lost, bound = errors(model, np.array([[0.0, 1.0, -1.0]]))  # whose hidden unit is 0, nearly
    assert lost == pytest.approx(2 * 0.499 * S, rel=1e-2)
    assert lost <= bound <= 1.01 * lost


def test_indented_equations_are_displayed_and_other_indented_lines_stay_as_they_are():
    html = blocks("Words.\n\n    a = ½ b²\n\n    run this --now\n", {"a", "b"}, lambda _: None)
    assert '<div class="equation"><div class="tex">' in html
    assert "<pre>run this --now</pre>" in html
