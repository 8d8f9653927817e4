import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

it("the documented error-code table is the one in the code", async () => {
  const { errorCodeTable } = (await import(join(root, "scripts/error-code-table.mjs"))) as { errorCodeTable(): string };
  expect(readFileSync(join(root, "docs/protocol/error-codes.md"), "utf8")).toBe(errorCodeTable());
});
