import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryRegistrationStore } from "@cloud-messaging/core";
import { registrationStoreCases } from "@cloud-messaging/core/testing";
import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
import { afterAll, describe, it } from "vitest";
import { clocksApart } from "./registration-store-clocks.ts";

describe("the registration store in memory", () => {
  const cases = registrationStoreCases({ create: (clock) => ({ stores: [createMemoryRegistrationStore({ clock })] }) });
  for (const { name, run } of cases) it(name, run);
});

describe("the registration store on lmdb", () => {
  // a file system in memory where there is one: the rules are tested here, and not the disk
  const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const cases = registrationStoreCases({
    create: (clock) => {
      const path = mkdtempSync(join(parent, "registrations-"));
      const stores = [createLmdbRegistrationStore({ path, clock }), createLmdbRegistrationStore({ path, clock })];
      return {
        stores,
        async close() {
          await Promise.all(stores.map((store) => store.close()));
          rmSync(path, { recursive: true, force: true });
        },
      };
    },
    runs: 50,
  });
  for (const { name, run } of cases) it(name, run);

  const shared = mkdtempSync(join(parent, "registrations-clocks-"));
  const opened: AsyncDisposable[] = [];
  afterAll(async () => {
    for (const each of opened) await each[Symbol.asyncDispose]();
    rmSync(shared, { recursive: true, force: true });
  });
  clocksApart((clock) => {
    const store = createLmdbRegistrationStore({ path: shared, clock });
    opened.push(store);
    return store;
  });
});
