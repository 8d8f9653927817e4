import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CloudMessagingError } from "@cloud-messaging/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dataFileFault } from "./data-file.ts";
import { openEnvironment } from "./environment.ts";
import type { LmdbFailure } from "./failure.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "data-file-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

class DatabaseError extends CloudMessagingError {
  readonly reason: LmdbFailure;
  constructor(reason: LmdbFailure, message: string) {
    super("ERR_DATABASE", message);
    this.reason = reason;
  }
}
const open = (path: string) =>
  openEnvironment(path, { owner: "The database", toError: (reason, message) => new DatabaseError(reason, message) });

/** A folder with a copy of the data file alone. */
function copyOf(original: string, name: string): string {
  const copy = join(folder, name);
  mkdirSync(copy, { recursive: true });
  copyFileSync(join(folder, original, "data.mdb"), join(copy, "data.mdb"));
  return copy;
}

async function fill(name: string, count: number): Promise<number> {
  const environment = open(join(folder, name));
  const table = environment.begin(() => environment.table<string, number>("a"));
  for (let n = 0; n < count; n += 100) {
    await environment.change(() => {
      for (let key = n; key < n + 100; key++) table.put(key, `value ${key}`.padEnd(300));
    });
  }
  await environment.close();
  return statSync(join(folder, name, "data.mdb")).size;
}

describe("a data file that LMDB would crash on", () => {
  it("is refused where it was cut off, wherever that was", async () => {
    const size = await fill("whole", 2_000);
    for (const kept of [100, 4_095, 4_096, 8_191, 8_192, 12_288, 20_000, size >> 1, size - 40_960]) {
      const path = copyOf("whole", `cut-${kept}`);
      truncateSync(join(path, "data.mdb"), kept);
      expect(() => open(path), `${kept} of ${size} bytes`).toThrow(expect.objectContaining({ reason: "damaged" }));
      expect(statSync(join(path, "data.mdb")).size).toBe(kept);
    }
    expect(dataFileFault(copyOf("whole", "copy"))).toBeUndefined();
  });

  it("is refused where something else is in it", () => {
    const path = join(folder, "garbage");
    mkdirSync(path);
    writeFileSync(join(path, "data.mdb"), Buffer.alloc(65_536, 7));
    expect(() => open(path)).toThrow(/garbage.*the data file is damaged: put back a copy.*no LMDB data file/);
  });

  it("is refused where another version of LMDB wrote it", () => {
    const path = join(folder, "older");
    mkdirSync(path);
    const page = Buffer.alloc(4_096);
    page.writeUInt16LE(8, 18);
    page.writeUInt32LE(0xbeefc0de, 24);
    page.writeUInt16LE(1, 28);
    writeFileSync(join(path, "data.mdb"), Buffer.concat([page, page]));
    expect(() => open(path)).toThrow(expect.objectContaining({ reason: "other-format" }));
  });
});

describe("a data file that is shorter than its last page", () => {
  it("is whole where the missing pages are unused", async () => {
    const path = join(folder, "short");
    const environment = open(path);
    const table = environment.begin(() => environment.table<string, string>("a"));
    let short = 0;
    for (let round = 0; round < 60; round++) {
      await environment.change(() => {
        table.put(`kept-${round}`, "x".repeat(3_000));
        for (let n = 0; n < 300; n++) table.put(`gone-${n}`, "x".repeat(200));
        for (let n = 0; n < 300; n++) table.remove(`gone-${n}`);
      });
      const { lastPage, pages } = pagesOf(path);
      if (pages <= lastPage) short++;
      expect(dataFileFault(path)).toBeUndefined();
    }
    await environment.close();
    // the case did come up
    expect(short).toBeGreaterThan(0);
  });
});

import { readFileSync } from "node:fs";

function pagesOf(path: string): { lastPage: number; pages: number } {
  const file = readFileSync(join(path, "data.mdb"));
  const at = (offset: number) => ({
    lastPage: file.readUIntLE(offset + 144, 6),
    transaction: file.readUIntLE(offset + 152, 6),
  });
  const [one, other] = [at(0), at(4_096)];
  return {
    lastPage: (one.transaction > other.transaction ? one : other).lastPage,
    pages: Math.floor(file.length / 4_096),
  };
}
