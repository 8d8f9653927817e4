import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createManualClock } from "@cloud-messaging/core";
import { createMemoryOutboxEngine } from "@cloud-messaging/core/transport";
import { createEmbeddedEngine } from "@cloud-messaging/outbox";
import { outboxEngineContract } from "./outbox-engine.contract.ts";

outboxEngineContract("memory", async () => {
  const clock = createManualClock();
  const engine = createMemoryOutboxEngine({ clock });
  return { open: async () => engine, pass: (ms) => clock.advance(ms), end: async () => {} };
});

outboxEngineContract(
  "embedded",
  async () => {
    const clock = createManualClock();
    const path = await mkdtemp(join(tmpdir(), "outbox-"));
    let passedMs = 1_000;
    return {
      open: async () => createEmbeddedEngine({ path, clock, machine: { boot: "one", now: () => passedMs } }),
      async pass(ms) {
        passedMs += ms;
        await clock.advance(ms);
      },
      end: () => rm(path, { recursive: true, force: true }),
    };
  },
  { runs: 50 },
);
