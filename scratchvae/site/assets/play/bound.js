"use strict";
// One latent and one x: q is dragged, and log p(x) = bound + KL(q ‖ p(z|x)) stays.

(() => {
  const root = document.getElementById("play"), svg = document.getElementById("densities"), sum = document.getElementById("sum");
  let axes;

  const sliders = Draw.controls(root, (at) => {
    const one = Maths.bound(at), { z, q, posterior } = one;
    const thin = (a) => Array.from({ length: 481 }, (_, k) => [z[800 + 5 * k], a[800 + 5 * k]]);
    const top = 1.15 * Math.max(0.6, ...q, ...posterior);
    axes = Draw.plot(svg, { x: [-4, 4], y: [0, top], xLabel: "z", yLabel: "density" });
    axes.line(Draw.curve((v) => Math.exp(Maths.logNormal(v, 0, 0)), -4, 4), "off");
    axes.area(thin(posterior), "p");
    axes.line(thin(posterior), "p");
    axes.line(thin(q), "q");
    axes.text(at.m, Math.exp(Maths.logNormal(at.m, at.m, at.s)), "q(z|x)", "q", "middle", 0, -7);
    const low = Math.min(-6, 1.3 * one.bound, 1.3 * one.logPx), high = Math.max(0.5, one.reconstruction + 0.3);
    const bars = Draw.plot(sum, { x: [low, high], y: [0, 3], xLabel: "nats", height: 150, margin: [8, 16, 44, 150], yTicks: [] });
    const row = (y, from, to, kind, words) => {
      bars.line([[from, y], [to, y]], `thick ${kind}`);
      bars.text(low, y, words, "", "end", -10, 4);
    };
    row(2.4, one.bound, one.reconstruction, "off", "KL to the prior");
    row(1.5, low, one.bound, "q", "bound");
    row(1.5, one.bound, one.logPx, "kl", "bound");
    row(0.6, low, one.logPx, "p", "log p(x)");
    const slope = (name) => Maths.difference((v) => Maths.bound(v).bound, at, name, 1e-4);
    Draw.tell(document, { evidence: one.logPx, evidence2: one.logPx * one.mass, bound: one.bound, gap: one.toPosterior, total: one.bound + one.toPosterior,
      reconstruction: one.reconstruction, prior: one.toPrior, dm: slope("m"), ds: slope("s") });
  });

  let climbing = 0;
  const button = document.getElementById("climb");
  const climb = () => {
    if (climbing-- <= 0) return;
    const at = sliders.values();
    const slope = (name) => Maths.difference((v) => Maths.bound(v).bound, at, name, 1e-4);
    const clip = (v) => Math.max(-0.4, Math.min(0.4, v));
    sliders.set({ m: at.m + clip(0.06 * slope("m")), s: at.s + clip(0.2 * slope("s")) });
    requestAnimationFrame(climb);
  };
  button.addEventListener("click", () => { climbing = 60; climb(); });
  Draw.drag(svg, () => axes, (x) => sliders.set({ m: Math.max(-3, Math.min(3, x)) }));
})();
