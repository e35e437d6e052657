"""Some signs and words make an equation, and others make a sentence."""

from __future__ import annotations

import ast
from functools import cache

from scratchvae.site.atlas import Module

# Only equations hold these signs.
SIGNS = frozenset("Σ∂∫√∛‖½¼⅛²³⁴ᵀ⁻¹ⁿᵏ∇Π∏⟨⟩αβγδεζηθκλμνξπρστφχψωΓΔΘΛΦΨΩℓ−∘∈≤≥≠∝∼≈∞′″⌊⌋⌈⌉₀₁₂ₖ")
# The package uses these names everywhere: an equation may hold them where the code beside it does not.
NAMES = frozenset(
    [
        "mean",
        "means",
        "other_mean",
        "log_var",
        "log_vars",
        "other_log_var",
        "std",
        "raw_std",
        "capacity",
        "noise",
        "location",
        "scale",
        "rate",
        "logits",
        "probability",
        "size",
        "stride",
        "padding",
        "draws",
        "soft",
        "hard",
        "precision",
        "prior",
        "posterior",
        "weight",
        "weights",
        "smoothing",
        "kl",
        "log_px",
        "log_pz",
        "log_q",
        "loss",
        "bound",
        "value",
        "beta",
        "eps",
        "epsilon",
        "half",
    ]
)
WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "where",
        "with",
        "if",
        "else",
        "for",
        "at",
        "and",
        "of",
        "is",
        "are",
        "in",
        "on",
        "by",
        "to",
        "from",
        "as",
        "it",
        "its",
        "that",
        "this",
        "which",
        "so",
        "or",
        "not",
        "all",
        "any",
        "some",
        "both",
        "each",
        "one",
        "two",
        "here",
        "there",
        "than",
        "then",
        "no",
        "none",
        "only",
        "same",
        "other",
        "first",
        "last",
        "by",
        "over",
        "up",
        "what",
        "when",
        "whose",
        "sum",
        "name",
        "names",
        "shape",
        "data",
    ]
)
MATHEMATICAL = frozenset(  # the kinds of tokens that equations are made of
    [
        *("number", "word", "greek", "large", "raised", "lowered", "relation", "sign", "product", "share"),
        *("plain", "root", "open", "close", "bar", "slash", "power", "prime", "comma", "index"),
    ]
)


@cache
def names_in(module: Module) -> frozenset[str]:
    """Return the words that a module's equations may use as names.

    These are its functions, their arguments, and what they assign.
    """
    found = set()
    for node in module.nodes:
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return frozenset(name for name in found if name not in WORDS) | NAMES
