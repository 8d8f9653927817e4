import { AbortSignalSchema, ClockSchema, readOptions } from "../problems.ts";
import { onAbort, untilAborted } from "../time/abort.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import * as z from "../zod.ts";
import type { RegistrationChange } from "./registration.ts";
import type { RegistrationStore } from "./registration-store.ts";

/** Options of `followChanges`. */
export interface FollowChangesOptions {
  /**
   * Cursor of the last change that was processed. `"oldest"`: all changes that are kept. `"newest"`: changes from the first read on.
   * @defaultValue `"newest"`
   */
  readonly from?: string;
  /**
   * Poll interval while there is nothing new. Unit: milliseconds. Range: above 0.
   * @defaultValue `1000`; `30000` where the store wakes its readers
   */
  readonly pollMs?: number;
  /** Ends the loop, without an error. */
  readonly signal?: AbortSignal;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
}

const OptionsSchema = z.strictObject({
  store: z.custom<RegistrationStore>(
    (store) => typeof (store as Partial<RegistrationStore> | null | undefined)?.changes === "function",
    "must be a registration store",
  ),
  from: z.string().default("newest"),
  pollMs: z.number().positive("must be above 0").optional(),
  signal: AbortSignalSchema.optional(),
  clock: ClockSchema.default(systemClock),
} satisfies Record<keyof FollowChangesOptions | "store", z.ZodType>);

/** Changes read in one call of the store. */
const PAGE = 500;

/**
 * Follows the change feed of a store: yields each change once, in order, and waits for the next. A process that stores the `cursor` of the
 * last change it processed continues from there after a restart; the change that it was processing may then be yielded again.
 *
 * @throws {InvalidOptionsError} naming every wrong option, at once.
 * @throws {ChangesLostError} in the loop: changes after `from` are no longer kept.
 * @throws {ClosedError} in the loop: the store was closed.
 *
 * @example
 * ```ts
 * import { followChanges, type RegistrationStore } from "@cloud-messaging/core";
 *
 * declare const store: RegistrationStore;
 * declare function load(): Promise<string | undefined>;
 * declare function save(cursor: string): Promise<void>;
 * for await (const change of followChanges(store, { from: (await load()) ?? "oldest" })) {
 *   if (change.type === "removed") console.log(change.userIds, change.reason);
 *   await save(change.cursor);
 * }
 * ```
 */
export function followChanges(
  store: RegistrationStore,
  options: FollowChangesOptions = {},
): AsyncGenerator<RegistrationChange, void, undefined> {
  const read = readOptions(OptionsSchema, { store, ...options }, "an option of followChanges");
  const { from, pollMs = store.watch === undefined ? 1_000 : 30_000, signal, clock } = read;
  return follow(store, from, pollMs, signal, clock);
}

async function* follow(
  store: RegistrationStore,
  from: string,
  pollMs: number,
  signal: AbortSignal | undefined,
  clock: Clock,
): AsyncGenerator<RegistrationChange, void, undefined> {
  let woken = false;
  let wake = (): void => undefined;
  const unwatch = store.watch?.(() => {
    woken = true;
    wake();
  });
  const forget = onAbort(signal, () => wake());
  let cursor = from;
  try {
    while (!signal?.aborted) {
      woken = false;
      const page = await untilAborted(store.changes({ from: cursor, limit: PAGE }), signal);
      if (page === undefined) return;
      cursor = page.cursor;
      for (const change of page.changes) {
        if (signal?.aborted) return;
        yield change;
      }
      if (page.changes.length > 0 || woken || signal?.aborted) continue;
      await new Promise<void>((resolve) => {
        const cancel = clock.schedule(pollMs, resolve);
        wake = () => {
          cancel();
          resolve();
        };
      });
    }
  } finally {
    forget();
    unwatch?.();
  }
}
