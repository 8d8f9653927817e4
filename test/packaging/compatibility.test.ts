import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/compatibility.md"), "utf8");

describe("a packed package, as the last run of the whole matrix found it", () => {
  it.each(["import", "require"])("sends on every supported version of Node, imported and required: %s", (way) => {
    const found = [...page.matchAll(/^\| Node (\d+)\.(\d+)\.\d+, (\w+) \| (.*) \|$/gm)].filter((row) => row[3] === way);
    expect(new Set(found.map(([, , , , works]) => works))).toEqual(new Set(["yes"]));
    expect(new Set(found.map(([, major]) => major))).toEqual(new Set(["20", "22", "24", "26"]));
    // the oldest that `engines` allows is among them
    const oldest = found.map(([, major, minor]) => `>=${major}.${minor}`)[0];
    for (const name of readdirSync(join(root, "packages"))) {
      const { engines } = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
      expect(engines.node, name).toBe(oldest);
    }
  });
});
