import type { HealthError, OutboxHealth } from "../health.ts";
import { describeError } from "../outcome/describe-error.ts";
import { type Clock, wait } from "../time/clock.ts";
import type { Backlog, OutboxEngine } from "./engine.ts";

/** Longest wait for the engine's answer. Unit: milliseconds. */
const ANSWER_MS = 5_000;

/** Facts of an outbox that its health depends on. */
export interface OutboxHealthParts {
  readonly engine: Pick<OutboxEngine, "name" | "backlog">;
  readonly clock: Clock;
  readonly maxBacklog: number;
  isClosed(): boolean;
}

/** Health of an outbox: asks the engine for its backlog. */
export class OutboxHealthCheck {
  readonly kind = "outbox";
  readonly #parts: OutboxHealthParts;
  #lastError: HealthError | undefined;

  constructor(parts: OutboxHealthParts) {
    this.#parts = parts;
  }

  /** Takes note of an operation of the engine that has failed. */
  failed(operation: string, error: unknown): void {
    this.#lastError = { code: operation, detail: describeError(error), at: this.#parts.clock.now() };
  }

  async health(): Promise<OutboxHealth> {
    const { engine, maxBacklog, isClosed } = this.#parts;
    const read = isClosed() ? "the outbox is closed" : await this.#read();
    const { recipients, lanes, oldestDueMs }: Backlog = typeof read === "string" ? { recipients: 0, lanes: {} } : read;
    const isFull = recipients >= maxBacklog;
    const reason = typeof read === "string" ? read : isFull ? `the backlog has its limit, ${maxBacklog}` : undefined;
    return {
      engine: engine.name,
      ready: reason === undefined,
      ...(reason === undefined ? {} : { reason }),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
      backlog: recipients,
      lanes,
      ...(oldestDueMs === undefined ? {} : { oldestDueMs }),
    };
  }

  /** The backlog, or the reason why it cannot be read. */
  async #read(): Promise<Backlog | string> {
    const { engine, clock } = this.#parts;
    const answered = new AbortController();
    const late = wait(clock, ANSWER_MS, answered.signal).then(() => `the engine did not answer within ${ANSWER_MS} ms`);
    try {
      return await Promise.race([engine.backlog(), late]);
    } catch (error) {
      this.failed("backlog", error);
      return `the engine has failed: ${describeError(error)}`;
    } finally {
      answered.abort();
    }
  }
}
