"""One subcommand a file: its docstring is its help, `add_arguments` declares its options, `run` does it."""
