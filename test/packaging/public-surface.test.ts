import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { packageFolders, publicSurface, surfaceAsMarkdown } from "../../scripts/public-surface.mjs";

describe.each(packageFolders().map((folder): [string, string] => [basename(folder), folder]))(
  "the public surface of %s",
  (packageName, folder) => {
    const names = publicSurface(folder).flatMap((entry) => entry.names);

    it("is what its api.md says: after a change on purpose, npm run api", () => {
      expect(readFileSync(join(folder, "api.md"), "utf8")).toBe(surfaceAsMarkdown(folder));
    });

    it("says of every name what it is", () => {
      expect(names.length).toBeGreaterThan(2);
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

describe("the entry points of core", () => {
  const groupsOf = (entry: string) =>
    [
      ...readFileSync(join(import.meta.dirname, `../../packages/core/src/${entry}.ts`), "utf8").matchAll(
        /^\/\/ (.*)$/gm,
      ),
    ]
      .slice(1)
      .map(([, title]) => title);

  it("name what an application needs in the order in which it meets it", () => {
    expect(groupsOf("index")).toEqual([
      "Sending",
      "Messages",
      "Outcomes",
      "Messages from devices",
      "Registrations",
      "Health",
      "Connections",
      "Errors",
      "Events",
      "Time and chance, for tests",
    ]);
    expect(groupsOf("transport").slice(0, 3)).toEqual(["The contract", "Senders over a transport", "Retries"]);
  });

  it("give each name a single home", () => {
    const core = packageFolders().find((folder) => basename(folder) === "core") as string;
    const homes = publicSurface(core).flatMap(({ entry, names }) =>
      [...new Set(names.map(({ name }) => name))].map((name) => `${name} ${entry}`),
    );
    const names = homes.map((home) => home.split(" ")[0]);
    expect(names.filter((name, position) => names.indexOf(name) !== position)).toEqual([]);
  });
});
