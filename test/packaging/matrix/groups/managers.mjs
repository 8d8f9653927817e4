// Package managers, with their strictest layouts.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sendProgram } from "../programs.mjs";
import { pnpmVersion } from "../project.mjs";
import { npmInstall, run } from "../shell.mjs";

/** A project that depends on the tarballs, with what they name of each other led to the tarballs as well. */
function writeProject(path, { tarballs, peers }, extra) {
  mkdirSync(path, { recursive: true });
  const files = Object.fromEntries(Object.entries(tarballs).map(([name, file]) => [name, `file:${file}`]));
  writeFileSync(
    join(path, "package.json"),
    JSON.stringify({
      name: "app",
      private: true,
      license: "MIT",
      dependencies: { ...peers, ...files },
      ...extra(files),
    }),
  );
  writeFileSync(join(path, "send.mjs"), sendProgram("esm"));
  writeFileSync(join(path, "send.cjs"), sendProgram("cjs"));
}

/** Runs the program of either format. */
async function sendBoth(command, args, options) {
  for (const file of ["send.mjs", "send.cjs"]) {
    const printed = await run(command, [...args, file], options);
    if (!printed.includes("all sent")) throw new Error(printed);
  }
}

export function managers(context) {
  const { folder, env } = context;
  const pnpm = {
    name: "pnpm, strict",
    quick: true,
    run: async () => {
      const path = folder("pnpm");
      writeProject(path, context, (files) => ({ pnpm: { overrides: files } }));
      const flags = ["--strict-peer-dependencies", "--config.hoist=false", "--prefer-offline"];
      await run("npx", ["--yes", pnpmVersion, "install", ...flags], { cwd: path });
      await sendBoth(process.execPath, [], { cwd: path, env });
    },
  };
  const yarnClassic = {
    name: "yarn 1, without a warning",
    run: async () => {
      const path = folder("yarn-1");
      writeProject(path, context, (files) => ({ resolutions: files }));
      const flags = ["--no-lockfile", "--cache-folder", folder("yarn-1-cache")];
      const printed = await run("npx", ["--yes", "yarn@1", "install", ...flags], { cwd: path });
      // that a tarball stands for a range as well is this test's doing
      const warnings = printed.split("\n").filter((line) => /^warning (?!Pattern .* same destination)/.test(line));
      if (warnings.length > 0) throw new Error(warnings.join("\n"));
      await sendBoth(process.execPath, [], { cwd: path, env });
    },
  };
  const yarnPlugAndPlay = {
    name: "yarn 4, plug'n'play",
    run: async () => {
      const path = folder("yarn-4");
      writeProject(path, context, (files) => ({ resolutions: files }));
      const yarn = ["exec", "--yes", "--package=@yarnpkg/cli-dist@4", "--", "yarn"];
      // the network settings are npm's: yarn has files of its own for them
      const registry = (await run("npm", ["config", "get", "registry"], { cwd: path })).trim();
      const settings = {
        YARN_NPM_REGISTRY_SERVER: registry.replace(/\/$/, ""),
        YARN_UNSAFE_HTTP_WHITELIST: new URL(registry).hostname,
        YARN_ENABLE_TELEMETRY: "0",
        YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
        YARN_ENABLE_GLOBAL_CACHE: "false",
      };
      writeFileSync(join(path, "yarn.lock"), "");
      writeFileSync(join(path, ".yarnrc.yml"), "nodeLinker: pnp\n");
      await run("npm", [...yarn, "install"], { cwd: path, env: settings });
      await sendBoth("npm", [...yarn, "node"], { cwd: path, env: { ...env, ...settings } });
    },
  };
  const workspaces = {
    name: "npm workspaces",
    run: async () => {
      const path = folder("workspaces");
      writeFileSync(join(path, "package.json"), JSON.stringify({ name: "root", private: true, workspaces: ["app"] }));
      writeProject(join(path, "app"), context, () => ({}));
      await npmInstall([], { cwd: path });
      await sendBoth(process.execPath, [], { cwd: join(path, "app"), env });
    },
  };
  return { entries: [pnpm, yarnClassic, yarnPlugAndPlay, workspaces] };
}
