"""Defaults are said once, or alike: by a method and by its interface, by a name of a table and by its class."""

import inspect
from typing import get_type_hints

import pytest

from scratchvae import flows, layers, likelihoods, objectives, posteriors, priors
from scratchvae.evaluation import (
    continuity,
    density_and_coverage,
    even_grid,
    evidence,
    expected_coverage,
    regularity,
    two_sample_test,
)
from scratchvae.models import ConditionalVAE, HelmholtzMachine
from scratchvae.recipes import LIKELIHOODS, PENALTIES, POSTERIORS, PRIORS, SCHEDULES, belief_net

ROOMS = (flows, layers, likelihoods, objectives, posteriors, priors)
KINDS = {
    kind
    for room in ROOMS
    for name in room.__all__
    if inspect.isclass(kind := getattr(room, name)) and len(kind.__mro__) > 2
}
TABLES = (LIKELIHOODS, PENALTIES, POSTERIORS, PRIORS, SCHEDULES)
NAMED = [(table, name) for table in TABLES for name in table if not inspect.isclass(table[name])]


def defaults_of(function):
    return {p.name: p.default for p in inspect.signature(function).parameters.values()}


@pytest.mark.parametrize(
    "kind", sorted(KINDS, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__
)
def test_a_method_has_the_defaults_of_its_interface(kind):
    """Code that knows the interface alone leaves out what it says may be left out."""
    for name, own in inspect.getmembers(kind, inspect.isfunction):
        for above in kind.__mro__[1:]:
            if (name == "__call__" or not name.startswith("_")) and name in vars(above):
                mine, theirs = defaults_of(own), defaults_of(getattr(above, name))
                shared = mine.keys() & theirs.keys()
                assert {p: mine[p] for p in shared} == {p: theirs[p] for p in shared}, name


def require_one_default(outer, inner):
    mine, theirs = defaults_of(outer), defaults_of(inner)
    said = [p for p in mine.keys() & theirs.keys() if inspect.Parameter.empty not in (mine[p], theirs[p])]
    assert {p: mine[p] for p in said} == {p: theirs[p] for p in said}


@pytest.mark.parametrize(("table", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_name_has_the_defaults_of_the_class_that_it_builds(table, name):
    require_one_default(table[name], get_type_hints(table[name])["return"])


HANDED_ON = [  # a function, and one that it hands its options on to by their names
    (ConditionalVAE.predict, ConditionalVAE.predict_proba),
    (belief_net, HelmholtzMachine),
    (evidence, even_grid),
    *((regularity, part) for part in (continuity, density_and_coverage, expected_coverage, two_sample_test)),
]


@pytest.mark.parametrize(("outer", "inner"), HANDED_ON, ids=lambda function: function.__name__)
def test_an_option_that_is_handed_on_has_one_default(outer, inner):
    require_one_default(outer, inner)
