// Package managers other than npm, with their strictest layouts.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sendProgram } from "../programs.mjs";
import { pnpmVersion } from "../project.mjs";
import { run } from "../shell.mjs";

/** A project that depends on the tarballs, with what they name of each other led to the tarballs as well. */
function writeProject(path, tarballs, extra) {
  mkdirSync(path, { recursive: true });
  const files = Object.fromEntries(Object.entries(tarballs).map(([name, file]) => [name, `file:${file}`]));
  writeFileSync(
    join(path, "package.json"),
    JSON.stringify({ name: "app", private: true, dependencies: files, ...extra(files) }),
  );
  writeFileSync(join(path, "send.mjs"), sendProgram("esm"));
  writeFileSync(join(path, "send.cjs"), sendProgram("cjs"));
}

const check = async (command, args, options) => {
  const printed = await run(command, args, options);
  if (!printed.includes("all sent")) throw new Error(printed);
};

export async function* managers({ folder, tarballs, env }) {
  yield {
    name: "pnpm, strict",
    run: async () => {
      const path = folder("pnpm");
      writeProject(path, tarballs, (files) => ({ pnpm: { overrides: files } }));
      await run("npx", ["--yes", pnpmVersion, "install", "--strict-peer-dependencies", "--config.hoist=false"], {
        cwd: path,
      });
      await check(process.execPath, ["send.mjs"], { cwd: path, env });
      await check(process.execPath, ["send.cjs"], { cwd: path, env });
    },
  };
  yield {
    name: "yarn 4, plug'n'play",
    run: async () => {
      const path = folder("yarn");
      writeProject(path, tarballs, (files) => ({ resolutions: files }));
      const yarn = ["--yes", "--package=@yarnpkg/cli-dist@4", "--", "yarn"];
      // the network settings are npm's: yarn has files of its own for them
      const registry = (await run("npm", ["config", "get", "registry"], { cwd: path })).trim();
      const settings = {
        YARN_NPM_REGISTRY_SERVER: registry.replace(/\/$/, ""),
        YARN_UNSAFE_HTTP_WHITELIST: new URL(registry).hostname,
        YARN_ENABLE_TELEMETRY: "0",
        YARN_ENABLE_IMMUTABLE_INSTALLS: "false",
        YARN_ENABLE_GLOBAL_CACHE: "false",
        YARN_ENABLE_STRICT_SSL: "true",
      };
      writeFileSync(join(path, "yarn.lock"), "");
      writeFileSync(join(path, ".yarnrc.yml"), "nodeLinker: pnp\n");
      await run("npm", ["exec", ...yarn, "install"], { cwd: path, env: settings });
      await check("npm", ["exec", ...yarn, "node", "send.mjs"], { cwd: path, env: { ...env, ...settings } });
      await check("npm", ["exec", ...yarn, "node", "send.cjs"], { cwd: path, env: { ...env, ...settings } });
    },
  };
  yield {
    name: "npm workspaces",
    run: async () => {
      const path = folder("workspaces");
      writeFileSync(join(path, "package.json"), JSON.stringify({ name: "root", private: true, workspaces: ["app"] }));
      writeProject(join(path, "app"), tarballs, () => ({}));
      await run("npm", ["install", "--no-audit", "--no-fund"], { cwd: path });
      await check(process.execPath, ["send.mjs"], { cwd: join(path, "app"), env });
      await check(process.execPath, ["send.cjs"], { cwd: join(path, "app"), env });
    },
  };
}
