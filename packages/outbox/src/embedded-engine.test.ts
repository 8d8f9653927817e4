import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OutboxStorageError } from "@cloud-messaging/core";
import { openEnvironment, type Table } from "@cloud-messaging/lmdb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createOutbox } from "./index.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "outbox-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Opens the database by itself. */
async function within(path: string, run: (meta: Table<unknown, string>) => void): Promise<void> {
  const toError = (_: unknown, message: string, cause: unknown) => new OutboxStorageError(message, cause);
  const environment = openEnvironment(path, { owner: "The database", toError });
  environment.begin(() => run(environment.table("meta")));
  await environment.close();
}

describe("an embedded engine", () => {
  it("refuses the file of another version, and leaves it usable by that version", async () => {
    const path = join(folder, "db");
    await createOutbox({ path }).close();
    await within(path, (meta) => meta.put("format", 99));
    expect(() => createOutbox({ path })).toThrow(/another version.*version 99, not 1/);
    await within(path, (meta) => expect(meta.get("format")).toBe(99));
  });
});
