// Bundlers with everything bundled: what comes out is one program that needs no node_modules.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sendProgram } from "../programs.mjs";
import { run } from "../shell.mjs";

export async function* bundlers({ plain, folder, env }) {
  const tools = folder("bundler-tools");
  writeFileSync(join(tools, "package.json"), "{}");
  await run(
    "npm",
    ["install", "--no-audit", "--no-fund", "esbuild@0.28", "rollup@4", "webpack@5", "webpack-cli@6", "vite@8"].concat(
      "@rollup/plugin-node-resolve@16",
      "@rollup/plugin-commonjs@29",
      "@rollup/plugin-json@6",
    ),
    { cwd: tools },
  );
  writeFileSync(join(plain, "bundle-me.mjs"), sendProgram("esm"));
  const bin = (name) => join(tools, "node_modules/.bin", name);
  const input = join(plain, "bundle-me.mjs");
  /** Runs the bundle where there is nothing to import from. */
  const runBundle = async (file) => {
    const printed = await run(process.execPath, [file], { cwd: tools, env });
    if (!printed.includes("all sent")) throw new Error(printed);
  };
  const output = (name) => {
    const path = join(folder("bundles"), name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "package.json"), "{}");
    return path;
  };

  for (const [format, extension] of [
    ["esm", "mjs"],
    ["cjs", "cjs"],
  ]) {
    yield {
      name: `esbuild, ${format}`,
      run: async () => {
        const file = join(output("esbuild"), `out.${extension}`);
        // what require() means in an ES module is the bundle's own business: undici and others are CommonJS
        const banner = "import{createRequire}from'node:module';const require=createRequire(import.meta.url);";
        await run(
          bin("esbuild"),
          [input, "--bundle", "--platform=node", `--format=${format}`, `--outfile=${file}`].concat(
            format === "esm" ? [`--banner:js=${banner}`] : [],
          ),
          { cwd: plain },
        );
        await runBundle(file);
      },
    };
  }
  yield {
    name: "rollup",
    run: async () => {
      const path = output("rollup");
      const config = join(tools, "rollup.config.mjs");
      writeFileSync(
        config,
        `import resolve from "@rollup/plugin-node-resolve";
import commonjs from "@rollup/plugin-commonjs";
import json from "@rollup/plugin-json";
export default {
  input: ${JSON.stringify(input)},
  output: { dir: ${JSON.stringify(path)}, format: "es", entryFileNames: "out.mjs", inlineDynamicImports: true },
  plugins: [resolve({ preferBuiltins: true, exportConditions: ["node"] }), commonjs({ ignoreDynamicRequires: true }), json()],
  onwarn() {},
};`,
      );
      await run(bin("rollup"), ["--config", config], { cwd: plain });
      await runBundle(join(path, "out.mjs"));
    },
  };
  yield {
    name: "webpack 5",
    run: async () => {
      const path = output("webpack");
      const config = join(tools, "webpack.config.cjs");
      writeFileSync(
        config,
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
  yield {
    name: "vite, for a server",
    run: async () => {
      const path = output("vite");
      const config = join(tools, "vite.config.mjs");
      writeFileSync(
        config,
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
}
