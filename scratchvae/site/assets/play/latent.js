"use strict";
// Sliders over the codes of a trained decoder.

(() => {
  const { layers: packed, side, latents, digits, draws } = Draw.data();
  const layers = Maths.network(packed);
  const root = document.getElementById("play"), picture = document.getElementById("picture");
  const strips = [...root.querySelectorAll(".sliders canvas.strip")];
  const stops = Array.from({ length: 9 }, (_, k) => -3 + 0.75 * k);

  const sliders = Draw.controls(root, (values) => {
    const z = Array.from({ length: latents }, (_, j) => values[`z${j}`]);
    Draw.picture(picture, Maths.decode(layers, z), side);
    strips.forEach((canvas, j) => {
      Draw.strip(canvas, stops.map((at) => Maths.decode(layers, z.with ? z.with(j, at) : z.map((v, i) => (i === j ? at : v)))), side);
    });
    Draw.tell(document, { squared: z.reduce((sum, v) => sum + v * v, 0) });
  });

  const go = (z) => sliders.set(Object.fromEntries(z.map((v, j) => [`z${j}`, v])));
  let drawn = 0;
  document.getElementById("draw").addEventListener("click", () => go(draws[drawn++ % draws.length]));
  document.getElementById("centre").addEventListener("click", () => go(Array(latents).fill(0)));
  for (const button of root.querySelectorAll("button[data-digit]")) {
    const { code, grey } = digits[Number(button.dataset.digit)];
    const canvas = button.querySelector("canvas");
    const paint = () => Draw.strip(canvas, [Maths.unpack(grey, Uint8Array)].map((bytes) => Float32Array.from(bytes, (b) => b / 255)), side);
    paint();
    new MutationObserver(paint).observe(document.documentElement, { attributes: true });
    button.addEventListener("click", () => go(code));
  }
})();
