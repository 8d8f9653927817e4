import {
  type ClaimOperation,
  type EnqueueOperation,
  operationChannel,
  type TraceCarrier,
  traced,
} from "../operations.ts";
import type { ChunkJob } from "./chunk-job.ts";
import type { Settled } from "./codec.ts";
import type { Enqueued } from "./outbox.ts";

const enqueues = operationChannel("cloud-messaging:outbox-enqueue");
const claims = operationChannel("cloud-messaging:outbox-claim");

/** Bounds of a stored trace context: it is one small field of a record. */
const MAX_ENTRIES = 8;
const MAX_CHARS = 512;

/** Answer of an enqueue, with the number of recipients that it has stored. */
export type Stored = Enqueued & { readonly recipients: number };

/**
 * Makes a call that stores a message or campaign, and publishes it where somebody subscribes to it.
 *
 * @param store Makes the call; `trace` gives the trace context to store with it.
 */
export function tracedEnqueue(
  facts: Pick<EnqueueOperation, "engine" | "sendId" | "lane">,
  store: (trace: () => TraceCarrier | undefined) => Promise<Stored>,
): Promise<Stored> {
  if (!enqueues.hasSubscribers) return store(() => undefined);
  const operation: EnqueueOperation = { ...facts };
  const trace = (): TraceCarrier | undefined => bounded(operation.carrier);
  return traced(
    enqueues,
    operation,
    () => store(trace),
    (stored) => stored,
  );
}

function bounded(carrier: TraceCarrier | undefined): TraceCarrier | undefined {
  const entries = Object.entries(carrier ?? {}).filter(
    ([name, value]) => typeof value === "string" && name.length + value.length <= MAX_CHARS,
  );
  return entries.length === 0 ? undefined : Object.fromEntries(entries.slice(0, MAX_ENTRIES));
}

/** A claim that is published. */
export interface TracedClaim {
  /** Context object, the parent of the claim's attempts. */
  readonly operation: ClaimOperation;
  /** Counts outcomes that were recorded. */
  count(settled: readonly Settled[]): void;
  /** Publishes its end. */
  end(): void;
}

/** Begins to publish a claim; `undefined` where nobody subscribes to claims. */
export function traceClaim(engine: string, job: ChunkJob): TracedClaim | undefined {
  if (!claims.hasSubscribers) return undefined;
  const { submission, chunk, pending } = job.claimed;
  const counts: Record<string, number> = {};
  const operation: ClaimOperation = {
    engine,
    sendId: submission.id,
    lane: submission.lane,
    chunk,
    only: submission.sealed && submission.chunks === 1,
    recipients: pending,
    carrier: job.payload.trace,
    ageMs: Math.max(0, job.now() - Math.max(submission.createdAt, submission.sendAt ?? 0)),
  };
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  void traced(
    claims,
    operation,
    () => ended,
    () => counts,
  );
  return {
    operation,
    count(settled) {
      for (const { outcome } of settled) counts[outcome.kind] = (counts[outcome.kind] ?? 0) + 1;
    },
    end,
  };
}
