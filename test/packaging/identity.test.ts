import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { errorsPage, identityOf } from "../../scripts/identity.mjs";

const root = join(import.meta.dirname, "../..");

describe("repository, homepage and bugs", () => {
  it.each(readdirSync(join(root, "packages")))("of %s are those of the root, or absent while it names none", (name) => {
    const manifest = JSON.parse(readFileSync(join(root, `packages/${name}/package.json`), "utf8"));
    const { repository, homepage, bugs } = manifest;
    const expected = identityOf(name);
    expect({ repository, homepage, bugs }).toEqual({
      repository: undefined,
      homepage: undefined,
      bugs: undefined,
      ...expected,
    });
  });

  it("have the page that errors name beside them, or in core's package while the root names no repository", () => {
    const source = readFileSync(join(root, "packages/core/src/docs-of.ts"), "utf8");
    expect(source).toContain(`= ${JSON.stringify(errorsPage())};`);
    expect(errorsPage("git+https://git.example/org/name.git")).toBe(
      "https://git.example/org/name/blob/main/docs/errors.md",
    );
  });

  it("are derived from one address", () => {
    expect(identityOf("core", "git+https://git.example/org/name.git")).toEqual({
      repository: { type: "git", url: "git+https://git.example/org/name.git", directory: "packages/core" },
      homepage: "https://git.example/org/name/tree/main/packages/core#readme",
      bugs: { url: "https://git.example/org/name/issues" },
    });
  });
});
