"""Categories without an order, such as countries: p(x|z) = Categorical(softmax(logits)) for each entry."""

import numpy as np

from scratchvae import ops
from scratchvae.arrays import Array, InputError, Pullback, require_count, require_shapes
from scratchvae.distributions import categorical
from scratchvae.layers import EVALUATION, Mode
from scratchvae.likelihoods.interface import Likelihood, for_each_draw, n_entries
from scratchvae.likelihoods.missing import fill_missing, where_observed


class Categories(Likelihood):
    """Each entry one of `levels` categories 0, 1, …, levels − 1, whose numbers mean nothing.

    x_params = logits.

    x_params is (B, L·D), category by category, as for Categorical. The encoder sees an entry as L numbers: 1
    for its category and 0 for the others, and all 0 where it is missing. Categorical is the law of a
    picture's levels of grey, which have an order and a distance. Nazábal, Olmos, Ghahramani & Valera 2020,
    section 3.
    """

    def __init__(self, levels: int) -> None:
        require_count("Categories", "levels", levels)
        self.levels = levels

    def features(self, x: Array, observed: Array | None) -> tuple[Array, Array | None]:
        """[x_d = c] (B, L·D), category by category, and which of these were observed."""
        category = np.clip(np.rint(fill_missing(x, observed)), 0, self.levels - 1)  # x may be corrupted
        one_hot = (category[:, None, :] == np.arange(self.levels)[:, None]).astype(x.dtype)
        seen = None if observed is None else np.tile(observed, (1, self.levels))
        return one_hot.reshape(len(x), self.levels * x.shape[1]), seen

    def numeric(self, entries: int) -> Array:
        """Whether each entry is a number: none is, as the number of a category is a name."""
        return np.zeros(entries, np.bool_)

    def is_probability(self, x: Array) -> bool:
        """Yes: p(x|z) is the probability of the categories x."""
        return True

    def n_params(self, event_shape: tuple[int, ...]) -> int:
        """A logit for each category of each entry."""
        return self.levels * n_entries(event_shape)

    def log_prob(
        self,
        x_params: Array,
        *,
        x: Array,
        observed: Array | None = None,
        draws: int = 1,
        mode: Mode = EVALUATION,
    ) -> tuple[Array, Pullback]:
        """Σ_d log softmax(logits of entry d) at the category x_d."""
        x = for_each_draw(fill_missing(x, observed), draws).astype(np.int64)
        require_shapes("Categories", x=(x, "B D"), x_params=(x_params, f"B {x.shape[1] * self.levels}"))
        log_px, op_pullback = where_observed(categorical.log_prob, observed, draws)(
            self._by_entry(x_params), x=x
        )

        def pullback(dlog_px: Array) -> Array:
            dlogits = op_pullback(dlog_px)  # (B, D, L)
            return dlogits.transpose(0, 2, 1).reshape(x_params.shape)

        return log_px, pullback

    def expected(self, x_params: Array) -> Array:
        """The probability of each category (B, L·D).

        These can be averaged over z, while the numbers of categories can't.
        """
        p, _ = ops.softmax(self._by_entry(x_params), axis=2)
        return p.transpose(0, 2, 1).reshape(x_params.shape)

    def settled(self, expected: Array) -> Array:
        """The likeliest category of each entry (B, D)."""
        return self._by_entry(expected).argmax(axis=2).astype(expected.dtype)

    def mean(self, x_params: Array) -> Array:
        """The likeliest category, since the numbers of categories have no mean."""
        return self.settled(x_params)

    def sample(self, x_params: Array, rng: np.random.Generator) -> Array:
        """A drawn category for each entry."""
        logits = self._by_entry(x_params)
        return categorical.sample(logits, uniform=rng.random(logits.shape[:2])).astype(x_params.dtype)

    def require_support(self, x: Array) -> None:
        """Raise InputError unless every entry is one of 0, 1, …, levels − 1."""
        wrong = ~((x >= 0) & (x < self.levels) & (x == np.floor(x)))
        if wrong.any():
            raise InputError(
                f"Categories: x should hold categories 0 … {self.levels - 1}, found {x[wrong][0]:g}"
            )

    def _by_entry(self, x_params: Array) -> Array:
        by_level = x_params.reshape(len(x_params), self.levels, x_params.shape[1] // self.levels)
        return np.ascontiguousarray(by_level.transpose(0, 2, 1))  # (B, D, L)
