import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createOutbox } from "./index.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outbox-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("an embedded engine", () => {
  it("refuses the file of another version, and leaves it usable by that version", async () => {
    const path = join(folder, "db");
    await createOutbox({ path }).close();
    const root = open({ path, noSubdir: false, maxDbs: 16 });
    await root.openDB("meta", {}).put("format", 99);
    await root.close();
    expect(() => createOutbox({ path })).toThrow(/another version.*version 99, not 1/);
    const again = open({ path, noSubdir: false, maxDbs: 16 });
    expect(again.openDB("meta", {}).get("format")).toBe(99);
    await again.close();
  });
});
