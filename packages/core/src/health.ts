import { processWide } from "./environment/process-wide.ts";
import { type ErrorCode, errorRow, type Verdict } from "./outcome/error-code.ts";
import type { RecipientOutcome } from "./outcome/outcome.ts";
import { type Clock, elapsedMs } from "./time/clock.ts";
import type { MonotonicInstant } from "./time/monotonic.ts";

/** Latest failure of a sender or outbox. */
export interface HealthError {
  /** Error code of the outcome; of an outbox, the operation of the engine. */
  readonly code?: string;
  /** Description, without tokens and keys. */
  readonly detail?: string;
  /** Time of the failure, where it is known. Milliseconds since the epoch. */
  readonly at?: number;
}

/** State of a sender, client or outbox, as plain data, for health checks. */
export interface Health {
  /** True if messages can be taken and sent, as far as is known without a request. */
  readonly ready: boolean;
  /** Reason why it is not ready. Absent where it is. */
  readonly reason?: string;
  /** Latest failure; of a sender, until a send has been answered. */
  readonly lastError?: HealthError;
  /** Sends that are not settled; of an outbox, recipients. */
  readonly backlog: number;
}

/** State of one CCS connection. */
export interface ConnectionHealth {
  readonly id: number;
  readonly phase: string;
  /** Number of messages written and not answered. */
  readonly pending: number;
  /** Time to the answer of the latest ping. Unit: milliseconds. Absent before the first. */
  readonly roundTripMs?: number;
}

/** State of the quota of an FCM project, shared by its senders in a process. */
export interface QuotaHealth {
  readonly project: string;
  /** Rate limit. Unit: messages per minute. */
  readonly perMinute: number;
  /** Permits that are free now: at most those of one second. */
  readonly left: number;
  /** Number of messages that wait for a permit. */
  readonly waiting: number;
}

/** State of a transport, as far as it is more than that of its sends. */
export interface TransportHealth extends Pick<Health, "ready" | "reason" | "lastError"> {
  /** Number of messages that wait for a place in a window. CCS. */
  readonly waiting?: number;
  /** Connections that have not ended. CCS. */
  readonly connections?: readonly ConnectionHealth[];
  /** FCM HTTP v1. */
  readonly quota?: QuotaHealth;
}

/** State of a sender or CCS client. */
export interface SenderHealth extends Health, TransportHealth {
  readonly transport: string;
}

/** State of an outbox. */
export interface OutboxHealth extends Health {
  readonly engine: string;
  /** Number of unsettled recipients by lane. */
  readonly lanes: Readonly<Record<string, number>>;
  /**
   * Time since the earliest work that no worker has claimed was due, by lane; lanes in which nothing is due are absent. Absent for an engine
   * that does not tell it, BullMQ's, and where the backlog cannot be read. Unit: milliseconds.
   */
  readonly oldestDueMs?: Readonly<Record<string, number>>;
}

/** A sender or outbox of this process that can be asked for its health. */
export type HealthSource =
  | { readonly kind: "sender"; health(): SenderHealth }
  | { readonly kind: "outbox"; health(): Promise<OutboxHealth> };

// weak: one that nobody closes is not kept by this
const sources = processWide("core/health/1", () => new Set<WeakRef<HealthSource>>());

/**
 * Adds a sender or outbox to those of the process. It is held weakly: the caller keeps `source`.
 *
 * @returns Function that removes it.
 */
export function addHealthSource(source: HealthSource): () => void {
  const reference = new WeakRef(source);
  sources.add(reference);
  return () => void sources.delete(reference);
}

/** Lists the senders and outboxes of the process that are not closed, for gauges. */
export function healthSources(): readonly HealthSource[] {
  const found: HealthSource[] = [];
  for (const reference of sources) {
    const source = reference.deref();
    if (source === undefined) sources.delete(reference);
    else found.push(source);
  }
  return found;
}

/** Time for which a refusal of the credentials makes a sender not ready: after it, the next send finds out. Unit: milliseconds. */
const REFUSED_FOR_MS = 60_000;
/** Codes that say something about the call, and nothing about the service. */
const LOCAL: ReadonlySet<ErrorCode> = new Set(["aborted", "closed", "cancelled", "expired"]);
/** Verdicts on the service or the credentials; every other is an answer about a message. */
const FAILURES: ReadonlySet<Verdict> = new Set(["retry", "back-off", "fix-credentials"]);

/** Latest failure of a sender's sends. */
export class LatestFailure {
  readonly #clock: Clock;
  #latest: { readonly code: ErrorCode; readonly detail?: string; readonly at: number } | undefined;
  #since: MonotonicInstant | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of an outcome: a failure of the service or the credentials, or an answer that ends it. */
  note(outcome: RecipientOutcome | undefined): void {
    if (outcome === undefined) return;
    const code = "code" in outcome ? outcome.code : undefined;
    if (code !== undefined && LOCAL.has(code)) return;
    if (code === undefined || !FAILURES.has(errorRow(code).verdict)) {
      this.#latest = undefined;
      return;
    }
    const detail = "detail" in outcome ? outcome.detail : undefined;
    this.#latest = { code, at: this.#clock.now(), ...(detail === undefined ? {} : { detail }) };
    this.#since = this.#clock.monotonic();
  }

  /** The failure; `undefined` where the latest send was answered. */
  get lastError(): HealthError | undefined {
    return this.#latest;
  }

  /** Reason why the sender is not ready; `undefined` where it is. */
  get reason(): string | undefined {
    if (this.#latest === undefined || this.#since === undefined) return undefined;
    if (errorRow(this.#latest.code).verdict !== "fix-credentials") return undefined;
    if (elapsedMs(this.#clock, this.#since) >= REFUSED_FOR_MS) return undefined;
    return `the credentials are refused: ${this.#latest.code}`;
  }
}
