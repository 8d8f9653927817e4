// Bundlers with everything bundled: what comes out is one program that needs no node_modules.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { sendProgram } from "../programs.mjs";
import { run } from "../shell.mjs";

// what require() means in an ES module is the bundle's own business: undici and others are CommonJS
const REQUIRE = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";

export function bundlers({ plain, folder, tools, env }) {
  const input = join(plain, "bundle-me.mjs");
  const prepare = () => writeFileSync(input, sendProgram("esm"));
  const bin = (name) => join(tools, "node_modules/.bin", name);
  const configured = (name, text) => {
    const file = join(tools, name);
    writeFileSync(file, text);
    return file;
  };
  /** Runs the bundle where there is nothing to import from. */
  const runBundle = async (file) => {
    const printed = await run(process.execPath, [file], { cwd: folder("bundles"), env });
    if (!printed.includes("all sent")) throw new Error(printed);
  };
  const outputOf = (name) => {
    const path = folder(`bundles/${name}`);
    writeFileSync(join(path, "package.json"), "{}");
    return path;
  };

  const esbuild = (format, extension, flags, note) => ({
    name: `esbuild, ${format}`,
    note,
    needs: ["esbuild@0.28"],
    quick: true,
    run: async () => {
      const file = join(outputOf(`esbuild-${format}`), `out.${extension}`);
      const args = ["--bundle", "--platform=node", `--format=${format}`, `--outfile=${file}`, ...flags];
      await run(bin("esbuild"), [input, ...args], { cwd: plain });
      await runBundle(file);
    },
  });
  const rollup = {
    name: "rollup",
    note: 'with `commonjs({ ignore: ["node:sqlite"] })` and a `require` in the banner where the bundle is to run on Node 20, which has no such module',
    needs: ["rollup@4", "@rollup/plugin-node-resolve@16", "@rollup/plugin-commonjs@29", "@rollup/plugin-json@6"],
    run: async () => {
      const path = outputOf("rollup");
      const config = configured(
        "rollup.config.mjs",
        `import resolve from "@rollup/plugin-node-resolve";
import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
export default {
  input: ${JSON.stringify(input)},
  output: { dir: ${JSON.stringify(path)}, format: "es", entryFileNames: "out.mjs", inlineDynamicImports: true,
    banner: ${JSON.stringify(REQUIRE)} },
  plugins: [resolve({ preferBuiltins: true, exportConditions: ["node"] }), commonjs({ ignore: ["node:sqlite"] }), json()],
  onwarn() {},
};`,
      );
      await run(bin("rollup"), ["--config", config], { cwd: plain });
      await runBundle(join(path, "out.mjs"));
    },
  };
  const webpack = {
    name: "webpack 5",
    needs: ["webpack@5", "webpack-cli@6"],
    run: async () => {
      const path = outputOf("webpack");
      const config = configured(
        "webpack.config.cjs",
        `module.exports = {
  mode: "production", target: "node20", entry: ${JSON.stringify(input)}, context: ${JSON.stringify(plain)},
  optimization: { minimize: false },
  output: { path: ${JSON.stringify(path)}, filename: "out.cjs" },
};`,
      );
      await run(bin("webpack"), ["--config", config], { cwd: tools });
      await runBundle(join(path, "out.cjs"));
    },
  };
  const vite = {
    name: "vite, for a server",
    needs: ["vite@8"],
    run: async () => {
      const path = outputOf("vite");
      const config = configured(
        "vite.config.mjs",
        `export default {
  root: ${JSON.stringify(plain)}, logLevel: "error",
  ssr: { noExternal: true, target: "node" },
  build: { ssr: ${JSON.stringify(input)}, outDir: ${JSON.stringify(path)}, emptyOutDir: false, target: "node20", rollupOptions: { output: { entryFileNames: "out.mjs" } } },
};`,
      );
      await run(bin("vite"), ["build", "--config", config], { cwd: tools });
      await runBundle(join(path, "out.mjs"));
    },
  };
  const entries = [
    esbuild(
      "esm",
      "mjs",
      [`--banner:js=${REQUIRE}`],
      "with a `require` in the banner (`createRequire`), for CommonJS dependencies",
    ),
    esbuild("cjs", "cjs", []),
    rollup,
    webpack,
    vite,
  ];
  return { entries, prepare };
}
