// Versions of the peers, as installed.
import { readFileSync } from "node:fs";

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));

/** Name and version of every peer. */
export const installedVersions = () =>
  Object.keys(read("./package.json").dependencies)
    .filter((name) => !name.startsWith("@cloud-messaging/"))
    .map((name) => [name, read(`./node_modules/${name}/package.json`).version]);
