"""Choices in words, such as `elbo(beta=4, free_bits=0.1)`: their grammar, and tables of what is chosen."""

from scratchvae.choices.grammar import Choice, parse, parse_value, parse_values, shortened
from scratchvae.choices.table import Table, joined
from scratchvae.choices.values import fitted

__all__ = ["Choice", "Table", "fitted", "joined", "parse", "parse_value", "parse_values", "shortened"]
