"use strict";
// The arithmetic of the pages of Play. It draws nothing, so that a test can run it beside the library's own functions.

const Maths = (() => {
  const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

  // ------------------------------------------------------------------------------------------------ a decoder of 8 bits

  /** The numbers behind base64 text. */
  function unpack(text, Kind) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Kind(bytes.buffer);
  }

  /** A network whose weights are whole numbers from −127 to 127: W_oi = scale_o q_oi. */
  function network(packed) {
    return packed.map((layer) => ({
      q: unpack(layer.q, Int8Array),
      scale: unpack(layer.scale, Float32Array),
      bias: unpack(layer.bias, Float32Array),
      rectified: layer.rectified,
    }));
  }

  /** y_o = b_o + scale_o Σ_i q_oi h_i, layer by layer; a rectified layer gives max(0, y). */
  function forward(layers, z) {
    let h = Float64Array.from(z);
    for (const { q, scale, bias, rectified } of layers) {
      const y = new Float64Array(bias.length);
      const n = h.length;
      for (let o = 0; o < y.length; o++) {
        let sum = 0;
        for (let i = 0, at = o * n; i < n; i++, at++) sum += q[at] * h[i];
        y[o] = bias[o] + scale[o] * sum;
        if (rectified && y[o] < 0) y[o] = 0;
      }
      h = y;
    }
    return h;
  }

  const sigmoid = (l) => (l >= 0 ? 1 / (1 + Math.exp(-l)) : Math.exp(l) / (1 + Math.exp(l)));
  const softplus = (l) => Math.max(l, 0) + Math.log1p(Math.exp(-Math.abs(l)));

  /** The picture of a code: the probability of each pixel. */
  const decode = (layers, z) => forward(layers, z).map(sigmoid);

  // -------------------------------------------------------------------------------------------------------- Gaussians

  const logNormal = (x, mean, logVar) => -HALF_LOG_2PI - 0.5 * logVar - 0.5 * (x - mean) ** 2 * Math.exp(-logVar);

  /** KL(N(m, σ²) ‖ N(μ, τ²)) with s = log σ², t = log τ², and its four derivatives. */
  function kl({ m, s, mu, t }) {
    const ratio = Math.exp(s - t);
    const u = (m - mu) * Math.exp(-t / 2);
    return {
      value: 0.5 * (ratio - 1 - (s - t) + u * u),
      m: (m - mu) * Math.exp(-t),
      s: 0.5 * (ratio - 1),
      mu: (mu - m) * Math.exp(-t),
      t: 0.5 * (1 - ratio - u * u),
    };
  }

  /** (f(θ + h) − f(θ − h)) / 2h in one of the numbers that f takes by name. */
  function difference(f, at, name, h = 1e-5) {
    const moved = (by) => f({ ...at, [name]: at[name] + by });
    return (moved(h) - moved(-h)) / (2 * h);
  }

  // ------------------------------------------------------------------------- one latent, one x, and everything by a sum

  const DECODERS = { linear: (z, w) => w * z, square: (z, w) => w * (z * z - 1) };

  /** log p(x), the bound of q = N(m, e^s) and its parts, by a sum over a fine grid of z. p(x|z) = N(x; f(z), σ²). */
  function bound({ x, w, sigma, m, s, decoder }) {
    const n = 4001, low = -10, high = 10, step = (high - low) / (n - 1);
    const f = DECODERS[decoder], logVar = 2 * Math.log(sigma);
    const z = new Float64Array(n), joint = new Float64Array(n), logQ = new Float64Array(n), likelihood = new Float64Array(n);
    let top = -Infinity;
    for (let i = 0; i < n; i++) {
      z[i] = low + i * step;
      likelihood[i] = logNormal(x, f(z[i], w), logVar);
      joint[i] = likelihood[i] + logNormal(z[i], 0, 0);
      logQ[i] = logNormal(z[i], m, s);
      top = Math.max(top, joint[i]);
    }
    let evidence = 0;
    for (let i = 0; i < n; i++) evidence += Math.exp(joint[i] - top) * step;
    const logPx = top + Math.log(evidence);
    let reconstruction = 0, toPosterior = 0, mass = 0;
    const posterior = new Float64Array(n), q = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      q[i] = Math.exp(logQ[i]);
      posterior[i] = Math.exp(joint[i] - logPx);
      mass += q[i] * step;
      reconstruction += q[i] * likelihood[i] * step;
      toPosterior += q[i] * (logQ[i] - (joint[i] - logPx)) * step;
    }
    const toPrior = kl({ m, s, mu: 0, t: 0 }).value;
    return { logPx, reconstruction, toPrior, bound: reconstruction - toPrior, toPosterior, z, q, posterior, mass };
  }

  // --------------------------------------------------------------------------------------------------- relaxed choices

  /** softmax(a / λ), computed with the largest entry taken off. */
  function softmax(a, temperature = 1) {
    const top = Math.max(...a);
    const parts = a.map((each) => Math.exp((each - top) / temperature));
    const total = parts.reduce((sum, each) => sum + each, 0);
    return parts.map((each) => each / total);
  }

  /** softmax((l − log E) / λ), E standard exponential numbers: a draw of the Concrete law. */
  const relaxed = (logits, noise, temperature) => softmax(logits.map((l, k) => l - Math.log(noise[k])), temperature);

  // ------------------------------------------------------------------------------------------ a pixel's logit, two ways

  const single = Math.fround;

  /** log p(x) of a pixel from its probability, in numbers of 32 bits, as naive code has it. */
  function byProbability(l, x) {
    const p = single(1 / single(1 + single(Math.exp(single(-l)))));
    return single(single(x * Math.log(p)) + single((1 - x) * Math.log(single(1 - p))));
  }

  /** The gradient that this gives: (x/p − (1−x)/(1−p)) p (1−p). */
  function slopeByProbability(l, x) {
    const p = single(1 / single(1 + single(Math.exp(single(-l)))));
    const q = single(1 - p);
    return single(single(single(x / p) - single((1 - x) / q)) * single(p * q));
  }

  /** x l − softplus(l), and its gradient x − σ(l). */
  const byLogit = (l, x) => single(single(x * l) - single(softplus(l)));
  const slopeByLogit = (l, x) => single(x - single(sigmoid(l)));

  return { unpack, network, forward, decode, sigmoid, softplus, logNormal, kl, difference, bound, softmax, relaxed,
    byProbability, slopeByProbability, byLogit, slopeByLogit };
})();

if (typeof module !== "undefined") module.exports = Maths;
