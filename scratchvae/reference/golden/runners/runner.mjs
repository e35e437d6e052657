// Compare implementations of your own with the golden vectors, written by `scratchvae golden --format json`: node runner.mjs
import { readdirSync, readFileSync } from "node:fs";

const folder = new URL(".", import.meta.url);
const read = (name) => JSON.parse(readFileSync(new URL(name, folder), "utf8"));
const cases = read("manifest.json").cases;
const rows = ({ shape: [B, D], data }) => Array.from({ length: B }, (_, b) => data.slice(b * D, (b + 1) * D));

// for a case: a function of its inputs and held arrays that returns the value, and the gradients as a function of the seed
const yours = {
  "gaussian.kl_to_standard": ({ mean, log_var }) => {
    const [m, l] = [rows(mean), rows(log_var)];
    const value = m.map((row, b) => 0.5 * row.reduce((sum, mu, d) => sum + mu * mu + Math.exp(l[b][d]) - 1 - l[b][d], 0));
    const gradients = (seed) => ({
      mean: m.flatMap((row, b) => row.map((mu) => seed[b] * mu)),
      log_var: l.flatMap((row, b) => row.map((s) => seed[b] * 0.5 * (Math.exp(s) - 1))),
    });
    return { value, gradients };
  },
};

for (const file of readdirSync(new URL("cases/", folder))) {
  const { name, arrays } = read(`cases/${file}`);
  if (!(name in yours)) continue;
  const of = arrays.float64, { tolerance, mistakes } = cases[name], own = {};
  for (const key of Object.keys(of)) if (/^(input|held)\//.test(key)) own[key.split("/")[1]] = of[key];
  const { value, gradients } = yours[name](own);
  const found = { "value/0": value };
  for (const [key, gradient] of Object.entries(gradients(of["seed/0"].data))) found[`gradient/${key}`] = gradient;
  const off = (at = "") => Object.keys(found).filter((key) => `${at}${key}` in of &&
    found[key].some((entry, i) => !(Math.abs(entry - of[`${at}${key}`].data[i]) <= tolerance.float64[key])));
  const told = Object.keys(mistakes).filter((mistake) => off(`mistake/${mistake}/`).length > 0);
  const wrong = off();
  console.log(`${name}: ${wrong.length ? "wrong in " + wrong : "right"}; ${told.length} of ${Object.keys(mistakes).length} mistakes told`);
}
