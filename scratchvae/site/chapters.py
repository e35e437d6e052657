"""The chapters of the course, in the order of reading: the foundations, and then the family."""

from scratchvae.site.chapter import Chapter, says
from scratchvae.site.foundations import FOUNDATIONS

CHAPTERS = (
    *FOUNDATIONS,
    Chapter(
        "04_likelihoods", "The family", "Likelihoods", "Le verosimiglianze", "likelihoods",
        (says("A density of the numbers and a probability of levels can be compared only after log(levels) "
              "is added.", "likelihoods.Gaussian", "likelihoods.Categorical",
              "test_every_likelihood"),),
        {"means_and_draws": ("Means and draws of every likelihood",
                             "Medie e campioni di ogni verosimiglianza")},
    ),
    Chapter(
        "06_any_data", "The family", "Any digital data", "Qualsiasi dato digitale", "any_data",
        (says("Pictures, sound, text and video differ in the likelihood only.", "likelihoods.Multinomial",
              "test_signals"),),
    ),
    Chapter(
        "15_labels", "The family", "Labels and conditions", "Etichette e condizioni", "labels",
        (says("With the label told to both networks, the latents keep what the label does not say.",
              "models.ConditionalVAE", "test_conditional"),),
        {"labels": ("Each label with draws of its own", "Ogni etichetta con i suoi campioni"),
         "analogies": ("One z with other labels", "La stessa z con altre etichette"),
         "places": ("Places that were asked for", "Le posizioni richieste")},
    ),
    Chapter(
        "16_missing", "The family", "Missing entries", "Dati mancanti", "missing",
        (says("An entry that is missing adds exactly nothing to the bound, and has no gradient.",
              "likelihoods.fill_missing", "test_missing"),
         says("Importance weights turn draws of q into draws of p(missing | observed).", "evaluation.impute",
              "test_missing")),
    ),
    Chapter(
        "17_tables", "The family", "Tables", "Tabelle", "tables",
        (says("Each column has the law of its kind, and log p of a row is their sum.",
              "likelihoods.of_schema", "test_tables"),),
        {"removed": ("Cells that were removed, and what stands for them",
                     "Le celle tolte e ciò che le sostituisce")},
    ),
    Chapter(
        "18_search", "The family", "A search for settings", "La ricerca dei parametri", "search",
        (says("A callback can end a hopeless run early, and leaves a model that can be used.",
              "training.Training", "test_training"),),
        {"trials": ("Every trial's bound, epoch by epoch", "Il bound di ogni prova, epoca dopo epoca")},
    ),
    Chapter(
        "19_discrete", "The family", "Latents that are choices", "Variabili latenti discrete", "discrete",
        (says("A relaxed choice has a gradient and a bias; its loss is no bound.",
              "distributions.concrete.reparameterize", "posteriors.GumbelSoftmax", "test_discrete"),
         says("The KL of a codebook to uniform codes is G log K.", "posteriors.VectorQuantized",
              "test_discrete"),
         says("In depth, each code is the nearest to what those before it leave over.",
              "posteriors.VectorQuantized", "objectives.Quantization", "test_residual"),
         says("A prior of codes in order gives all tuples of codes probabilities that sum to 1.",
              "priors.AutoregressiveCodes", "test_code_priors")),
        {"reconstructions": ("Reconstructions", "Ricostruzioni"), "samples": ("Draws", "Campioni")},
    ),
    Chapter(
        "20_flows", "The family", "Normalizing flows", "Flussi normalizzanti", "normalizing_flows",
        (says("log p of what a flow makes is log p of its start minus log |det| of its Jacobian.",
              "flows.Planar", "test_flows"),),
        {"four_laws": ("Four laws of the plane, and flows that were fitted to them",
                       "Quattro leggi del piano e i flussi adattati a esse"),
         "learned_prior": ("A prior that was learned", "Un prior appreso")},
    ),
    Chapter(
        "21_sphere", "The family", "Codes on a sphere", "Codici su una sfera", "sphere",
        (says("A draw by rejection needs a correction in its gradient, which many programs leave out.",
              "distributions.von_mises_fisher", "test_sphere"),),
        {"slopes": ("Slopes of an expectation, with and without the correction",
                    "Pendenze di un'attesa, con e senza la correzione"),
         "turns": ("Pictures that lie on a circle", "Immagini che stanno su un cerchio"),
         "draws": ("Draws", "Campioni")},
    ),
    Chapter(
        "22_few_labels", "The family", "Few labels", "Poche etichette", "few_labels",
        (says("Where the class of an example is not known, the bound is an exact sum over the classes.",
              "objectives.SemiSupervised", "test_semi_supervised"),
         says("With few labels, examples without one still say where the classes lie.",
              "models.ConditionalVAE", "test_semi_supervised")),
        {"digits": ("Digits told by three labels of each", "Cifre apprese da tre etichette ciascuna")},
    ),
    Chapter(
        "24_estimators", "The family", "Estimators of one gradient", "Stimatori di un gradiente",
        "estimators",
        (says("The signal of the encoder's total gradient fades as 1/√K, and DReG makes it grow as √K.",
              "objectives.Iwae", "evaluation.estimator_noise", "test_estimators"),
         says("A draw of a mixture that solves F(z) = Φ(ε) has the slope of its law.",
              "distributions.mixture.reparameterize", "test_estimators")),
        {"signal_to_noise": ("Signal to noise by the number of draws",
                             "Rapporto segnale-rumore per numero di campioni")},
    ),
)  # fmt: skip
