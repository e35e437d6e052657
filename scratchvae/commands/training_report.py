"""`train` describes a run before its first step, and reports on it after its last one."""

from scratchvae.choices import parse
from scratchvae.layers import named_parameters
from scratchvae.runs import (
    Run,
    formats,
    judge,
)
from scratchvae.training import Training

LEFT = {  # the files that a run leaves in its folder beside its pictures
    "config.json": "what was trained, on which data",
    "metrics.csv, .jsonl": "each term of the loss after each epoch, as a table and as lines of JSON",
    "evaluation.json": "the numbers above, with their standard errors",
    "environment.jsonl": "versions, processor and libraries that computed it",
    "checkpoint.safetensors": "weights and the state of training, for --resume and all other commands",
}


def description(one: Run) -> str:
    """Describe the run, its data and its model on one line."""
    count = sum(parameter.value.size for parameter in named_parameters(one.model).values())
    held_out = f", {len(one.held_out):,} held out" if one.held_out is not None else ""
    latents = formats.counted(one.latents, "latent")
    model = f"{type(one.model).__name__} {parse(one.config.recipe).name} with {latents}"
    missing = (
        f", {one.data.share_missing:.1%} of their entries missing" if one.data.observed is not None else ""
    )
    data = f"{one.data.name}, {formats.counted(len(one.data), 'example')}{held_out}{missing}"
    return f"{one.folder}: {data}; {model}, {count:,} parameters"


def report(one: Run, training: Training, first: int) -> None:
    """Judge the run, keep the verdict and print it, with a list of what lies in the folder.

    `first` is the step at which training began.
    """
    judgement = judge(one, training)
    where = "training" if one.held_out is None else "held-out"
    early = ""
    if training.best:
        loss = "loss" if len(training.phases) == 1 else "0.loss"
        losses = [record["held_out"][loss] for record in training.history]
        ended = "stopped early, " if training.stopping else ""
        early = f" ({ended}with the weights of the best epoch, {losses.index(min(losses)) + 1})"
    print(
        f"\nafter {formats.counted(training.epoch, 'epoch')}{early}, "
        f"{formats.counted(training.step, 'step')}, "
        f"on the {formats.counted(len(one.judged), f'{where} example')}:"
    )
    found = judgement.metrics()
    judgement.keep(found)
    print(judgement.table(found))
    if training.step > first:
        seconds = sum(record["seconds"] for record in training.history)
        print(
            f"  {'speed':32}{training.examples_an_epoch * len(training.history) / seconds:12,.0f}  examples/s"
        )
    print(f"\nin {one.folder}:")
    for name, words in LEFT.items():
        print(f"  {name:26}{words}")
