import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const libraries = readdirSync(join(root, "examples/migrate"));

describe("the pages about moving over", () => {
  it("are one for each pair of programs", () => {
    const pages = readdirSync(join(root, "docs/migrate"));
    expect(pages.toSorted()).toEqual(libraries.map((library) => `${library}.md`).toSorted());
  });

  it.each(libraries)("%s: shows the programs as their folder has them", (library) => {
    const page = readFileSync(join(root, `docs/migrate/${library}.md`), "utf8");
    const shown = [...page.matchAll(/^```js file=(\S+)\n([\s\S]*?)^```/gm)].map(([, file, code]) => [file, code]);
    const files = readdirSync(join(root, "examples/migrate", library))
      .toSorted()
      .reverse();
    expect(files.map((file) => file.replace(/\..*/, ""))).toEqual(["before", "after"]);
    expect(shown).toEqual(
      files.map((file) => [`${library}/${file}`, readFileSync(join(root, "examples/migrate", library, file), "utf8")]),
    );
  });

  it.each(libraries)("%s: has its calls, what is better and what is different", (library) => {
    const page = readFileSync(join(root, `docs/migrate/${library}.md`), "utf8");
    const headings = [...page.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings.slice(0, 3)).toEqual(["Before", "After", "Calls and options"]);
    expect(headings.slice(3).join(" and ").toLowerCase()).toMatch(/^better and different$/);
  });
});
