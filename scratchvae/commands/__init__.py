"""One subcommand a file: its docstring is its help, `add_arguments` declares its options, `run` does it."""

COMMANDS = {
    "train": "train a model on pictures, tables, counts, sound or texts, or resume a run",
    "sweep": "train many runs, over a grid of settings, here or on a cluster",
    "results": "train every named model, and say whether each learns what its paper says",
    "evaluate": "the bound, log-likelihood and active units of a run",
    "sample": "draw new examples from a run's model",
    "reconstruct": "data above their reconstructions by a run's model",
    "impute": "fill in missing entries by a run's model",
    "plot": "draw the pictures of a run",
    "report": "everything about a run in one HTML file",
    "list": "the runs in a folder: state, what differs, best bound",
    "compare": "runs side by side: one table and one picture",
    "diagnose": "compare one step of any VAE code with the reference, and name its mistake",
    "golden": "write vectors of every case, for code in any language to be compared with",
    "check": "compare every gradient with finite differences",
    "bench": "time training beside its own matrix products, and beside other frameworks",
    "site": "write the study site: each formula beside its line and its numbers",
    "info": "what this machine gives, or what a run is",
    "completion": "print a shell's completion of these commands and their options",
}
