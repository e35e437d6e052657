"use strict";
// Trained runs side by side: a slider goes from one to the next. For β, and for σ of a Gaussian decoder.

(() => {
  const found = Draw.data(), { runs, side, targets, kind } = found;
  const root = document.getElementById("play"), svg = document.getElementById("curve"), bars = document.getElementById("latents");
  const grey = (text) => {
    const bytes = Maths.unpack(text, Uint8Array), size = side * side;
    return Array.from({ length: bytes.length / size }, (_, k) => Float32Array.from(bytes.subarray(k * size, (k + 1) * size), (b) => b / 255));
  };
  const originals = grey(targets), pictures = runs.map((run) => grey(run.pictures)), samples = runs.map((run) => grey(run.samples));

  function rates(one) {
    const most = Math.max(...runs.map((run) => run.rate)), ds = runs.map((run) => run.distortion);
    const [least, worst] = [Math.min(...ds), Math.max(...ds)], room = 0.08 * (worst - least);
    const axes = Draw.plot(svg, { x: [0, 1.08 * most], y: [least - room, worst + room], xLabel: "rate R = ⟨KL⟩, nats", yLabel: "distortion D, nats" });
    axes.line([[0, one.distortion + one.setting * one.rate], [1.08 * most, one.distortion - one.setting * (1.08 * most - one.rate)]], "tangent");
    axes.line(runs.map((run) => [run.rate, run.distortion]), "q");
    for (const run of runs) axes.dot(run.rate, run.distortion, run === one ? "chosen" : "q", run === one ? 8 : 4);
    axes.text(one.rate, one.distortion, `β = ${one.setting}`, "q", one.rate > 0.8 * most ? "end" : "start", one.rate > 0.8 * most ? -10 : 12, -12);
  }

  function widths(one) {
    const { entries, best } = found, bounds = runs.map((run) => -run.rate - run.distortion);
    const of = (sigma) => -entries * (0.5 * Math.log(2 * Math.PI) + Math.log(sigma)) - one.squared / (2 * sigma * sigma);
    const [low, high] = [Math.log10(0.04), Math.log10(1.3)], top = Math.max(...runs.map((run) => of_best(run)), ...bounds) + 40;
    function of_best(run) { const s2 = run.squared / entries; return -0.5 * entries * (Math.log(2 * Math.PI * s2) + 1); }
    const axes = Draw.plot(svg, { x: [low, high], y: [-600, top], xLabel: "σ (logarithmic)", yLabel: "nats an image",
      xTicks: [0.05, 0.1, 0.2, 0.5, 1].map(Math.log10), xWords: (v) => String(Number((10 ** v).toPrecision(2))) });
    axes.line(Draw.curve((v) => of(10 ** v), low, high), "p");
    axes.line(runs.map((run, k) => [Math.log10(run.setting), bounds[k]]), "q");
    runs.forEach((run, k) => axes.dot(Math.log10(run.setting), bounds[k], run === one ? "chosen" : "q", run === one ? 8 : 4));
    const own = Math.sqrt(one.squared / entries);
    axes.dot(Math.log10(own), of(own), "p", 6);
    Draw.tell(document, { own });
  }

  Draw.controls(root, ({ run }) => {
    const one = runs[run], { kl } = one, top = Math.max(...runs.flatMap((each) => each.kl));
    (kind === "beta" ? rates : widths)(one);
    const axes = Draw.plot(bars, { x: [0.3, kl.length + 0.7], y: [0, 1.05 * top], xLabel: "latent", yLabel: "KL in nats", height: 200, xTicks: kl.map((_, j) => j + 1) });
    kl.forEach((v, j) => axes.bar(j + 1, 0.6, v, v > 0.05 ? "q" : "off"));
    Draw.strip(document.getElementById("originals"), originals, side);
    Draw.strip(document.getElementById("pictures"), pictures[run], side);
    Draw.strip(document.getElementById("samples"), samples[run], side);
    Draw.tell(document, { setting: String(one.setting), rate: one.rate, distortion: one.distortion, bound: -one.rate - one.distortion,
      active: String(kl.filter((v) => v > 0.05).length), error: Math.sqrt(one.squared / (side * side)) });
  });
})();
