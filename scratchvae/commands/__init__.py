"""Each file is a subcommand: its docstring is its help, `add_arguments` declares options, `run` runs it."""

COMMANDS = {
    "train": "train a model on pictures, tables, counts, sound or texts, or resume a run",
    "sweep": "train many runs, over a grid of settings, here or on a cluster",
    "results": "train every named model, and say whether each learns what its paper says",
    "evaluate": "measure the bound, log-likelihood and active units of a run",
    "sample": "draw new examples from a run's model",
    "reconstruct": "draw data above their reconstructions by a run's model",
    "impute": "fill in missing entries by a run's model",
    "plot": "draw the pictures of a run",
    "report": "write everything about a run into one HTML file",
    "list": "list the runs in a folder: state, what differs, best bound",
    "compare": "show runs side by side, in one table and one picture",
    "diagnose": "compare one step of any VAE code with the reference, and name its mistake",
    "golden": "write vectors of every case, for code in any language to be compared with",
    "check": "compare every gradient with finite differences",
    "bench": "time training beside its own matrix products, and beside other frameworks",
    "site": "write the study site: each formula beside its line and its numbers",
    "info": "say what this machine gives, or what a run is",
    "completion": "print a shell's completion of these commands and their options",
}
