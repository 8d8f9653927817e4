import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { addKey } from "./config.ts";
import { hashKey } from "./keys.ts";

const KEY = "a-key-of-many-characters";
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gateway-config-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("adding a key to a config", () => {
  it("keeps the owner, the group and the mode of the file, which the gateway may need to read it, and a link to it", () => {
    const file = join(folder, "gateway.json");
    const link = join(folder, "link.json");
    writeFileSync(file, JSON.stringify({ clients: [{ name: "web-shop", keys: [] }] }));
    symlinkSync(file, link);
    // more than the usual umask leaves
    chmodSync(file, 0o664);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) chownSync(file, 65_534, 65_534);
    const before = statSync(file);
    addKey(link, "web-shop", KEY);
    const after = statSync(file);
    expect([after.mode, after.uid, after.gid]).toEqual([before.mode, before.uid, before.gid]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readdirSync(folder)).toEqual(["gateway.json", "link.json"]);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ clients: [{ name: "web-shop", keys: [hashKey(KEY)] }] });
  });
});
