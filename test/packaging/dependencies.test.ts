import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { dependenciesOf, LICENCES } from "../../scripts/dependencies.mjs";

/** Outside packages and their megabytes that an installation may bring: raised on purpose, never by accident. */
const BUDGETS: Readonly<Record<string, readonly [packages: number, megabytes: number]>> = {
  "ccs-client": [38, 8],
  cli: [108, 32],
  "connection-server": [5, 8],
  core: [3, 7],
  emulator: [28, 10],
  gateway: [50, 26],
  "http-sender": [28, 21],
  lmdb: [14, 30],
  "node-gcm": [28, 21],
  opentelemetry: [3, 7],
  outbox: [14, 30],
  "outbox-bullmq": [14, 18],
  "outbox-postgres": [3, 7],
  postgres: [3, 7],
  "store-lmdb": [14, 30],
  "store-postgres": [3, 7],
  "store-redis": [3, 7],
};

describe("run-time dependencies", () => {
  it.each(readdirSync(join(import.meta.dirname, "../../packages")))(
    "of %s keep to its budget and to known licences",
    (name) => {
      const dependencies = dependenciesOf(name);
      expect(dependencies.filter(({ licence }) => !LICENCES.includes(licence ?? "none"))).toEqual([]);
      const [packages = 0, megabytes = 0] = BUDGETS[name] ?? [];
      expect(dependencies.length).toBeLessThanOrEqual(packages);
      expect(dependencies.reduce((sum, { bytes }) => sum + bytes, 0) / 2 ** 20).toBeLessThanOrEqual(megabytes);
    },
  );
});
