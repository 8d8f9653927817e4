// What the runs have found, part by part.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("./results.json", import.meta.url);

/** `{ "fcm-v1": {…}, "gcm-http": {…}, ccs: {…}, costs: {…}, sizes: {…} }`, as far as they have been run. */
export const readResults = () => (existsSync(FILE) ? JSON.parse(readFileSync(FILE, "utf8")) : {});

/** Puts a part in the place of what was found before. */
export function writeResults(part, found) {
  writeFileSync(FILE, `${JSON.stringify({ ...readResults(), [part]: found }, undefined, 2)}\n`);
}
