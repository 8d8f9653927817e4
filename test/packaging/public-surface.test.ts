import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageFolders, publicSurface, surfaceAsMarkdown } from "../../scripts/public-surface.mjs";

describe.each(packageFolders().map((folder): [string, string] => [basename(folder), folder]))(
  "the public surface of %s",
  (packageName, folder) => {
    const names = publicSurface(folder).flatMap((door) => door.names);

    it("is what its api.md says: after a change on purpose, npm run api", () => {
      expect(readFileSync(join(folder, "api.md"), "utf8")).toBe(surfaceAsMarkdown(folder));
    });

    it("says of every name what it is", () => {
      expect(names.length).toBeGreaterThan(10);
      const documented = new Set(names.filter(({ doc }) => doc !== "").map(({ name }) => name));
      expect(names.filter(({ name }) => !documented.has(name))).toEqual([]);
    });

    it("leaves no type open", () => {
      const open = names.filter(({ text }) => /[:<|(,=]\s*any\b/.test(text.replace(/\/\*[\s\S]*?\*\//g, "")));
      // programs for @types/node-gcm read the error of a callback without asking for its type
      expect(open.map(({ name }) => name)).toEqual(packageName === "node-gcm" ? ["Callback"] : []);
    });
  },
);
