"""The chapters of the course: for each demo a title, in Italian too, its statements with their proofs, and
its pictures.

A statement is proved by functions, which compute both of its sides, and by tests, which compare them.
"claims" stands for the function of tests/test_demos.py that reads the numbers of the demo's own output.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Statement:
    """A sentence that is true, the functions below `scratchvae` that are its proof, and the tests that hold
    it.
    """

    words: str
    functions: tuple[str, ...]
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """A demo as a chapter. `claims`: its function in tests/test_demos.py.

    `captions`: of its pictures, English and Italian.
    """

    demo: str
    part: str
    title: str
    italian: str
    claims: str
    statements: tuple[Statement, ...]
    captions: dict[str, tuple[str, str]] = field(default_factory=dict)


def says(words: str, *proofs: str) -> Statement:
    """A statement; of the proofs, those that begin with "test_" are tests."""
    tests = tuple(name for name in proofs if name.startswith("test_"))
    return Statement(words, tuple(name for name in proofs if name not in tests), tests)


PARTS = {
    "First steps": "Primi passi",
    "Autoencoders": "Autoencoder",
    "The variational autoencoder": "L'autoencoder variazionale",
    "The mathematics": "La matematica",
    "Its relatives": "I suoi parenti",
    "The family": "La famiglia",
}
CHAPTERS = (
    Chapter(
        "00_vae_in_one_file", "First steps", "A whole VAE in one file", "Un VAE intero in un solo file", "one_file",
        (
            says("The bound is E[log p(x|z)] − KL(q ‖ p), and it is never above log p(x).", "objectives.Elbo", "test_bound"),
            says("The decoder's error is the gradient of its logits: (σ(l) − x)/B.", "distributions.bernoulli.log_prob", "test_gradients"),
            says("No model gives data, on average, a higher probability than the law that they come from.", "evaluation.log_likelihood"),
        ),
        {"vae_in_one_file": ("The bound and the KL in training, reconstructions, codes, and the plane of z decoded",
                             "Il bound e la KL durante l'addestramento, ricostruzioni, codici e il piano di z decodificato")},
    ),
    Chapter(
        "01_one_gradient_by_hand", "First steps", "One gradient by hand", "Un gradiente a mano", "one_gradient",
        (
            says("A central difference errs by h² f‴/6 and by rounding over 2h, and so there is a best h.", "checks.check_pullback", "test_checks"),
            says("An array that is used B times gets B gradients, added up.", "distributions.gaussian.log_prob", "test_gradients"),
            says("A gradient check can not find a wrong sampler; a check of draws can.", "checks.check_draws", "test_draws"),
        ),
        {"what_two_checks_see": ("What the check of gradients sees, and what the check of draws sees",
                                 "Che cosa vede il controllo dei gradienti e che cosa vede quello dei campioni")},
    ),
    Chapter(
        "02_autoencoder", "Autoencoders", "The autoencoder", "L'autoencoder", "autoencoder",
        (
            says("A linear autoencoder finds the plane of principal components.", "models.Autoencoder", "test_autoencoders"),
            says("More latents make a smaller error, and say nothing about the codes in between.", "objectives.Reconstruction"),
        ),
        {
            "latents": ("The error against the number of latents", "L'errore in funzione del numero di variabili latenti"),
            "denoising": ("Trained to undo noise", "Addestrato a togliere il rumore"),
            "codes_by_character": ("Codes, coloured by character", "I codici, colorati per carattere"),
            "codes_by_style": ("Codes, coloured by style", "I codici, colorati per stile"),
            "drawn_codes": ("What the decoder makes of codes that were drawn", "Che cosa fa il decoder di codici estratti a caso"),
        },
    ),
    Chapter(
        "05_compression", "Autoencoders", "Compression against fidelity", "Compressione contro fedeltà", "compression",
        (
            says("A code as large as the data can be the identity; training still takes epochs to find it.", "training.minimize"),
            says("Rate and distortion: −bound = R + D, and β chooses a place on their curve.", "evaluation.rate_distortion"),
            says("No code of R nats has a distortion below Shannon's limit.", "evaluation.rate_distortion"),
        ),
        {"trade_off": ("Error against the size of the code, and against the rate", "L'errore rispetto alla dimensione del codice e al tasso"),
         "reconstructions": ("Reconstructions from codes of several sizes", "Ricostruzioni da codici di varie dimensioni")},
    ),
    Chapter(
        "08_regularized_autoencoders", "Autoencoders", "Sparse, denoising, contractive", "Sparso, denoising, contrattivo", "regularized",
        (
            says("A penalty on the code's size keeps a code that is too large from becoming the identity.", "objectives.L1"),
            says("The contractive penalty is the squared Frobenius norm of the encoder's Jacobian.", "objectives.Contraction", "objectives.jacobian_norm"),
        ),
        {"fields": ("What each hidden unit looks for", "Che cosa cerca ogni unità nascosta"),
         "noise": ("What each of the five does with noise", "Che cosa fa ciascuno dei cinque con il rumore")},
    ),
    Chapter(
        "07_regularity", "Autoencoders", "A regular latent space", "Uno spazio latente regolare", "regularity",
        (
            says("Continuity: near codes should decode to near pictures. An autoencoder fails, a VAE passes.", "evaluation.continuity", "test_regularity"),
            says("Completeness: whatever is drawn from the prior should decode to something like the data.", "evaluation.completeness", "test_regularity"),
        ),
        {"speeds": ("How evenly a decoded point moves from one code to another", "Quanto uniformemente si muove un punto decodificato"),
         "decoders": ("The planes of both decoders", "I piani dei due decoder"),
         "paths": ("From one code to another", "Da un codice all'altro")},
    ),
    Chapter(
        "03_vae", "The variational autoencoder", "The variational autoencoder", "L'autoencoder variazionale", "vae",
        (
            says("z = μ + σ ε is a draw from q(z|x) with a derivative.", "distributions.gaussian.reparameterize", "test_gradients", "test_draws"),
            says("Bounds of more draws rise towards log p(x).", "evaluation.log_likelihood", "objectives.Iwae", "test_many_draws"),
            says("The bound is exactly log p(x|z) − KL, and the KL is never below 0.", "objectives.closed_form_kl"),
        ),
        {"training": ("Bound, reconstruction and KL, epoch after epoch", "Bound, ricostruzione e KL, epoca dopo epoca"),
         "traversals": ("One latent at a time moves", "Si muove una variabile latente alla volta"),
         "samples": ("Draws from the prior, decoded", "Campioni dal prior, decodificati")},
    ),
    Chapter(
        "10_the_bound", "The variational autoencoder", "Evidence and bound", "L'evidenza e il bound", "the_bound",
        (
            says("log p(x) = bound(q) + KL(q ‖ p(z|x)), for every q.", "evaluation.evidence", "evaluation.linear_gaussian_bound", "test_evidence"),
            says("∫ q(z) log p(x) dz = log p(x), for every q: log p(x) has no z in it.",
                 "evaluation.expectation_by_quadrature", "evaluation.expectation_by_sampling", "test_evidence"),
            says("To minimize the KL to the posterior is to maximize the bound.", "evaluation.ascend", "test_evidence"),
        ),
        {"ascent": ("The bound rises as the KL falls; their sum stays", "Il bound sale mentre la KL scende; la somma resta")},
    ),
    Chapter(
        "13_the_bound_of_a_network", "The variational autoencoder", "The bound of a network", "Il bound di una rete", "bound_of_a_network",
        (
            says("The same sum holds for a decoder that is a network, by quadrature.", "evaluation.evidence", "test_evidence"),
            says("The reparameterized gradient scatters less than that of the score function.", "evaluation.estimator_noise",
                 "objectives.ScoreFunctionElbo", "test_estimates"),
            says("With more draws the signal of IWAE's encoder gradient falls below its noise.", "objectives.Iwae", "test_many_draws"),
        ),
        {"ascent": ("The bound of a network, climbing", "Il bound di una rete, in salita"),
         "posteriors": ("Exact posteriors, and the q that fit them best", "I posteriori esatti e le q che li approssimano meglio"),
         "gradients": ("How much each estimator scatters", "Quanto si disperde ogni stimatore")},
    ),
    Chapter(
        "09_gaussians", "The mathematics", "The KL line by line; Gaussians and quadratic forms",
        "La KL riga per riga; gaussiane e forme quadratiche", "gaussians",
        (
            says("KL(N(m, σ²) ‖ N(0, 1)) = ½ (m² + σ² − 1 − log σ²), from the first two moments of q.",
                 "distributions.gaussian.kl_to_standard", "distributions.gaussian.expected_log_prob", "distributions.gaussian.entropy", "test_divergence"),
            says("E[zᵀ A z] = tr(A S) + mᵀ A m.", "distributions.gaussian_full.expected_log_prob", "test_gaussian_full"),
            says("Marginals, conditionals, affine maps, sums and products of Gaussians are Gaussian.", "distributions.gaussian_algebra",
                 "test_gaussian_algebra"),
        ),
        {"posteriors": ("The exact posterior, the best diagonal q and the best full one", "Il posteriore esatto, la migliore q diagonale e la migliore piena"),
         "descent": ("The KL, step by step", "La KL, passo dopo passo")},
    ),
    Chapter(
        "14_naive_bayes", "The mathematics", "The first term alone: maximum likelihood", "Solo il primo termine: massima verosimiglianza", "naive_bayes",
        (says("Where the class is observed, the best parameters are counts, and gradients find the same ones.", "models.NaiveBayes", "test_naive_bayes"),),
        {"classes": ("What the model expects of each class", "Che cosa si aspetta il modello da ogni classe")},
    ),
    Chapter(
        "11_factor_analysis", "Its relatives", "Factor analysis", "L'analisi fattoriale", "factor_analysis",
        (
            says("EM never lowers log p(x), with pixels missing too.", "models.FactorAnalysis", "test_linear_models"),
            says("A linear VAE with one variance ends at probabilistic PCA.", "models.ProbabilisticPCA", "test_linear_optima"),
        ),
        {"hidden_pixels": ("Hidden pixels, filled in", "Pixel nascosti, ricostruiti"), "em": ("log p(x), iteration by iteration", "log p(x), iterazione dopo iterazione")},
    ),
    Chapter(
        "12_helmholtz_machine", "Its relatives", "The Helmholtz machine", "La macchina di Helmholtz", "helmholtz_machine",
        (
            says("Wake-sleep trains the recognition model on dreams, and so it is not the gradient of one bound.", "objectives.Sleep", "objectives.Wake", "test_helmholtz"),
            says("log p(x) of a small machine is a sum over all hidden states.", "evaluation.enumeration", "test_helmholtz"),
        ),
        {"bars_dreams": ("What the machine dreams", "Che cosa sogna la macchina"), "bars_units": ("What each hidden unit draws", "Che cosa disegna ogni unità nascosta"),
         "bars_learning": ("log p(x) in training", "log p(x) durante l'addestramento"), "digits": ("Digits", "Cifre")},
    ),
    Chapter(
        "04_likelihoods", "The family", "Likelihoods", "Le verosimiglianze", "likelihoods",
        (says("A density of the numbers and a probability of levels can be compared only after log(levels) is added.", "likelihoods.Gaussian", "likelihoods.Categorical",
              "test_every_likelihood"),),
        {"means_and_draws": ("Means and draws of every likelihood", "Medie e campioni di ogni verosimiglianza")},
    ),
    Chapter(
        "06_any_data", "The family", "Any digital data", "Qualsiasi dato digitale", "any_data",
        (says("Pictures, sound, text and video differ in the likelihood only.", "likelihoods.Multinomial", "test_signals"),),
    ),
    Chapter(
        "15_labels", "The family", "Labels and conditions", "Etichette e condizioni", "labels",
        (says("With the label told to both networks, the latents keep what the label does not say.", "models.ConditionalVAE", "test_conditional"),),
        {"labels": ("Each label with draws of its own", "Ogni etichetta con i suoi campioni"), "analogies": ("One z with other labels", "La stessa z con altre etichette"),
         "places": ("Places that were asked for", "Le posizioni richieste")},
    ),
    Chapter(
        "16_missing", "The family", "Missing entries", "Dati mancanti", "missing",
        (says("An entry that is missing adds exactly nothing to the bound, and has no gradient.", "likelihoods.fill_missing", "test_missing"),
         says("Importance weights turn draws of q into draws of p(missing | observed).", "evaluation.impute", "test_missing")),
    ),
    Chapter(
        "17_tables", "The family", "Tables", "Tabelle", "tables",
        (says("Each column has the law of its kind, and log p of a row is their sum.", "likelihoods.of_schema", "test_tables"),),
        {"removed": ("Cells that were removed, and what stands for them", "Le celle tolte e ciò che le sostituisce")},
    ),
    Chapter(
        "18_search", "The family", "A search for settings", "La ricerca dei parametri", "search",
        (says("A callback can end a hopeless run early, and leaves a model that can be used.", "training.Training", "test_training"),),
        {"trials": ("Every trial's bound, epoch by epoch", "Il bound di ogni prova, epoca dopo epoca")},
    ),
    Chapter(
        "19_discrete", "The family", "Latents that are choices", "Variabili latenti discrete", "discrete",
        (says("A relaxed choice has a gradient and a bias; its loss is no bound.", "distributions.concrete.reparameterize", "posteriors.GumbelSoftmax", "test_discrete"),
         says("The KL of a codebook to uniform codes is G log K.", "posteriors.VectorQuantized", "test_discrete"),
         says("In depth, each code is the nearest to what those before it leave over.", "posteriors.VectorQuantized", "objectives.Quantization", "test_residual"),
         says("A prior of codes in order gives all tuples of codes probabilities that sum to 1.", "priors.AutoregressiveCodes", "test_code_priors")),
        {"reconstructions": ("Reconstructions", "Ricostruzioni"), "samples": ("Draws", "Campioni")},
    ),
    Chapter(
        "20_flows", "The family", "Normalizing flows", "Flussi normalizzanti", "normalizing_flows",
        (says("log p of what a flow makes is log p of its start minus log |det| of its Jacobian.", "flows.Planar", "test_flows"),),
        {"four_laws": ("Four laws of the plane, and flows that were fitted to them", "Quattro leggi del piano e i flussi adattati a esse"),
         "learned_prior": ("A prior that was learned", "Un prior appreso")},
    ),
    Chapter(
        "21_sphere", "The family", "Codes on a sphere", "Codici su una sfera", "sphere",
        (says("A draw by rejection needs a correction in its gradient, which many programs leave out.", "distributions.von_mises_fisher", "test_sphere"),),
        {"slopes": ("Slopes of an expectation, with and without the correction", "Pendenze di un'attesa, con e senza la correzione"),
         "turns": ("Pictures that lie on a circle", "Immagini che stanno su un cerchio"), "draws": ("Draws", "Campioni")},
    ),
    Chapter(
        "22_few_labels", "The family", "Few labels", "Poche etichette", "few_labels",
        (says("Where the class of an example is not known, the bound is an exact sum over the classes.", "objectives.SemiSupervised", "test_semi_supervised"),
         says("With few labels, examples without one still say where the classes lie.", "models.ConditionalVAE", "test_semi_supervised")),
        {"digits": ("Digits told by three labels of each", "Cifre apprese da tre etichette ciascuna")},
    ),
    Chapter(
        "24_estimators", "The family", "Estimators of one gradient", "Stimatori di un gradiente", "estimators",
        (says("The signal of the encoder's total gradient fades as 1/√K, and DReG makes it grow as √K.", "objectives.Iwae", "evaluation.estimator_noise", "test_estimators"),
         says("A draw of a mixture that solves F(z) = Φ(ε) has the slope of its law.", "distributions.mixture.reparameterize", "test_estimators")),
        {"signal_to_noise": ("Signal to noise by the number of draws", "Rapporto segnale-rumore per numero di campioni")},
    ),
)  # fmt: skip
