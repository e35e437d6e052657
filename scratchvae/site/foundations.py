"""The chapters before the family: first steps, autoencoders, the VAE, its mathematics, its relatives."""

from scratchvae.site.chapter import Chapter, says

FOUNDATIONS = (
    Chapter(
        "00_vae_in_one_file", "First steps", "A whole VAE in one file", "Un VAE intero in un solo file",
        "one_file",
        (
            says("The bound is E[log p(x|z)] − KL(q ‖ p), and it is never above log p(x).", "objectives.Elbo",
                 "test_bound"),
            says("The decoder's error is the gradient of its logits: (σ(l) − x)/B.",
                 "distributions.bernoulli.log_prob", "test_gradients"),
            says("No model gives data, on average, a higher log-probability than the law that they "
                 "come from.",
                 "evaluation.log_likelihood"),
        ),
        {"vae_in_one_file": ("The bound and the KL in training, reconstructions, codes, and the plane of z "
                             "decoded",
                             "Il bound e la KL durante l'addestramento, ricostruzioni, codici e il piano di "
                             "z decodificato")},
    ),
    Chapter(
        "01_one_gradient_by_hand", "First steps", "One gradient by hand", "Un gradiente a mano",
        "one_gradient",
        (
            says("A central difference errs by h² f‴/6 and by rounding over 2h, and so there is a best h.",
                 "checks.check_pullback", "test_checks"),
            says("An array that is used B times gets B gradients, added up.",
                 "distributions.gaussian.log_prob", "test_gradients"),
            says("A gradient check can not find a wrong sampler; a check of draws can.", "checks.check_draws",
                 "test_draws"),
        ),
        {"what_two_checks_see": ("What the check of gradients sees, and what the check of draws sees",
                                 "Che cosa vede il controllo dei gradienti e che cosa vede quello dei "
                                 "campioni")},
    ),
    Chapter(
        "02_autoencoder", "Autoencoders", "The autoencoder", "L'autoencoder", "autoencoder",
        (
            says("A linear autoencoder finds the plane of principal components.", "models.Autoencoder",
                 "test_autoencoders"),
            says("More latents make a smaller error, and say nothing about the codes in between.",
                 "objectives.Reconstruction"),
        ),
        {
            "latents": ("The error against the number of latents",
                        "L'errore in funzione del numero di variabili latenti"),
            "denoising": ("Trained to undo noise", "Addestrato a togliere il rumore"),
            "codes_by_character": ("Codes, coloured by character", "I codici, colorati per carattere"),
            "codes_by_style": ("Codes, coloured by style", "I codici, colorati per stile"),
            "drawn_codes": ("What the decoder makes of codes that were drawn",
                            "Che cosa fa il decoder di codici estratti a caso"),
        },
    ),
    Chapter(
        "05_compression", "Autoencoders", "Compression against fidelity", "Compressione contro fedeltà",
        "compression",
        (
            says("A code as large as the data can be the identity; training still takes epochs to find it.",
                 "training.minimize"),
            says("Rate and distortion: −bound = R + D, and β chooses a place on their curve.",
                 "evaluation.rate_distortion"),
            says("No code of R nats for Gaussian data has a squared error below Shannon's limit.",
                 "evaluation.reverse_water_filling"),
        ),
        {"trade_off": ("Error against the size of the code, and against the rate",
                       "L'errore rispetto alla dimensione del codice e al tasso"),
         "reconstructions": ("Reconstructions from codes of several sizes",
                             "Ricostruzioni da codici di varie dimensioni")},
    ),
    Chapter(
        "08_regularized_autoencoders", "Autoencoders", "Sparse, denoising, contractive",
        "Sparso, denoising, contrattivo", "regularized",
        (
            says("A penalty on the code's size keeps a code that is too large from becoming the identity.",
                 "objectives.L1"),
            says("The contractive penalty is the squared Frobenius norm of the encoder's Jacobian.",
                 "objectives.Contraction", "objectives.jacobian_norm"),
        ),
        {"fields": ("What each hidden unit looks for", "Che cosa cerca ogni unità nascosta"),
         "noise": ("What each of the five does with noise", "Che cosa fa ciascuno dei cinque con il rumore")},
    ),
    Chapter(
        "07_regularity", "Autoencoders", "A regular latent space", "Uno spazio latente regolare",
        "regularity",
        (
            says("Continuity: near codes should decode to near pictures. A VAE rarely fails, an "
                 "autoencoder often.",
                 "evaluation.continuity", "test_regularity"),
            says("Completeness: whatever is drawn from the prior should decode to something like the data.",
                 "evaluation.completeness", "test_regularity"),
        ),
        {"speeds": ("How evenly a decoded point moves from one code to another",
                    "Quanto uniformemente si muove un punto decodificato"),
         "decoders": ("The planes of both decoders", "I piani dei due decoder"),
         "paths": ("From one code to another", "Da un codice all'altro")},
    ),
    Chapter(
        "03_vae", "The variational autoencoder", "The variational autoencoder", "L'autoencoder variazionale",
        "vae",
        (
            says("z = μ + σ ε is a draw from q(z|x) with a derivative.",
                 "distributions.gaussian.reparameterize", "test_gradients", "test_draws"),
            says("Bounds of more draws rise towards log p(x).", "evaluation.log_likelihood",
                 "objectives.Iwae", "test_many_draws"),
            says("The bound is E_q[log p(x|z)] − KL(q(z|x) ‖ p(z)), and the KL is never below 0.",
                 "objectives.closed_form_kl"),
        ),
        {"training": ("Bound, reconstruction and KL, epoch after epoch",
                      "Bound, ricostruzione e KL, epoca dopo epoca"),
         "traversals": ("One latent at a time moves", "Si muove una variabile latente alla volta"),
         "codes_side_by_side": ("Codes of an autoencoder and of a VAE, both with two latents",
                                "I codici di un autoencoder e di un VAE, entrambi con due variabili latenti"),
         "plane_side_by_side": ("What both decoders make of the plane where N(0, I) has its mass",
                                "Che cosa fanno i due decoder del piano dove sta la massa di N(0, I)"),
         "samples": ("Draws from the prior, decoded", "Campioni dal prior, decodificati")},
    ),
    Chapter(
        "10_the_bound", "The variational autoencoder", "Evidence and bound", "L'evidenza e il bound",
        "the_bound",
        (
            says("log p(x) = bound(q) + KL(q ‖ p(z|x)), for every q.", "evaluation.evidence",
                 "evaluation.linear_gaussian_bound", "test_evidence"),
            says("∫ q(z) log p(x) dz = log p(x), for every q: log p(x) has no z in it.",
                 "evaluation.expectation_by_quadrature", "evaluation.expectation_by_sampling",
                 "test_evidence"),
            says("To minimize the KL to the posterior is to maximize the bound.", "evaluation.ascend",
                 "test_evidence"),
        ),
        {"ascent": ("The bound rises as the KL falls; their sum stays",
                    "Il bound sale mentre la KL scende; la somma resta")},
    ),
    Chapter(
        "13_the_bound_of_a_network", "The variational autoencoder", "The bound of a network",
        "Il bound di una rete", "bound_of_a_network",
        (
            says("The same sum holds for a decoder that is a network, by quadrature.", "evaluation.evidence",
                 "test_evidence"),
            says("Early in training the reparameterized gradient scatters less than that of the score "
                 "function.",
                 "evaluation.estimator_noise",
                 "objectives.ScoreFunctionElbo", "test_estimates"),
            says("The K-sample bound rises to log p(x) with K.", "objectives.Iwae", "test_many_draws"),
        ),
        {"ascent": ("The bound of a network, climbing", "Il bound di una rete, in salita"),
         "posteriors": ("Exact posteriors, and the q that fit them best",
                        "I posteriori esatti e le q che li approssimano meglio"),
         "gradients": ("How much each estimator scatters", "Quanto si disperde ogni stimatore")},
    ),
    Chapter(
        "09_gaussians", "The mathematics", "The KL line by line; Gaussians and quadratic forms",
        "La KL riga per riga; gaussiane e forme quadratiche", "gaussians",
        (
            says("KL(N(m, σ²) ‖ N(0, 1)) = ½ (m² + σ² − 1 − log σ²), from the first two moments of q.",
                 "distributions.gaussian.kl_to_standard", "distributions.gaussian.expected_log_prob",
                 "distributions.gaussian.entropy", "test_divergence"),
            says("E[zᵀ A z] = tr(A S) + mᵀ A m.", "distributions.gaussian_full.expected_log_prob",
                 "test_gaussian_full"),
            says("Marginals, conditionals, affine maps, sums and products of Gaussians are Gaussian.",
                 "distributions.gaussian_algebra",
                 "test_gaussian_algebra"),
        ),
        {"posteriors": ("The exact posterior, the best diagonal q and the best full one",
                        "Il posteriore esatto, la migliore q diagonale e la migliore piena"),
         "descent": ("The KL, step by step", "La KL, passo dopo passo")},
    ),
    Chapter(
        "14_naive_bayes", "The mathematics", "The first term alone: maximum likelihood",
        "Solo il primo termine: massima verosimiglianza", "naive_bayes",
        (says("Where the class is observed, the best parameters are shares, or means and variances, of each "
              "class, and gradients find the same ones.", "models.NaiveBayes", "test_naive_bayes"),),
        {"classes": ("What the model expects of each class",
                     "Che cosa si aspetta il modello da ogni classe")},
    ),
    Chapter(
        "11_factor_analysis", "Its relatives", "Factor analysis", "L'analisi fattoriale", "factor_analysis",
        (
            says("EM never lowers log p(x), with pixels missing too.", "models.FactorAnalysis",
                 "test_linear_models"),
            says("A linear VAE with one variance ends at probabilistic PCA.", "models.ProbabilisticPCA",
                 "test_linear_optima"),
        ),
        {"hidden_pixels": ("Hidden pixels, filled in", "Pixel nascosti, ricostruiti"),
         "em": ("log p(x), iteration by iteration", "log p(x), iterazione dopo iterazione")},
    ),
    Chapter(
        "12_helmholtz_machine", "Its relatives", "The Helmholtz machine", "La macchina di Helmholtz",
        "helmholtz_machine",
        (
            says("Wake-sleep trains the recognition model on dreams, and so it is not the gradient of one "
                 "bound.", "objectives.Sleep", "objectives.Wake", "test_helmholtz"),
            says("log p(x) of a small machine is a sum over all hidden states.", "evaluation.enumeration",
                 "test_helmholtz"),
        ),
        {"bars_dreams": ("What the machine dreams", "Che cosa sogna la macchina"),
         "bars_units": ("What each hidden unit draws", "Che cosa disegna ogni unità nascosta"),
         "bars_learning": ("log p(x) in training", "log p(x) durante l'addestramento"),
         "digits": ("Digits", "Cifre")},
    ),
)  # fmt: skip
