"""Naive Bayes: the first term of the ELBO, maximized where z is observed and is the class of each example.

    ELBO = E_q[log p(x|z)] − KL(q(z|x) ‖ p(z)),   p(x|z) = Π_d p(x_d|z),   q(z|x) = 1 at the observed class

The first term is then the log-likelihood of each class's examples under parameters of their own. It has its
maximum where these are the class's means and variances, or its frequencies, and so no gradient is needed. The
KL is −log p(z) of the observed class, so that the bound is log p(x, z) itself. Its maximum over p(z) is the
share of each class.

Letters: N examples, D entries of an event, K classes, P parameters of p(x|z); w_n is the weight of an
example, z_n its class, and n_k the weight of all examples of class k. Kingma & Welling 2014, equation 3;
McCallum & Nigam 1998.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from scratchvae import ops
from scratchvae.arrays import (
    Array,
    InputError,
    require_at_least,
    require_choice,
    require_finite,
    require_shapes,
)
from scratchvae.data import Batch, Dataset, known
from scratchvae.layers import Embedding, Owner
from scratchvae.likelihoods import GaussianPerPixel, Likelihood, require_supported
from scratchvae.models.class_laws import FAMILIES
from scratchvae.models.examples import require_scale, rows_given
from scratchvae.models.first_term import FirstTerm
from scratchvae.models.labels import of_one_kind
from scratchvae.training import minimize

BEYOND = 1e4  # takes the place of an infinite logit: in float64 its probabilities are 0 and 1 too


class NaiveBayes(Owner):
    """p(z) p(x|z) with z a class and p(x|z) = Π_d p(x_d|z), fitted to examples whose class is known.

    `likelihood` is one of the library's own. `decoder` is a table with a row of x_params for each class,
    which is a linear map of the class as a one-hot vector. The model has scikit-learn's verbs but neither
    get_params nor tags, so that `clone`, GridSearchCV and cross_val_score refuse it. scikit-learn's own
    GaussianNB, BernoulliNB and MultinomialNB give the same numbers there.

    `fit` sets `decoder`, in float64, to the maximum of the first term of the ELBO:

        GaussianPerPixel()    mean_d = Σ_n x_nd / n_k
                              σ_d² = Σ_n (x_nd − mean_d)² / n_k + smoothing · max_d Var[x_d]
        Bernoulli()           p_d = (Σ_n x_nd + α) / (n_k + 2 α),    α = smoothing
        Multinomial()         p_d = (Σ_n x_nd + α) / (Σ_d Σ_n x_nd + D α),    α = smoothing

    Each sum is over the examples of the class, while Var[x_d] is over all examples. An array x is taken as it
    stands, and a Dataset of pixels is divided by 255. Smoothing by α is called Lidstone's, or Laplace's where
    α = 1. p is then the mode of the posterior density over p whose prior is Beta(α + 1, α + 1), or
    Dirichlet(α + 1, …, α + 1). The variance that is added has the effect of noise on x. With `smoothing` None
    it is scikit-learn's default: 1e-9 for variances, and α = 1.

    Without smoothing a pixel that is never on in a class has p = 0 there. An example with that pixel on has
    log p(x|z) = −∞, and an example with it off gets log 1 = 0 from it. A variance of 0, as in a class with
    one example, is an InputError.

    `method` "closed_form" evaluates the formula. "gradient" finds the same table by L-BFGS, through the
    pullbacks of the likelihood and of the prior. It starts from the parameters of all classes together. It is
    an InputError where the maximum lies at infinity, and it gives the logits of a multinomial up to a
    constant for each class.

    `fit` sets `classes` (K,), sorted, `log_prior` (K,) = log p(z), and `decoder.weight`, the x_params (K, P).
    """

    METHODS = ("closed_form", "gradient")
    event_shape: tuple[int, ...]
    classes: Array
    log_prior: Array
    decoder: Embedding

    def __init__(
        self, likelihood: Likelihood, *, smoothing: float | None = None, method: str = "closed_form"
    ) -> None:
        if type(likelihood) not in FAMILIES:
            names = ", ".join(kind.__name__ for kind in FAMILIES)
            raise InputError(
                f"NaiveBayes: likelihood should be one of {names}; found {type(likelihood).__name__}"
            )
        require_choice("NaiveBayes", "method", method, self.METHODS)
        self.kind: str | None = None  # the kind of the data that the model was fitted to
        self.entry_names: tuple[str, ...] = ()
        self.likelihood, self.family, self.method = likelihood, FAMILIES[type(likelihood)], method
        self.smoothing = self.family.smoothing if smoothing is None else smoothing
        require_at_least("NaiveBayes", "smoothing", self.smoothing, 0)

    def fit(
        self,
        x: npt.ArrayLike | Dataset,
        y: npt.ArrayLike | None = None,
        sample_weight: npt.ArrayLike | None = None,
    ) -> NaiveBayes:
        """Fit p(z) and p(x|z) to examples x (N, D) of classes y (N,), and return the model.

        Classes may be any numbers or any strings, but not both. A Dataset brings its labels. An example counts
        as `sample_weight` (N,) examples, where each weight is 0 or more. InputError if a class has no weight,
        if a variance is 0, or if a class has no counts.
        """
        y = x.labels if y is None and isinstance(x, Dataset) else y
        if y is None:
            raise InputError("NaiveBayes.fit: y should hold the class of each example, found None")
        self.kind, self.entry_names = None, ()
        data = rows_given("NaiveBayes", x)
        x, y = self._rows(data), of_one_kind("NaiveBayes.fit", y)
        self.kind, self.entry_names, event_shape = data.kind, data.entry_names, data.event_shape
        given = np.ones(len(x)) if sample_weight is None else sample_weight
        weights = known("NaiveBayes.fit", "sample_weight", given).astype(np.float64)
        require_shapes("NaiveBayes.fit", x=(x, "N D"), y=(y, "N"), sample_weight=(weights, "N"))
        require_finite("NaiveBayes.fit", "sample_weight", weights)
        if weights.max() > np.finfo(np.float64).max / len(weights):
            raise InputError(
                f"NaiveBayes.fit: sample_weight should have a finite sum, found {weights.max():g} in it"
            )
        if weights.min() < 0:
            raise InputError(f"NaiveBayes.fit: sample_weight should be 0 or more, found {weights.min():g}")
        if (y != y).any():
            raise InputError("NaiveBayes.fit: y should hold the class of each example, found NaN")
        classes, z = np.unique(y, return_inverse=True)
        strength = np.bincount(z, weights)
        if strength.min() <= 0:
            found = f"found none for class {classes[strength.argmin()]}"
            raise InputError(
                f"NaiveBayes.fit: sample_weight should leave some weight to every class, {found}"
            )
        smoothing = self.smoothing * self.family.unit(x, weights)
        of_class = np.where(z == np.arange(len(classes))[:, None], weights, 0.0)
        table = self.family.parameters(x, of_class, smoothing)
        self._require_maximum(table, classes)
        self.event_shape = event_shape
        self.classes, self.log_prior, self.decoder = (
            classes,
            np.log(strength / strength.sum()),
            Embedding(*table.shape),
        )
        self.decoder.weight.value = table
        if self.method == "gradient":
            together = self.family.parameters(x, weights[None], smoothing)
            self.decoder.weight.value = np.repeat(together, len(table), axis=0)
            objective = FirstTerm(weights, self.family, strength=strength, smoothing=smoothing)
            end = minimize(
                self, objective, Batch(x, z), objective.draw_noise(self, len(x), np.random.default_rng(0))
            )
            if not end.converged:
                stopped = f"the search stopped at a gradient of {end.gradient:.1e}"
                raise InputError(
                    f"NaiveBayes.fit: {stopped}: give columns of like units, or take 'closed_form'"
                )
        return self

    def log_joint(self, x: npt.ArrayLike | Dataset) -> Array:
        """log p(x|z) + log p(z) of every class, in the order of `classes`  ->  (N, K) in nats."""
        if not hasattr(self, "decoder"):
            raise InputError("NaiveBayes: fit the model first")
        x = self._rows(x)
        table = self.decoder.weight.value
        D = table.shape[1] // self.likelihood.n_params((1,))
        require_shapes("NaiveBayes", x=(x, f"N {D}"))
        return np.stack([self._log_px(row, x) for row in table], axis=1) + self.log_prior

    def score_samples(self, x: npt.ArrayLike | Dataset) -> Array:
        """log p(x) = log Σ_k p(x|z = k) p(z = k)  ->  (N,) in nats."""
        log_px, _ = ops.log_sum_exp(self.log_joint(x), axis=1)
        return log_px

    def predict_log_proba(self, x: npt.ArrayLike | Dataset) -> Array:
        """log p(z|x) = log p(x|z) + log p(z) − log p(x), Bayes' rule  ->  (N, K). InputError if p(x) = 0."""
        joint = self.log_joint(x)
        log_px, _ = ops.log_sum_exp(joint, axis=1)
        impossible = np.flatnonzero(log_px == -np.inf)
        if impossible.size:
            found = (
                f"found p(x) = 0 for {impossible.size}, the first at {impossible[0]}: give smoothing above 0"
            )
            raise InputError(f"NaiveBayes: every example should be possible in some class, {found}")
        log_pz, _ = ops.log_softmax(joint, axis=1)
        return log_pz

    def predict(self, x: npt.ArrayLike | Dataset) -> Array:
        """The most probable class of each example  ->  (N,)."""
        log_pz = self.predict_log_proba(x)
        return self.classes[log_pz.argmax(axis=1)]

    def _log_px(self, row: Array, x: Array) -> Array:
        """log p(x|z) of one class  ->  (N,), which is −∞ where an entry of x has the probability 0 in it."""
        finite = np.clip(row, -BEYOND, BEYOND) if np.isinf(row).any() else row
        log_px, _ = self.likelihood.log_prob(np.repeat(finite[None], len(x), axis=0), x=x)
        if finite is not row:
            log_px[((x > 0) & (row == -np.inf) | (x < 1) & (row == np.inf)).any(axis=1)] = -np.inf
        return log_px

    def _require_maximum(self, table: Array, classes: Array) -> None:
        """Raise InputError where there is no maximum, or only one at infinity that `method` can't reach."""
        if np.isfinite(table).all():
            return
        k, d = np.argwhere(~np.isfinite(table))[0]
        remedy = "give smoothing above 0"
        if isinstance(self.likelihood, GaussianPerPixel):
            found = f"entry {d - table.shape[1] // 2} has variance 0 in class {classes[k]}"
            raise InputError(
                f"NaiveBayes.fit: the likelihood has no maximum, as {found}: {remedy}, or data that vary"
            )
        if np.isnan(table).any():
            raise InputError(
                f"NaiveBayes.fit: the likelihood has no maximum, as class {classes[k]} has no counts: {remedy}"
            )
        if self.method == "gradient":
            found = f"entry {d} has probability 0 or 1 in class {classes[k]}"
            raise InputError(
                f"NaiveBayes.fit: the maximum lies at infinite logits, as {found}: {remedy}, or take 'closed_form'"
            )

    def _rows(self, x: npt.ArrayLike | Dataset) -> Array:
        data = rows_given("NaiveBayes", x)
        if data.observed is not None:
            row, entry = (int(i) for i in np.argwhere(~data.observed.reshape(len(data), -1))[0])
            raise InputError(
                f"NaiveBayes: every entry of {data.name} should be observed; {data.place(row, entry)} is missing"
            )
        if data.entry_names and self.entry_names and data.entry_names != self.entry_names:
            expected = f"columns should be those of fit, in their order, {', '.join(self.entry_names):.150}"
            raise InputError(f"NaiveBayes: {expected}; found {', '.join(data.entry_names):.150}")
        require_scale("NaiveBayes", data, self.kind)
        require_supported("NaiveBayes", self.likelihood, data)
        return data.batch(slice(None), np.float64).x
