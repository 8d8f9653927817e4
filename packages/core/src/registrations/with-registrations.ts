import { InvalidOptionsError } from "../errors.ts";
import { publish } from "../events.ts";
import type { DownstreamMessage } from "../message/downstream.ts";
import { type InstallationId, isFid } from "../message/fid.ts";
import { tokensOf } from "../message/target.ts";
import type { RegistrationToken } from "../message/token.ts";
import { nameOfError } from "../outcome/describe-error.ts";
import type { SendReport } from "../outcome/outcome.ts";
import { ClockSchema, readOptions } from "../problems.ts";
import type { AttemptOptions, DownstreamTransport } from "../sending/downstream-transport.ts";
import { checkTransport, traitsOf } from "../sending/traits.ts";
import { type Clock, systemClock, timeLeftMs } from "../time/clock.ts";
import { type MonotonicInstant, plusMs } from "../time/monotonic.ts";
import * as z from "../zod.ts";
import { applyReport } from "./apply-report.ts";
import { isPromiseLike, type MaybePromise } from "./maybe-promise.ts";
import { SuspectRemovalSchema } from "./read-registration.ts";
import type { SuspectRemoval } from "./registration.ts";
import { NOT_STORED } from "./registration-columns.ts";
import type { RegistrationStore, Resolution } from "./registration-store.ts";
import { askStore, awaitTold, resolvedProblem, STORE_TIMEOUT_MS, storeProblem } from "./store-access.ts";
import { type Substitution, substitute } from "./substitution.ts";

const OptionsSchema = z.strictObject({
  suspects: SuspectRemovalSchema.optional(),
  clock: ClockSchema.default(systemClock),
});

/** Options of `withRegistrations`. */
export interface RegistrationsOptions {
  /**
   * Policy for suspects.
   * @defaultValue they are reported and stay
   */
  readonly suspects?: SuspectRemoval | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
}

/**
 * Adds a registration store to a transport: asks it for canonical IDs, sends to each device once, names the recipients of the report as
 * the caller did, and stores rewrites, removals and suspicions. Goes around `withRetry`, so that the store is asked and told once per
 * send. Beside what the transport does, `send` rejects with `RegistrationStoreError` when the store cannot be asked, with `AbortedError`
 * and `ClosedError` while it is being asked; nothing is sent then. A store that fails to take a report is told by `storeError` of it.
 *
 * @throws {InvalidOptionsError} the store lacks a method, the transport is none, or an option is wrong.
 *
 * @example
 * ```ts
 * import { createMemoryRegistrationStore } from "@cloud-messaging/core";
 * import { type DownstreamTransport, withRegistrations, withRetry } from "@cloud-messaging/core/transport";
 *
 * declare const transport: DownstreamTransport;
 * const store = createMemoryRegistrationStore();
 * const sending = withRegistrations(withRetry(transport), store);
 * ```
 */
export function withRegistrations(
  transport: DownstreamTransport,
  store: RegistrationStore,
  options: RegistrationsOptions = {},
): DownstreamTransport {
  checkTransport(transport);
  const { clock, suspects } = readOptions(OptionsSchema, options, "an option of withRegistrations");
  const problem = storeProblem(store);
  if (problem !== undefined) throw new InvalidOptionsError([{ path: "store", problem }]);
  const sender = transport.sender ?? transport.name;
  const asking = new AbortController();
  const telling = new AbortController();
  let pending = 0;
  let closing: Promise<void> | undefined;
  let onIdle: (() => void) | undefined;

  function sendTo(
    message: DownstreamMessage,
    given: readonly RegistrationToken[],
    resolution: Resolution,
    attempt: AttemptOptions,
    deadline: MonotonicInstant,
  ): Promise<SendReport> {
    const known = resolution.tokens === given ? resolution : withoutForeignIds(transport, given, resolution);
    const substitution = substitute(message, given, known.tokens);
    const sentWith =
      substitution === undefined ? known : { tokens: substitution.tokens, states: substitution.pick(known.states) };
    const sent =
      substitution === undefined
        ? transport.send(message, attempt)
        : transport.send(substitution.message, substituted(substitution, attempt));
    return sent.then((report) => {
      const told = tellStore(report, sentWith, message.dryRun === true, timeLeftMs(clock, deadline));
      if (substitution === undefined) return told;
      return isPromiseLike(told) ? told.then(substitution.restore) : substitution.restore(told);
    });
  }

  function tellStore(
    report: SendReport,
    resolution: Resolution,
    dryRun: boolean,
    withinMs: number,
  ): MaybePromise<SendReport> {
    const failed = (storeError: unknown): SendReport => {
      publish("cloud-messaging:notice", () => ({
        transport: transport.name,
        notice: "registration-store-failed",
        detail: nameOfError(storeError),
      }));
      return { ...report, storeError };
    };
    try {
      const stored = applyReport(report, store, resolution, { sender, suspects, dryRun, clock });
      return isPromiseLike(stored)
        ? awaitTold(stored, clock, withinMs, telling.signal).then(() => report, failed)
        : report;
    } catch (storeError) {
      return failed(storeError);
    }
  }

  function leave(): void {
    pending--;
    if (pending === 0) onIdle?.();
  }
  const leaveWith = (report: SendReport): SendReport => {
    leave();
    return report;
  };
  const failWith = (error: unknown): never => {
    leave();
    throw error;
  };

  async function end(): Promise<void> {
    // whoever still asks the store could send nothing any more
    asking.abort();
    const giveUp = clock.schedule(transport.closeTimeoutMs ?? STORE_TIMEOUT_MS, () => telling.abort());
    await transport.close();
    if (pending > 0) {
      await new Promise<void>((resolve) => {
        onIdle = resolve;
      });
    }
    giveUp();
  }

  const registered: DownstreamTransport = {
    ...traitsOf(transport),
    check: (message) => transport.check?.(message),
    send(message, attempt = {}) {
      const given = tokensOf(message.target);
      if (given === undefined) return transport.send(message, attempt);
      pending++;
      try {
        const { signal } = attempt;
        const deadline = attempt.deadline ?? plusMs(clock.monotonic(), transport.retryPolicy.totalMs);
        const asked =
          attempt.resolution ??
          askStore(
            () => store.resolve(given),
            resolvedProblem(given),
            () => ({ clock, withinMs: timeLeftMs(clock, deadline), signal, closing: asking.signal }),
          );
        const sent = isPromiseLike(asked)
          ? asked.then((resolution) => sendTo(message, given, resolution, attempt, deadline))
          : sendTo(message, given, asked, attempt, deadline);
        return sent.then(leaveWith, failWith);
      } catch (error) {
        leave();
        return Promise.reject(error);
      }
    },
    close() {
      closing ??= end();
      return closing;
    },
    [Symbol.asyncDispose]: () => registered.close(),
  };
  return registered;
}

/** The options of an attempt for the tokens that are really sent to. */
function substituted(substitution: Substitution, attempt: AttemptOptions): AttemptOptions {
  const { messageIds, onOutcome } = attempt;
  return {
    ...attempt,
    messageIds: messageIds === undefined ? undefined : substitution.pick(messageIds),
    onOutcome: onOutcome === undefined ? undefined : substitution.restoreTo(onOutcome),
  };
}

/**
 * Sends by the token where the service knows no installation IDs, also where the app has reported its ID since. What the service says of
 * such a token proves nothing about the ID, which is in use: the token counts as one that is not stored.
 */
function withoutForeignIds(
  transport: DownstreamTransport,
  given: readonly RegistrationToken[],
  resolved: Resolution,
): Resolution {
  const isNew = (token: RegistrationToken, position: number): token is InstallationId =>
    token !== given[position] && isFid(token);
  const fid = resolved.tokens.find(isNew);
  if (fid === undefined) return resolved;
  try {
    transport.check?.({ target: { fid } });
    return resolved;
  } catch {
    return {
      tokens: resolved.tokens.map((token, position) => (isNew(token, position) ? (given[position] ?? token) : token)),
      states: resolved.states.map((state, position) =>
        isNew(resolved.tokens[position] as RegistrationToken, position) ? NOT_STORED : state,
      ),
    };
  }
}
