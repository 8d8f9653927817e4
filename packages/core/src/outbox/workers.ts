import { InvalidOptionsError } from "../errors.ts";
import { publish } from "../events.ts";
import type { DownstreamTransport } from "../sending/downstream-transport.ts";
import { onAbort } from "../time/abort.ts";
import type { CancelTimer, Clock } from "../time/clock.ts";
import type { JobParts } from "./chunk-job.ts";
import type { OutboxEngine } from "./engine.ts";
import { checkLanes } from "./options.ts";
import type { WorkOptions } from "./outbox.ts";
import { CHUNK_SIZE } from "./results.ts";
import { Worker, type WorkerParts } from "./worker.ts";

/** Time for which a worker holds a chunk, unless it is told another. Unit: milliseconds. */
export const DEFAULT_LEASE_MS = 30_000;
const DEFAULT_POLL_MS = 1_000;
const DEFAULT_CLOSE_TIMEOUT_MS = 30_000;
const PRUNE_EVERY_MS = 3_600_000;

/** Parts that the workers of an outbox share. */
export interface WorkersParts {
  readonly engine: Pick<OutboxEngine, "name" | "onWork">;
  /** Absent: the outbox cannot work. */
  readonly transport: DownstreamTransport | undefined;
  readonly clock: Clock;
  /** Share of each lane. */
  readonly lanes: Readonly<Record<string, number>>;
  readonly jobParts: (settlesAmbiguous: boolean) => JobParts;
  prune(): Promise<unknown>;
  /** An operation has failed and will be tried again. */
  onFailure(operation: string, error: unknown): void;
}

/** Workers of one outbox in this process. While one works, what is finished is pruned once an hour. */
export class Workers {
  readonly #parts: WorkersParts;
  readonly #running = new Set<Worker>();
  #cancelPrune: CancelTimer = () => {};

  constructor(parts: WorkersParts) {
    this.#parts = parts;
  }

  /** Tells all of them that there may be work. */
  wake(): void {
    for (const worker of this.#running) worker.wake();
  }

  /**
   * Works until it is ended.
   *
   * @throws {InvalidOptionsError} the outbox has no transport, or no such lane.
   */
  run(settings: WorkOptions): Promise<void> {
    const worker = this.#create(settings);
    this.#running.add(worker);
    if (this.#running.size === 1) this.#startPruning();
    const forget = onAbort(settings.signal, () => worker.stop());
    const deaf = this.#parts.engine.onWork?.(() => worker.wake());
    return worker.run().finally(() => {
      forget();
      deaf?.();
      this.#running.delete(worker);
      if (this.#running.size === 0) this.#cancelPrune();
    });
  }

  /** Ends all of them. Resolves when they have settled what was in flight. */
  async stop(): Promise<void> {
    const ending = [...this.#running].map(({ done }) => done);
    for (const worker of this.#running) worker.stop();
    await Promise.all(ending);
    this.#cancelPrune();
  }

  #startPruning(): void {
    const { clock, onFailure } = this.#parts;
    this.#cancelPrune();
    const prune = (): void => {
      this.#parts.prune().catch((error: unknown) => onFailure("prune", error));
      this.#cancelPrune = clock.schedule(PRUNE_EVERY_MS, prune);
    };
    prune();
  }

  #create(settings: WorkOptions): Worker {
    const { engine, transport, lanes, jobParts, onFailure } = this.#parts;
    if (transport === undefined) {
      throw new InvalidOptionsError([
        { path: "transport", problem: "is missing: an outbox without a transport can enqueue, and cannot work" },
      ]);
    }
    const { closeTimeoutMs = transport.closeTimeoutMs ?? DEFAULT_CLOSE_TIMEOUT_MS } = settings;
    const own = settings.lanes ?? Object.keys(lanes);
    checkLanes("lanes", own, lanes);
    return new Worker({
      ...jobParts(transport.settlesAmbiguous === true),
      engine: engine as never,
      transport,
      lanes: Object.fromEntries(own.map((lane) => [lane, lanes[lane] as number])),
      concurrency: settings.concurrency ?? transport.preferredConcurrency ?? 16,
      sliceSize: settings.batchSize ?? Math.min(CHUNK_SIZE, transport.preferredBatchSize ?? 1),
      leaseMs: settings.leaseMs ?? DEFAULT_LEASE_MS,
      pollMs: settings.pollMs ?? DEFAULT_POLL_MS,
      attemptTimeoutMs: transport.retryPolicy.totalMs,
      closeTimeoutMs,
      untilIdle: settings.untilIdle ?? false,
      ...eventsOf(engine.name),
      onFailure,
    });
  }
}

/** Publishes what a worker does. */
function eventsOf(engine: string): Pick<WorkerParts, "onRecovered" | "onWritten" | "onLost" | "onHold"> {
  return {
    onRecovered: ({ claimed: { submission }, recovered }) =>
      publish("cloud-messaging:outbox-recover", () => ({ engine, id: submission.id, recipients: recovered })),
    onWritten: ({ claimed: { submission } }, settled) => {
      if (settled.length === 0) return;
      publish("cloud-messaging:outbox-settle", () => {
        const counts: Record<string, number> = {};
        for (const { outcome } of settled) counts[outcome.kind] = (counts[outcome.kind] ?? 0) + 1;
        return { engine, id: submission.id, counts };
      });
    },
    onLost: ({ claimed: { submission, chunk } }) =>
      publish("cloud-messaging:outbox-lease-lost", () => ({ engine, id: submission.id, chunk })),
    onHold: (change) => publish("cloud-messaging:outbox-hold", () => ({ engine, ...change })),
  };
}
