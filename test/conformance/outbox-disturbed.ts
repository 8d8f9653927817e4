import { createOutbox, type OutboxEngine } from "@cloud-messaging/core/transport";
import { expect } from "vitest";
import { startCountingService } from "../support/counting-service.ts";

/** A campaign whose engine is disturbed while two workers send it. */
export interface DisturbedCampaign<Client> {
  /** Engines of the two workers, each as another process has it. */
  readonly engines: readonly [OutboxEngine<Client>, OutboxEngine<Client>];
  readonly recipients: number;
  readonly times: number;
  /** Ends the engine's server, say, and starts it again. Runs each time a further part has arrived. */
  disturb(): Promise<void>;
}

/** Sends a campaign, and expects that no recipient was lost, that each has one result, and that each copy is told. */
export async function expectNothingLost<Client>(campaign: DisturbedCampaign<Client>): Promise<void> {
  const { engines, recipients, times, disturb } = campaign;
  const { copies, transport } = await startCountingService();
  const retry = { minMs: 0, initialMs: 0, maxMs: 0 };
  const workers = engines.map((engine) => createOutbox({ engine, transport: transport(), retry }));
  const [outbox] = workers as [(typeof workers)[0]];
  const tokens = Array.from({ length: recipients }, (_, n) => `token-${n}`);
  const { id } = await outbox.enqueueAll({ data: { release: "4.2" } }, tokens);
  const stop = new AbortController();
  const work = { signal: stop.signal, concurrency: 2, batchSize: 20, leaseMs: 2_000, pollMs: 50 };
  const working = workers.map((worker) => worker.work(work));
  for (let time = 1; time <= times; time++) {
    const part = Math.floor((recipients * time) / (times + 1));
    await expect.poll(() => copies.size, { timeout: 60_000, interval: 2 }).toBeGreaterThanOrEqual(part);
    await disturb();
  }
  const isFinished = async (): Promise<boolean> => {
    const progress = await outbox.progress(id).catch(() => undefined);
    return progress?.state === "finished";
  };
  await expect.poll(isFinished, { timeout: 60_000, interval: 50 }).toBe(true);
  stop.abort();
  await Promise.all(working);
  const results = new Map<string, number>();
  const untold: string[] = [];
  for await (const { outcome } of outbox.results({ id })) {
    results.set(outcome.recipient, (results.get(outcome.recipient) ?? 0) + 1);
    const told = (outcome.unansweredCopies ?? 0) + (outcome.kind === "ambiguous" ? 1 : 0);
    if ((copies.get(outcome.recipient) ?? 0) - 1 > told) untold.push(outcome.recipient);
  }
  const lost = tokens.filter((token) => !copies.has(token) && !results.has(token));
  expect({ lost, untold }).toEqual({ lost: [], untold: [] });
  expect(tokens.filter((token) => results.get(token) !== 1)).toEqual([]);
  await Promise.all(workers.map((worker) => worker.close()));
}
