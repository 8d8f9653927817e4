import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

/** Tests by the name of their file. */
const files = new Map(
  ["test", "packages"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .map(String)
      .filter((path) => /\.(test|contract)\.ts$/.test(path) && !/(^|[\\/])(node_modules|dist)[\\/]/.test(path))
      .map((path): [string, string] => [basename(path), join(root, folder, path)]),
  ),
);

/** Tables with a column of tests: each guarantee with what its cell names, and the file that the head of the column names, if any. */
function guarantees(page: string) {
  const found: { guarantee: string; named: string; head: string }[] = [];
  let head: string | undefined;
  for (const line of page.split("\n")) {
    const cells = line.startsWith("|") ? line.split("|").slice(1, -1) : undefined;
    if (cells === undefined) head = undefined;
    else if (cells[0]?.trim() === "Guarantee") head = cells[1]?.trim();
    else if (head !== undefined && !/^[\s|:-]+$/.test(line))
      found.push({ guarantee: cells[0]?.trim() ?? "", named: cells[1]?.trim() ?? "", head });
  }
  return found;
}

const FILE = /`([\w.-]+\.ts)`/;

describe("the guarantees of the outbox's page", () => {
  const rows = guarantees(readFileSync(join(root, "docs/outbox.md"), "utf8"));

  it("are there", () => {
    expect(rows.length).toBeGreaterThan(20);
  });

  it.each(rows)("have a test each: $guarantee", ({ named, head }) => {
    for (const one of named.split("; ")) {
      const file = (FILE.exec(one) ?? FILE.exec(head))?.[1] ?? "";
      const path = files.get(file);
      expect(path, `the file ${file} of "${one}"`).toBeDefined();
      // `file`: title, or the title alone
      const title = one.replace(/^`[^`]*`(: )?/, "");
      expect(title, `"${one}" names a file and no test`).not.toBe("");
      const text = readFileSync(path as string, "utf8");
      expect(text.includes(title), `"${title}" in ${file}`).toBe(true);
    }
  });
});
