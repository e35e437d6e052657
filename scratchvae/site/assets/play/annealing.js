"use strict";
// Four schedules of β, recorded while the same network trained on the same batches.

(() => {
  const { runs, steps } = Draw.data();
  const root = document.getElementById("play"), svg = document.getElementById("terms"), weight = document.getElementById("weight"), bars = document.getElementById("latents");
  const all = (name) => runs.flatMap((run) => run[name]);
  const highest = Math.max(...all("kl")), most = Math.max(...runs.flatMap((run) => run.latents.flat()));

  Draw.controls(root, ({ schedule, at }) => {
    const run = runs[Number(schedule)], points = (name) => run[name].map((v, k) => [steps[k], v]);
    const last = steps[steps.length - 1];
    const first = Draw.plot(weight, { x: [0, last], y: [0, 1.1], xLabel: "", yLabel: "β", height: 130, margin: [10, 16, 30, 56], yTicks: [0, 0.5, 1] });
    first.area(points("beta"), "q");
    first.line([[steps[at], 0], [steps[at], 1.1]], "now");
    const axes = Draw.plot(svg, { x: [0, last], y: [0, 1.05 * highest], xLabel: "step", yLabel: "KL in nats", height: 260 });
    runs.forEach((other) => { if (other !== run) axes.line(other.kl.map((v, k) => [steps[k], v]), "off"); });
    axes.line(points("kl"), "q");
    axes.line([[steps[at], 0], [steps[at], 1.05 * highest]], "now");
    axes.dot(steps[at], run.kl[at], "chosen", 6);
    const kl = run.latents[at];
    const third = Draw.plot(bars, { x: [0.3, kl.length + 0.7], y: [0, 1.05 * most], xLabel: "latent", yLabel: "KL in nats", height: 200, xTicks: kl.map((_, j) => j + 1) });
    kl.forEach((v, j) => third.bar(j + 1, 0.6, v, v > 0.05 ? "q" : "off"));
    Draw.tell(document, { step: String(steps[at]), beta: run.beta[at], kl: run.kl[at], bound: run.bound[at], active: String(kl.filter((v) => v > 0.05).length) });
  });
})();
