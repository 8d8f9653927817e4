import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/frameworks.md"), "utf8");
const blocks = [...page.matchAll(/^```(\S*) ?(?:file=(\S+))?\n([\s\S]*?)^```/gm)];

it("the page of frameworks shows every example, and only code of theirs", () => {
  for (const name of ["nestjs", "fastify", "express", "lambda"]) {
    expect(blocks.some(([, , file = ""]) => file.startsWith(`examples/${name}/`))).toBe(true);
  }
  for (const [, , file = "", code = ""] of blocks) {
    expect(readFileSync(join(root, file), "utf8"), file).toContain(code);
  }
});
