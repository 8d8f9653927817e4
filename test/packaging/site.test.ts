import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { linksOf, pageText, sitePaths, slug } from "../../site/pages.mjs";
import { sidebar } from "../../site/sidebar.mjs";

const root = join(import.meta.dirname, "../..");
const paths = sitePaths();
const pages = new Map([...paths].map(([source, page]) => [page, pageText(source, paths)]));

/** Anchors of a page: its headings, a repeated one with a number. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const prose = text.replace(/^```[\s\S]*?^```/gm, "");
  for (const [, heading = ""] of prose.matchAll(/^#{1,6} (.*)$/gm)) {
    const anchor = slug(heading.replace(/`/g, "").replace(/\[([^\]]*)\]\([^)]*\)/g, "$1"));
    let name = anchor;
    for (let n = 1; anchors.has(name); n++) name = `${anchor}-${n}`;
    anchors.add(name);
  }
  return anchors;
}

describe("the documentation site", () => {
  it("lists each page once", () => {
    const listed = sidebar.flatMap(({ items }) => items.map(({ link }) => `${link.slice(1)}.md`));
    expect(listed.toSorted()).toEqual([...pages.keys()].filter((page) => page !== "index.md").toSorted());
  });

  it.each([...pages.keys()])("has a target for every link of %s", (page) => {
    const missing = linksOf(pages.get(page) ?? "").filter(({ path, anchor }) => {
      const target = path === "" ? page : posix.join(posix.dirname(page), path);
      if (target.startsWith("images/")) return !existsSync(join(root, "docs", target));
      const text = pages.get(target);
      return text === undefined || (anchor !== "" && !anchorsOf(text).has(decodeURIComponent(anchor.slice(1))));
    });
    expect(missing).toEqual([]);
  });

  it.each([...pages.keys()])("has well-formed addresses in %s", (page) => {
    for (const [address] of (pages.get(page) ?? "").matchAll(/(?<=\]\()https?:[^)\s]*/g)) {
      expect(new URL(address).protocol, address).toBe("https:");
    }
  });
});

describe("the troubleshooting page", () => {
  const entries = (pages.get("troubleshooting.md") ?? "").split(/^### /m).slice(1);
  const below = (folder: string) => readdirSync(join(root, folder), { recursive: true }).map(String);
  const files = [
    ...below("test"),
    ...readdirSync(join(root, "packages")).flatMap((name) => below(`packages/${name}/src`)),
  ];

  it("has 25 symptoms and more", () => {
    expect(entries.length).toBeGreaterThanOrEqual(25);
  });

  it.each(entries.map((entry) => [entry.split("\n")[0], entry]))(
    "has a test or a public report behind %s",
    (_, entry) => {
      const [, behind = ""] = /\*([^*\s]+)\*\s*(?:^## .*)?\s*$/m.exec(entry.replace(/\n## [\s\S]*$/, "")) ?? [];
      if (behind.endsWith(".test.ts")) {
        expect(
          files.some((file) => `/${file.replaceAll("\\", "/")}`.endsWith(`/${behind}`)),
          behind,
        ).toBe(true);
      } else expect(behind).toMatch(/^[\w.-]+\/[\w.-]+#\d+$/);
    },
  );

  it("names codes that exist", () => {
    const table = readFileSync(join(root, "docs/protocol/error-codes.md"), "utf8");
    const thrown = pages.get("errors.md");
    for (const entry of entries) {
      const heading = entry.split("\n")[0] ?? "";
      for (const [, code = ""] of heading.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g))
        expect(table).toContain(`| \`${code}\` |`);
      for (const [, code = ""] of heading.matchAll(/`(ERR_\w+)`/g)) expect(thrown).toContain(`### \`${code}\`\n`);
    }
  });
});
