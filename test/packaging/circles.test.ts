import { readdirSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

/** Packages: none has circular imports, those of types included. */
const PACKAGES = readdirSync(join(root, "packages"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** Imports within a package, by file. */
async function importsOf(folder: string): Promise<Map<string, string[]>> {
  const files = (await readdir(folder, { recursive: true })).filter(
    (file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$|\.test-d\.ts$|\.test-support\.ts$/.test(file),
  );
  const entries = files.map(async (file): Promise<[string, string[]]> => {
    const path = join(folder, file);
    const imports = (await readFile(path, "utf8")).matchAll(/from "(\.[^"]+)"/g);
    // a file may name its own exports, as a namespace
    const targets = [...imports].map(({ 1: target = "" }) => resolve(dirname(path), target));
    return [path, targets.filter((target) => target !== path)];
  });
  return new Map(await Promise.all(entries));
}

/** Files that are imported by themselves, directly or through others. */
function circlesIn(imports: ReadonlyMap<string, readonly string[]>): string[] {
  return [...imports.keys()].filter((start) => {
    const seen = new Set<string>();
    const next = [...(imports.get(start) ?? [])];
    for (let file = next.pop(); file !== undefined; file = next.pop()) {
      if (file === start) return true;
      if (seen.has(file)) continue;
      seen.add(file);
      next.push(...(imports.get(file) ?? []));
    }
    return false;
  });
}

it.each(PACKAGES)("no file of %s imports itself through others, types included", async (name) => {
  const imports = await importsOf(join(root, "packages", name, "src"));
  expect(imports.size).toBeGreaterThan(0);
  expect(circlesIn(imports).map((file) => relative(root, file))).toEqual([]);
});
