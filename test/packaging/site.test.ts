import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { linksOf, pageText, sitePaths, slug } from "../../site/pages.mjs";
import { changelogsOf, sidebar } from "../../site/sidebar.mjs";

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

  it("lists the changelogs that a release has made", () => {
    expect(changelogsOf(["start.md"])).toEqual([]);
    expect(changelogsOf(["start.md", "changelog/core.md"])).toEqual([
      { text: "Changelogs", items: [{ text: "core", link: "/changelog/core" }] },
    ]);
  });

  it("follows a link whose words have code in them, and none in code", () => {
    const text = "[its `api.md`](a.md), `[no](b.md)`, [`x`](c.md#d)\n```md\n[no](e.md)\n```\n[two\nlines](f.md)";
    expect(linksOf(text).map(({ path, anchor }) => `${path}${anchor}`)).toEqual(["a.md", "c.md#d", "f.md"]);
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
  const files = ["test", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/src`)].flatMap(
    (folder) => readdirSync(join(root, folder), { recursive: true }).map((path) => join(root, folder, String(path))),
  );
  /** Text at the end of an entry: `file: title` of a test, or the link to a report. */
  const behindOf = (entry: string) => /\*([^*]+)\*\s*$/.exec(entry.replace(/\n## [\s\S]*$/, ""))?.[1] ?? "";

  it("has 25 symptoms and more", () => {
    expect(entries.length).toBeGreaterThanOrEqual(25);
  });

  it.each(entries.map((entry) => [entry.split("\n")[0], entry]))(
    "has a test or a public report behind %s",
    (_, entry) => {
      const behind = behindOf(entry);
      const [, repository, number] = /^\[([\w.-]+\/[\w.-]+)#(\d+)\]/.exec(behind) ?? [];
      if (repository !== undefined) {
        const address = `https://github.com/${repository}/issues/${number}`;
        expect(behind).toBe(`[${repository}#${number}](${address})`);
        return;
      }
      const [, file, title = ""] = /^([\w-]+\.test\.ts): ([\s\S]+)$/.exec(behind) ?? [];
      const tests = files.filter((path) => basename(path) === file).map((path) => readFileSync(path, "utf8"));
      expect(
        tests.some((text) => text.includes(title)),
        behind,
      ).toBe(true);
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
