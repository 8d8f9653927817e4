import { type Clock, wait } from "../time/clock.ts";
import { nextTurn } from "../time/next-turn.ts";
import type { ChunkJob } from "./chunk-job.ts";
import type { Settled } from "./codec.ts";
import type { OutboxEngine } from "./engine.ts";

/** First and longest wait before a write that failed is made again. Unit: milliseconds. */
const RETRY_MS = { first: 100, longest: 5_000 };

/** Parts of a writer. */
export interface WriterParts {
  readonly engine: Pick<OutboxEngine, "write">;
  readonly clock: Clock;
  /** Aborts when writes that fail are to be given up. */
  readonly giveUp: AbortSignal;
  /** Takes note of what was written. */
  onWritten(job: ChunkJob, settled: readonly Settled[]): void;
  onFailure(operation: "write", error: unknown): void;
}

/** Writes chunks, many in one call of the engine, and again until the engine takes them. */
export class Writer {
  readonly #parts: WriterParts;
  #queued = new Map<ChunkJob, { release: boolean; readonly waiting: (() => void)[] }>();
  #flushing = false;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /**
   * Writes a chunk as it stands when its turn comes. Resolves when it is durable, and the job has the status of its lease; `lost` where the
   * writes were given up.
   */
  write(job: ChunkJob, release: boolean): Promise<void> {
    return new Promise((resolve) => {
      const queued = this.#queued.get(job);
      if (queued === undefined) this.#queued.set(job, { release, waiting: [resolve] });
      else {
        queued.release ||= release;
        queued.waiting.push(resolve);
      }
      if (this.#flushing) return;
      this.#flushing = true;
      // what this turn of the event loop still brings goes with it
      nextTurn(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    while (this.#queued.size > 0) {
      const writes = this.#takeQueued();
      const statuses = writes.length === 0 ? [] : await this.#persist(writes.map(({ update }) => update));
      for (const [index, { job, settled, waiting }] of writes.entries()) {
        job.status = statuses?.[index] ?? "lost";
        if (job.status !== "lost") this.#parts.onWritten(job, settled);
        for (const resolve of waiting) resolve();
      }
    }
    this.#flushing = false;
  }

  /**
   * Makes the updates of what is queued. A chunk whose outcomes cannot be encoded is left alone, as if its lease were lost: its marks are
   * stored, and the next worker finds its recipients in doubt. The others go on.
   */
  #takeQueued() {
    const batch = [...this.#queued];
    this.#queued = new Map();
    return batch.flatMap(([job, { release, waiting }]) => {
      try {
        return [{ job, waiting, ...job.update(release) }];
      } catch (error) {
        this.#parts.onFailure("write", error);
        job.status = "lost";
        for (const resolve of waiting) resolve();
        return [];
      }
    });
  }

  /** The same updates again until the engine has taken them: their revisions keep them from being counted twice. */
  async #persist(updates: Parameters<OutboxEngine["write"]>[0]) {
    const { engine, clock, giveUp } = this.#parts;
    for (let waitMs = RETRY_MS.first; ; waitMs = Math.min(2 * waitMs, RETRY_MS.longest)) {
      try {
        return await engine.write(updates);
      } catch (error) {
        this.#parts.onFailure("write", error);
        if (!(await wait(clock, waitMs, giveUp))) return undefined;
      }
    }
  }
}
