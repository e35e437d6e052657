"""The answers to eight questions of a student: each has a sentence, an equation, lines of code, a table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scratchvae import evaluation, ops
from scratchvae.distributions import bernoulli, gaussian
from scratchvae.objectives import Elbo, Iwae, TotalCorrelation
from scratchvae.site import answer_numbers


@dataclass(frozen=True)
class Answer:
    """An answer: a sentence, equations, code that is the package's own, and a table of its numbers."""

    name: str
    question: str
    short: str
    equations: tuple[str, ...]
    why: tuple[str, ...]
    code: tuple[Callable[..., Any], ...]
    table: Callable[[], str]
    proved: dict[str, str]
    onward: dict[str, str]


ANSWERS = (
    Answer(
        "gradient-of-the-kl", "Where is the gradient of the KL?",
        "In two lines of one pullback: μ is pulled by μ itself, and log σ² by ½ (σ² − 1).",
        (r"\mathrm{KL}=\tfrac12\sum_j\bigl(\mu_j^2+\sigma_j^2-1-\log\sigma_j^2\bigr)",
         r"\frac{\partial\mathrm{KL}}{\partial\mu_j}=\mu_j,\qquad"
         r"\frac{\partial\mathrm{KL}}{\partial\log\sigma_j^2}=\tfrac12(\sigma_j^2-1)",),
        ("Both vanish together where μ = 0 and σ = 1, which is the prior. In a training step they are added "
         "to what comes back through z.",),
        (gaussian.kl_to_standard, gaussian.kl_to_standard_by_dimension), answer_numbers.gradient_of_the_kl,
        {"distributions.gaussian.kl_to_standard": "value and gradient",
         "objectives.closed_form_kl": "where a pass calls it",
         "tests/test_gradients": "compared with finite differences"},
        {"/play/kl.html": "Move two Gaussians and watch the arrows",
         "/step.html#stop-mean": "See the two parts of ∂μ in a training step",
         "/course/09_gaussians.html": "The derivation line by line"},
    ),
    Answer(
        "log-variance", "Why is log σ² predicted?",
        "Because a network can give any number, and every number is a valid log σ². σ is then above 0, and "
        "the gradient stays finite.",
        (r"\sigma=e^{\frac12\log\sigma^2}>0,\qquad"
         r"\frac{\partial\mathrm{KL}}{\partial\log\sigma^2}=\tfrac12(\sigma^2-1)\ge-\tfrac12,\qquad"
         r"\frac{\partial\mathrm{KL}}{\partial\sigma}=\sigma-\frac1\sigma\to-\infty\ (\sigma\to0)",),
        ("If the network gave σ itself, it could give a negative one, and near 0 the gradient of the KL "
         "would explode as 1/σ. With log σ² the pull on a narrow q is at most ½.",
         "For a wide q the gradient grows as σ² does. It has to, because the KL grows so too."),
        (gaussian.reparameterize,), answer_numbers.log_variance,
        {"distributions.gaussian.reparameterize": "σ = exp(log_var / 2)",
         "layers.BoundedLogVar": "bounds for it, where they are wanted",
         "tests/test_extremes": "finite at both ends"},
        {"/step.html#stop-log_var": "log σ² in a training step",
         "/mistakes/sigma.html": "What happens when it is taken for something else"},
    ),
    Answer(
        "free-bits", "What do free bits do to the gradient?",
        "They switch the KL's gradient off in every latent whose mean KL is below λ. Above λ nothing "
        "changes.",
        (r"\mathrm{KL}=\sum_j\max(\lambda,\langle\mathrm{kl}_j\rangle),\qquad"
         r"\frac{\partial\mathrm{KL}}{\partial\mathrm{kl}_{bj}}"
         r"=\frac1B\,[\langle\mathrm{kl}_j\rangle\ge\lambda]",),
        ("Below λ a latent costs the constant λ, and a constant has no gradient. So nothing pulls the latent "
         "to the prior, and it may use λ nats for nothing.",
         "The mean is over the batch and the maximum is by latent. Whoever takes the maximum by example, or "
         "of the sum, trains something else."),
        (Elbo._counted,), answer_numbers.free_bits,
        {"objectives.Elbo": "free_bits", "tests/test_objectives": "its gradient",
         "tests/test_mistakes": "free bits given wrongly are named"},
        {"/play/annealing.html": "A training with free bits, recorded",
         "/mistakes/loss.html#free_bits_by_example": "Free bits by example"},
    ),
    Answer(
        "fading-gradient", "Why does IWAE's encoder gradient fade?",
        "A tighter bound depends less on q. Its gradient by q shrinks like 1/K, and the noise of that "
        "gradient only like 1/√K.",
        (r"F_K=\log\tfrac1K\sum_k w_k\;\to\;\log p(x),\qquad\frac{\partial\log p(x)}{\partial\phi}=0",
         r"\text{total: }\sum_k\tilde w_k\frac{d\log w_k}{d\phi},\qquad\text{dreg: }\sum_k\tilde w_k^2"
         r"\frac{\partial\log w_k}{\partial z_k}\frac{\partial z_k}{\partial\phi},\qquad"
         r"\tilde w_k=\frac{w_k}{\sum_j w_j}"),
        ("In the limit the bound is log p(x), which has no q in it, and so nothing is left to pull the "
         "encoder. The signal falls faster than the noise.",
         "The total derivative has a part by log q's own parameters φ, and this part is most of the noise. "
         "The doubly reparameterized estimator (“dreg”) writes it as a gradient through z, with the same "
         "mean, and then most of it cancels. So the signal of “dreg” does not drown."),
        (Iwae.weigh,), answer_numbers.fading,
        {"objectives.Iwae": "the bound and its three gradients",
         "evaluation.estimator_noise": "means and variances of a gradient",
         "tests/test_many_draws": "their expectations agree"},
        {"/course/13_the_bound_of_a_network.html": "Estimators and their noise",
         "/play/bound.html": "Why log p(x) has no q in it"},
    ),
    Answer(
        "stratified-weight", "What does the stratified weight do?",
        "It makes q(z), estimated from a batch, right on average. The example that z was drawn from gets the "
        "weight 1/N, as it has among all N examples, and not 1/B.",
        (r"q(z)=\tfrac1N\sum_n q(z\mid x_n)\approx\sum_m s_m\,q(z\mid x_m),\qquad "
         r"s_{\text{own}}=\tfrac1N,\quad s_{\text{next}}=\tfrac{N-B+1}{N(B-1)},\quad "
         r"s_{\text{else}}=\tfrac1{B-1}",),
        ("A batch always holds the example that z was drawn from, and the q(z|x) of that example is large at "
         "z. With equal weights it counts N/B times too much, and q(z) comes out too large.",
         "The weights of a batch sum to 1. For that, one other example, the next one, gets less than the "
         "rest."),
        (TotalCorrelation.shares,), answer_numbers.stratified,
        {"objectives.TotalCorrelation": "the penalty that uses it",
         "objectives.aggregate_log_prob": "log q(z) with given shares",
         "tests/test_penalties": "compared with the sum over all N"},
        {"/course/07_regularity.html": "The aggregate posterior"},
    ),
    Answer(
        "no-q-in-the-evidence", "Why is E[log p(x)] independent of q?",
        "log p(x) is a number once x is given: there is no z in it. The mean of a constant is the constant, "
        "whatever z is drawn from.",
        (r"\mathbb E_{q(z)}[\log p(x)]=\int q(z)\log p(x)\,dz=\log p(x)\underbrace{\int q(z)\,dz}_{1}=\log "
         r"p(x)",
         r"\log p(x)=\log p(x,z)-\log p(z\mid x)\quad\text{at whichever }z"),
        ("So log p(x) equals its mean over z from any q. Put the second equation into that mean, and add and "
         "subtract log q(z): the result is bound + KL(q ‖ p(z|x)). The sum does not change with q, and so to "
         "raise the bound is to lower the KL.",
         "The function below computes log p(x) on a grid of z, from log p(x, z) alone. The lines with "
         "<code>log_q</code> enter the bound and the KL only."),
        (evaluation.evidence,), answer_numbers.no_q_in_it,
        {"evaluation.evidence": "the sum, for any network",
         "evaluation.expectation_by_quadrature": "∫ q log p(x) dz",
         "tests/test_evidence": "compared for several q"},
        {"/play/bound.html": "Drag q, and watch what stays",
         "/course/10_the_bound.html": "The same with every number known"},
    ),
    Answer(
        "saturated-logit", "What happens at a saturated logit?",
        "Nothing bad, as long as the loss is computed from the logit: its value is exact, and its gradient x "
        "− σ(l) is never more than 1 in size and never lost.",
        (r"\log p(x)=x\,l-\mathrm{softplus}(l),\qquad\frac{\partial\log p(x)}{\partial l}=x-\sigma(l)",),
        ("From the probability it breaks: σ(30) is 1 in 32 bits, so that log(1 − σ) is −∞. Clipping the "
         "probability hides this and removes the gradient, "
         "just where the decoder is most wrong.",),
        (bernoulli.log_prob,), answer_numbers.saturated,
        {"distributions.bernoulli.log_prob": "by logits", "ops.softplus": "without overflow",
         "tests/test_extremes": "finite for every finite logit"},
        {"/play/logit.html": "Push a logit to the end",
         "/mistakes/reconstruction.html#log_clipped": "A logarithm held above a floor"},
    ),
    Answer(
        "convolution", "How is a convolution's gradient a convolution?",
        "By x: the errors are convolved with the kernel turned by 180°. By the kernel: the picture is "
        "convolved with the errors.",
        (r"y_{o}[p]=\sum_{c,i}W_{oc}[i]\,x_c[p+i]",
         r"\partial x_c[h]=\sum_{o,i}W_{oc}[i]\,\partial y_o[h-i],\qquad\partial "
         r"W_{oc}[i]=\sum_{b,p}\partial y_o[p]\,x_c[p+i]",),
        ("Each x takes part in every y whose window covers it. The gradient by x collects these y. It reads "
         "the same kernel backwards, and so it is a convolution again, called transposed convolution.",
         "The library cuts x into its windows, so that a convolution is one matrix product, and both "
         "gradients are products too."),
        (ops.conv2d,), answer_numbers.convolutions,
        {"ops.conv2d": "the convolution", "ops.conv_transpose2d": "its gradient by x, as a map of its own",
         "tests/test_gradients": "compared with finite differences"},
        {"/source/scratchvae.ops.convolution.html": "Both convolutions, equation by equation",
         "/step.html": "The same for products of matrices, in one training step"},
    ),
)  # fmt: skip
