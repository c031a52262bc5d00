// Builds ../page.html and ../LICENSES.txt. `make page` runs it; the same sources give the same bytes.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const at = (path) => new URL(path, import.meta.url);
const read = (path) => readFileSync(at(path), "utf8");

// tests/pages/test_page.py computes the same digest.
function sourceDigest() {
  const names = ["build.mjs", "mit.txt", "package-lock.json", "package.json", "tsconfig.json"];
  names.push("../failures.json", ...readdirSync(at("src")).map((name) => `src/${name}`));
  const hash = createHash("sha256");
  for (const name of names.sort()) hash.update(`${name}\0`).update(readFileSync(at(name))).update("\0");
  return hash.digest("hex");
}

async function bundle(entry) {
  const options = { bundle: true, minify: true, write: false, charset: "utf8", legalComments: "none" };
  const target = ["chrome120", "firefox120", "safari17"];
  const path = at(entry).pathname;
  const result = await build({ ...options, target, entryPoints: [path], format: "esm", logLevel: "warning" });
  return result.outputFiles[0].text.trim();
}

const script = await bundle("src/main.ts");
const style = await bundle("src/page.css");
if (/<\/(script|style)|<!--/i.test(script + style)) throw new Error("The bundle would end its element.");

// What the bundle contains. The slider's package lacks its license file; its repository has it.
const mit = (copyright) => read("mit.txt").replace("COPYRIGHT", copyright).trim();
const licenses = [
  ["chart.js", read("node_modules/chart.js/LICENSE.md").trim()],
  ["@kurkle/color", read("node_modules/@kurkle/color/LICENSE.md").trim()],
  ["img-comparison-slider", mit("Copyright (c) 2019 Dmitry Snisarenko")],
];
const version = (name) => JSON.parse(read(`node_modules/${name}/package.json`)).version;
const texts = licenses.map(([name, text]) => `${name} ${version(name)}\n\n${text}\n`);
const notice = `This page contains these libraries from npm.\n\n${texts.join(`\n${"=".repeat(80)}\n`)}`;
if (notice.includes("--")) throw new Error("The licenses would end their comment.");
writeFileSync(at("../LICENSES.txt"), notice);

const page = read("src/page.html")
  .replace("<!--licenses-->", () => `<!--\n${notice}-->`)
  .replace("<!--sources-->", () => `<meta name="imgctl-sources" content="${sourceDigest()}">`)
  .replace("<!--style-->", () => `<style>${style}</style>`)
  .replace("<!--script-->", () => `<script type="module">${script}</script>`);
writeFileSync(at("../page.html"), page);
