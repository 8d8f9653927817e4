import type { MaybePromise } from "../registrations/maybe-promise.ts";
import type { RegistrationStore } from "../registrations/registration-store.ts";
import { createManualClock, elapsedMs, type ManualClock, systemClock } from "../time/clock.ts";
import { type Command, randomCommands, randomFrom } from "./commands.ts";
import { SCRIPTS } from "./scripts.ts";
import { SINGLE_CASES } from "./single-cases.ts";
import { ContractBroken, StoreRun } from "./store-run.ts";

/** A registration store to be tested, fresh and empty. */
export interface StoreUnderTest {
  /** Handles of the one store, used in turn: where it can be, several that have a connection of their own each. At least one. */
  readonly stores: readonly RegistrationStore[];
  /** Called when the case is over. */
  close?(): MaybePromise<void>;
}

/** Options of `registrationStoreCases`. */
export interface RegistrationStoreCasesOptions {
  /** Creates an empty store that takes its time from this clock. Called several times by a case, never twice at once. */
  readonly create: (clock: ManualClock) => MaybePromise<StoreUnderTest>;
  /**
   * Number of random runs of calls one after another, and of runs with calls at once; each has a store of its own.
   * @defaultValue 100
   */
  readonly runs?: number;
  /**
   * Seed of the random runs: the same runs for the same seed.
   * @defaultValue 1
   */
  readonly seed?: number;
}

/** One case of the contract. */
export interface StoreCase {
  /** A sentence. */
  readonly name: string;
  /** Rejects with the difference to the contract, and the shortest calls found that show it. */
  run(): Promise<void>;
}

/** Calls of a random run. */
const RUN_LENGTH = 30;
/** Longest time spent on finding shorter calls that show the same. Unit: milliseconds. */
const MAX_SHRINK_MS = 10_000;

/**
 * Lists the cases that every registration store has to pass, for any test runner: vitest, jest, node:test. Calls are compared with a
 * model of the store, one after another and at once, from several senders; those of a random run that fails are shortened before they are
 * told.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { createMemoryRegistrationStore } from "@cloud-messaging/core";
 * import { registrationStoreCases } from "@cloud-messaging/core/testing";
 *
 * const cases = registrationStoreCases({ create: (clock) => ({ stores: [createMemoryRegistrationStore({ clock })] }) });
 * for (const { name, run } of cases) test(name, run);
 * ```
 */
export function registrationStoreCases({
  create,
  runs = 100,
  seed = 1,
}: RegistrationStoreCasesOptions): readonly StoreCase[] {
  async function withStore<T>(use: (under: StoreUnderTest, clock: ManualClock) => Promise<T>): Promise<T> {
    const clock = createManualClock();
    const under = await create(clock);
    try {
      return await use(under, clock);
    } finally {
      await under.close?.();
    }
  }

  const check = (commands: readonly Command[]): Promise<void> =>
    withStore(({ stores }, clock) => new StoreRun(stores, clock).run(commands));

  async function checkRandom(together: boolean): Promise<void> {
    for (let run = 0; run < runs; run++) {
      const commands = randomCommands(randomFrom(seed * 1_000_003 + run), RUN_LENGTH, together);
      try {
        await check(commands);
      } catch (error) {
        if (!(error instanceof ContractBroken)) throw error;
        throw await shortest(commands, error, check);
      }
    }
  }

  return [
    ...Object.entries(SCRIPTS).map(([name, commands]) => ({ name, run: () => check(commands) })),
    ...Object.entries(SINGLE_CASES).map(([name, use]) => ({
      name,
      run: () => withStore(({ stores }, clock) => use(stores, clock)),
    })),
    { name: "random calls, one after another, give what the model gives", run: () => checkRandom(false) },
    {
      name: "random calls, some at once, give what the model gives in one of their orders",
      run: () => checkRandom(true),
    },
  ];
}

/** Leaves out calls as long as the rest still fails. Returns the error of the shortest. */
async function shortest(
  commands: readonly Command[],
  first: ContractBroken,
  check: (commands: readonly Command[]) => Promise<void>,
): Promise<ContractBroken> {
  let failing = commands;
  let told = first;
  const begunAt = systemClock.monotonic();
  for (let size = Math.ceil(commands.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    // the first one gives the resolution that verdicts name
    for (let start = 1; start < failing.length && elapsedMs(systemClock, begunAt) < MAX_SHRINK_MS; ) {
      const fewer = [...failing.slice(0, start), ...failing.slice(start + size)];
      try {
        await check(fewer);
        start += size;
      } catch (error) {
        if (error instanceof ContractBroken && !(error.cause instanceof TypeError)) {
          failing = fewer;
          told = error;
        } else start += size;
      }
    }
  }
  return told;
}
