"use strict";
// The plane of codes: held-out examples where the encoder puts them, and the decoder's picture of any point.

(() => {
  const { layers: packed, side, codes, reach } = Draw.data();
  const layers = Maths.network(packed);
  const root = document.getElementById("play"), plane = document.getElementById("plane"), picture = document.getElementById("picture");
  const size = plane.width, cells = 15;
  const at = ([a, b]) => [((a + reach) / (2 * reach)) * size, ((reach - b) / (2 * reach)) * size];
  const back = document.createElement("canvas");

  function tiles() {
    const centres = Array.from({ length: cells }, (_, k) => -reach + (2 * reach * (k + 0.5)) / cells);
    const pictures = [...centres].reverse().flatMap((b) => centres.map((a) => Maths.decode(layers, [a, b])));
    Draw.strip(back, pictures, side, cells);
  }

  let dark = null;
  const sliders = Draw.controls(root, ({ a, b, tiled, coded }) => {
    const paper = Draw.colour("--picture-paper");
    if (dark !== paper) { dark = paper; tiles(); }
    const context = plane.getContext("2d");
    context.fillStyle = `rgb(${paper})`;
    context.fillRect(0, 0, size, size);
    if (tiled) {
      context.globalAlpha = coded ? 0.35 : 1;
      context.drawImage(back, 0, 0, size, size);
      context.globalAlpha = 1;
    }
    context.strokeStyle = Draw.colour("--plot-grid");
    for (const radius of [1, 2, 3]) {
      context.beginPath();
      context.arc(size / 2, size / 2, (radius / reach) * size / 2, 0, 2 * Math.PI);
      context.stroke();
    }
    if (coded) {
      context.font = `600 ${size / 44}px system-ui, sans-serif`;
      context.textAlign = "center";
      context.textBaseline = "middle";
      for (const [c, d, label] of codes) {
        context.fillStyle = Draw.colour(`--class-${label}`);
        context.fillText(String(label), ...at([c, d]));
      }
    }
    const [px, py] = at([a, b]);
    context.lineWidth = 3;
    context.strokeStyle = Draw.colour("--plot-q");
    context.beginPath();
    context.arc(px, py, 9, 0, 2 * Math.PI);
    context.stroke();
    context.lineWidth = 1;
    Draw.picture(picture, Maths.decode(layers, [a, b]), side);
  });

  const move = (event) => {
    const box = plane.getBoundingClientRect();
    const clip = (v) => Math.max(-reach, Math.min(reach, v));
    sliders.set({ a: clip(((event.clientX - box.left) / box.width) * 2 * reach - reach), b: clip(reach - ((event.clientY - box.top) / box.height) * 2 * reach) });
  };
  plane.addEventListener("pointermove", move);
  plane.addEventListener("pointerdown", move);
})();
