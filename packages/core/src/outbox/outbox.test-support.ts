import { setImmediate as turn } from "node:timers/promises";
import { type Answer, scriptedTransport } from "../scripted-transport.test-support.ts";
import type { DownstreamTransport } from "../sending/downstream-transport.ts";
import { createManualClock, type ManualClock } from "../time/clock.ts";
import { createOutbox } from "./create-outbox.ts";
import { createMemoryOutboxEngine } from "./memory-engine.ts";
import type { Outbox, OutboxOptions, OutboxResult, ResultOptions } from "./outbox.ts";

export async function all(outbox: Outbox, options?: ResultOptions): Promise<OutboxResult[]> {
  const results: OutboxResult[] = [];
  for await (const result of outbox.results(options)) results.push(result);
  return results;
}

/** Lets work go on until it has ended, or the time has passed. */
export async function pass(clock: ManualClock, ms: number, stepMs = 250): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    for (let turns = 0; turns < 6; turns++) await turn();
    await clock.advance(stepMs);
  }
  for (let turns = 0; turns < 6; turns++) await turn();
}

export function setUp(script: Readonly<Record<string, readonly Answer[]>> = {}) {
  const clock = createManualClock();
  const engine = createMemoryOutboxEngine({ clock });
  /** An outbox of another process: on the same engine, which closing does not end. */
  function open(extra: Partial<DownstreamTransport> = {}, options: OutboxOptions = {}) {
    const transport = scriptedTransport(script, { clock, ...extra });
    return { transport, outbox: createOutbox({ engine, transport, clock, random: () => 0, ...options }) };
  }
  /** A worker that writes these many batches, and whose process ends then: it asks the engine for nothing, and its timers do not run. */
  function crashing(batches = 1, traits: Partial<DownstreamTransport> = {}) {
    const messageIds: (readonly string[] | undefined)[] = [];
    let dead = false;
    const own = new Proxy(engine, {
      get(target, name) {
        const method = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return (...values: unknown[]) => (dead ? new Promise(() => {}) : method.apply(target, values));
      },
    });
    const transport = scriptedTransport(
      {},
      {
        ...traits,
        send(_, options) {
          messageIds.push(options?.messageIds);
          if (messageIds.length === batches) dead = true;
          return new Promise(() => {});
        },
      },
    );
    void createOutbox({ engine: own, transport, clock: createManualClock() }).work({
      concurrency: batches,
      batchSize: 1,
    });
    return { sent: () => messageIds.length, messageIds };
  }
  return { clock, engine, open, crashing };
}
