import { AbortedError } from "../errors.ts";
import type { UnregisteredOutcome } from "../outcome/outcome.ts";
import { AbortSignalSchema, ClockSchema, readOptions } from "../problems.ts";
import type { Sender } from "../sending/sender.ts";
import { type Clock, systemClock } from "../time/clock.ts";
import { paced } from "../time/paced.ts";
import * as z from "../zod.ts";
import type { Registration } from "./registration.ts";
import type { PageQuery, RegistrationQuery, RegistrationStore } from "./registration-store.ts";

/** Registrations read or removed in one call of the store. */
const PAGE = 1_000;

const storeSchema = z.custom<RegistrationStore>(
  (store) => typeof (store as Partial<RegistrationStore> | null | undefined)?.registrations === "function",
  "must be a registration store",
);
const DurationSchema = z.number().min(0, "must be at least 0");

/** Options of `audience`. */
export interface AudienceOptions {
  /** Registrations of this platform alone, exactly as it was registered. */
  readonly platform?: string;
  /** Registrations whose app was seen then or later. Milliseconds since the epoch. */
  readonly seenSince?: number;
}

const AudienceSchema = z.strictObject({
  store: storeSchema,
  platform: z.string().optional(),
  seenSince: z.number().optional(),
} satisfies Record<keyof AudienceOptions | "store", z.ZodType>);

/**
 * Reads all registrations of a store, for `sendAll`, in bounded memory, one page at a time. A registration that stays stored meanwhile is
 * read exactly once, even if the send itself replaces its token.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 *
 * @example
 * ```ts
 * import { audience, type RegistrationStore, type Sender } from "@cloud-messaging/core";
 *
 * declare const sender: Sender;
 * declare const store: RegistrationStore;
 * const everybody = audience(store, { platform: "android", seenSince: Date.now() - 30 * 86_400_000 });
 * for await (const { kind } of sender.sendAll({ notification: { title: "News" } }, everybody)) console.log(kind);
 * ```
 */
export function audience(
  store: RegistrationStore,
  options: AudienceOptions = {},
): AsyncGenerator<Registration, void, undefined> {
  readOptions(AudienceSchema, { store, ...options }, "an option of audience");
  return pages(store, options);
}

/** Options of `prune`. */
export interface PruneOptions {
  /**
   * Time since the app was last seen, after which a registration is removed. Unit: milliseconds. Google calls a token stale after a month, and
   * expires it after 270 days. Range: 0 or more.
   */
  readonly unseenForMs: number;
  /**
   * Reads what would be removed, and removes nothing.
   * @defaultValue `false`
   */
  readonly dryRun?: boolean;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
}

const PruneSchema = z.strictObject({
  store: storeSchema,
  unseenForMs: DurationSchema,
  dryRun: z.boolean().default(false),
  clock: ClockSchema.default(systemClock),
} satisfies Record<keyof PruneOptions | "store", z.ZodType>);

/**
 * Removes registrations whose app has not been seen for long, and yields each removed one. Removes one page at a time, so at most a page
 * more than the loop has read. A registration that is seen in the meantime stays.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 *
 * @example
 * ```ts
 * import { prune, type RegistrationStore } from "@cloud-messaging/core";
 *
 * declare const store: RegistrationStore;
 * for await (const { userId } of prune(store, { unseenForMs: 270 * 86_400_000 })) console.log(`${userId} was away too long`);
 * ```
 */
export function prune(store: RegistrationStore, options: PruneOptions): AsyncGenerator<Registration, void, undefined> {
  const { unseenForMs, dryRun, clock } = readOptions(PruneSchema, { store, ...options }, "an option of prune");
  const before = clock.now() - unseenForMs;
  return dryRun ? pages(store, { seenBefore: before }) : removals(store, before);
}

/** Options of `sweep`. */
export interface SweepOptions {
  /** Registrations of this platform alone, exactly as it was registered. */
  readonly platform?: string;
  /**
   * Minimum time since the app was last seen. Unit: milliseconds. Range: 0 or more.
   * @defaultValue `0`: all of them
   */
  readonly unseenForMs?: number;
  /**
   * Maximum number of tokens tested per second. Each counts towards the project's message quota (FCM: 600000 a minute). Range: above 0.
   * @defaultValue `500`
   */
  readonly tokensPerSec?: number;
  /** Ends the sweep with `AbortedError`. What was found is removed. */
  readonly signal?: AbortSignal;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
}

const SweepSchema = z.strictObject({
  store: storeSchema,
  platform: z.string().optional(),
  unseenForMs: DurationSchema.default(0),
  tokensPerSec: z.number().positive("must be above 0").default(500),
  signal: AbortSignalSchema.optional(),
  clock: ClockSchema.default(systemClock),
} satisfies Record<keyof SweepOptions | "store", z.ZodType>);

/**
 * Finds dead tokens without delivering anything: sends to each with `dryRun`. As after any send, the sender removes dead tokens from its
 * store, and stores canonical IDs.
 *
 * @param sender Sender whose `registrations` are the store.
 * @returns the outcomes of the dead tokens.
 * @throws {InvalidOptionsError} naming every wrong option.
 *
 * @example
 * ```ts
 * import { type RegistrationStore, type Sender, sweep } from "@cloud-messaging/core";
 *
 * declare const sender: Sender;
 * declare const store: RegistrationStore;
 * let dead = 0;
 * for await (const _ of sweep(sender, store, { unseenForMs: 30 * 86_400_000 })) dead++;
 * ```
 */
export function sweep(
  sender: Pick<Sender, "sendAll">,
  store: RegistrationStore,
  options: SweepOptions = {},
): AsyncGenerator<UnregisteredOutcome, void, undefined> {
  const read = readOptions(SweepSchema, { store, ...options }, "an option of sweep");
  const { platform, unseenForMs, tokensPerSec, signal, clock } = read;
  const seenBefore = unseenForMs === 0 ? undefined : clock.now() - unseenForMs;
  const tokens = paced(pages(store, { platform, seenBefore }), { perSec: tokensPerSec, clock, signal });
  return dead(sender, tokens, signal);
}

async function* pages(
  store: RegistrationStore,
  conditions: Omit<RegistrationQuery, keyof PageQuery>,
): AsyncGenerator<Registration, void, undefined> {
  let after: string | undefined;
  do {
    const page = await store.registrations({ ...conditions, limit: PAGE, after });
    yield* page.registrations;
    after = page.next;
  } while (after !== undefined);
}

async function* removals(store: RegistrationStore, before: number): AsyncGenerator<Registration, void, undefined> {
  for (;;) {
    const { removed, more } = await store.removeUnseen({ before, limit: PAGE });
    yield* removed;
    if (!more) return;
  }
}

async function* dead(
  sender: Pick<Sender, "sendAll">,
  tokens: AsyncIterable<Registration>,
  signal: AbortSignal | undefined,
): AsyncGenerator<UnregisteredOutcome, void, undefined> {
  const outcomes = sender.sendAll({ dryRun: true }, tokens, signal === undefined ? {} : { signal });
  for await (const outcome of outcomes) if (outcome.kind === "unregistered") yield outcome;
  // a loop over sendAll ends without an error: a sweep that was broken off must not pass for a whole one
  if (signal?.aborted) throw new AbortedError("The sweep", signal.reason, "it was through");
}
