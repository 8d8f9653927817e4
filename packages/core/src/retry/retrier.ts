import { onAbort } from "../time/abort.ts";
import { Attempts } from "./attempts.ts";
import { isUnsettled } from "./disposition.ts";
import type { CallResult, RetriedCall, RetrierParts } from "./retried-call.ts";

/** Makes further attempts, over any call. */
export interface Retrier {
  /** Makes attempts until every recipient has its final result. Resolves with one for each, by position. */
  run<T extends { readonly kind: string }>(call: RetriedCall<T>): Promise<CallResult<T>[]>;
  /** The same after a first attempt that was made already. */
  resume<T extends { readonly kind: string }>(
    call: RetriedCall<T>,
    first: readonly CallResult<T>[],
  ): Promise<CallResult<T>[]>;
  /** Ends the waits: no further attempt begins, and each recipient keeps its latest result. */
  end(): void;
}

/**
 * Creates a retrier: the one owner of second attempts, for sends and any other call.
 *
 * @example
 * ```ts
 * import type { BackoffPolicy } from "@cloud-messaging/core";
 * import { type CallResult, createRetrier, plusMs, systemClock } from "@cloud-messaging/core/transport";
 *
 * declare const policy: BackoffPolicy;
 * declare function subscribeTo(topic: string): Promise<CallResult<{ readonly kind: "subscribed" }>>;
 * const topics = ["news", "sports"];
 * const retrier = createRetrier({ name: "topics", policy, clock: systemClock, random: Math.random });
 * const results = await retrier.run<{ readonly kind: "subscribed" }>({
 *   recipients: topics.length,
 *   resend: true,
 *   deadline: plusMs(systemClock.monotonic(), policy.totalMs),
 *   attempt: (positions) => Promise.all(positions.map((position) => subscribeTo(topics[position] ?? ""))),
 * });
 * ```
 */
export function createRetrier(parts: RetrierParts): Retrier {
  const underWay = new Set<() => void>();
  let ended = false;

  async function resume<T extends { readonly kind: string }>(
    call: RetriedCall<T>,
    first: readonly CallResult<T>[],
  ): Promise<CallResult<T>[]> {
    const attempts = new Attempts(parts, call, first);
    const end = (): void => attempts.end();
    const forget = (call.signals ?? []).map((signal) => onAbort(signal, end));
    underWay.add(end);
    if (ended) end();
    try {
      return await attempts.run();
    } finally {
      underWay.delete(end);
      for (const stop of forget) stop();
    }
  }

  return {
    async run(call) {
      const positions = Array.from({ length: call.recipients }, (_, position) => position);
      const first = await call.attempt(
        positions,
        (position, result) => {
          if (!isUnsettled(result)) call.onResult?.(position, result);
        },
        1,
      );
      return first.some(isUnsettled) ? resume(call, first) : [...first];
    },
    resume,
    end() {
      ended = true;
      for (const end of underWay) end();
    },
  };
}
