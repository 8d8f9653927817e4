import pRetry from "p-retry";
import { InvalidOptionsError } from "../errors.ts";
import { publish } from "../events.ts";
import type { DownstreamMessage } from "../message/downstream.ts";
import { type Target, tokensOf } from "../message/target.ts";
import { type ErrorCode, errorRow } from "../outcome/error-code.ts";
import {
  type AmbiguousOutcome,
  type RecipientOutcome,
  type RetryableOutcome,
  type SendReport,
  withUnansweredCopies,
} from "../outcome/outcome.ts";
import type { AmbiguousPolicy, AttemptOptions, DownstreamTransport } from "../sending/downstream-transport.ts";
import { createMessageIds } from "../sending/message-id.ts";
import { onAbort } from "../time/abort.ts";
import { type Clock, clockProblem, type Random, systemClock, timeLeftMs } from "../time/clock.ts";
import { type MonotonicInstant, plusMs } from "../time/monotonic.ts";
import { type BackoffPolicy, nextDelayMs } from "./backoff.ts";
import { lifeEndsAt } from "./lifetime.ts";
import { resolvePolicy } from "./retry-policy.ts";

/** How `withRetry` tries again. What is left out is as the transport's service wants it. */
export interface RetryOptions extends Partial<BackoffPolicy> {
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
  /** @defaultValue `Math.random` */
  readonly random?: Random;
}

/** `"resend"` for tokens; `"report"` for topics, conditions and groups, where a repeat reaches everybody. */
export function defaultAmbiguousPolicy(target: Target): AmbiguousPolicy {
  return tokensOf(target) === undefined ? "report" : "resend";
}

/**
 * The one owner of second attempts, over any transport. Sends again only to recipients whose outcome is `retryable` or, with
 * `ambiguous: "resend"`, `ambiguous`; waits as `nextDelayMs` says, recipients over their rate apart from the others; merges the
 * answers by position. Ends with attempts, time, the signal or `close()`, and then each recipient keeps the last thing known of it.
 *
 * A Retry-After that would pass the deadline is not waited for: the outcome says in `retryAt` when to try again.
 *
 * @throws {InvalidOptionsError} the transport has retries already, or a number is out of range.
 */
export function withRetry(transport: DownstreamTransport, options: RetryOptions = {}): DownstreamTransport {
  if (transport.retries) {
    throw new InvalidOptionsError([
      { path: "transport", problem: "already has retries: two owners of second attempts would multiply them" },
    ]);
  }
  const { clock = systemClock, random = Math.random, ...overrides } = options;
  const unusable = clockProblem(clock);
  if (unusable !== undefined) throw new InvalidOptionsError([{ path: "clock", problem: unusable }]);
  const policy = resolvePolicy(transport.retryPolicy, overrides);
  const nextSendId = createMessageIds(random);
  const underWay = new Set<() => void>();
  let closed = false;

  async function retry(
    message: DownstreamMessage,
    options: BoundedAttempt,
    resend: boolean,
    first: SendReport,
  ): Promise<SendReport> {
    const retries = new Retries({ transport, policy, clock, random }, message, options, resend, first);
    const end = (): void => retries.end();
    const forget = [onAbort(options.signal, end), onAbort(options.retryUntil, end)];
    underWay.add(end);
    if (closed) end();
    try {
      return await retries.run();
    } finally {
      underWay.delete(end);
      for (const stop of forget) stop();
    }
  }

  const retrying: DownstreamTransport = {
    name: transport.name,
    retryPolicy: policy,
    retries: true,
    ...(transport.usesMessageIds ? { usesMessageIds: true } : {}),
    ...(transport.settlesAmbiguous ? { settlesAmbiguous: true } : {}),
    ...(transport.preferredBatchSize === undefined ? {} : { preferredBatchSize: transport.preferredBatchSize }),
    ...(transport.preferredConcurrency === undefined ? {} : { preferredConcurrency: transport.preferredConcurrency }),
    check: (message) => transport.check?.(message),
    send(message, attempt = {}) {
      const options = isBounded(attempt)
        ? attempt
        : {
            ...attempt,
            deadline: attempt.deadline ?? plusMs(clock.monotonic(), policy.totalMs),
            sendId: attempt.sendId ?? nextSendId(),
            maxResends: policy.maxResends,
          };
      // no async function here: what it would hold is held once per pending message, and nearly every send ends with its first answer
      return transport.send(message, options).then((first) => {
        const resend = (options.ambiguous ?? defaultAmbiguousPolicy(message.target)) === "resend";
        const isSettled = (outcome: RecipientOutcome): boolean =>
          outcome.kind !== "retryable" && !wantsAnother(outcome, resend, transport);
        return first.outcomes.every(isSettled) ? first : retry(message, options, resend, first);
      });
    },
    close() {
      closed = true;
      for (const end of underWay) end();
      return transport.close();
    },
    [Symbol.asyncDispose]: () => retrying.close(),
  };
  return retrying;
}

/** What every attempt of `withRetry` is told. */
type BoundedAttempt = AttemptOptions & { readonly deadline: MonotonicInstant; readonly sendId: string };

function isBounded(options: AttemptOptions): options is BoundedAttempt {
  return options.deadline !== undefined && options.sendId !== undefined;
}

// an attempt that the caller's signal or close() ended before anything was written is no answer of the service
const NOT_MADE: ReadonlySet<ErrorCode> = new Set(["aborted", "closed"]);

function wantsAnother(outcome: RecipientOutcome, resend: boolean, transport: DownstreamTransport): boolean {
  if (outcome.kind === "retryable") return !NOT_MADE.has(outcome.code);
  if (outcome.kind !== "ambiguous" || !resend || outcome.answered || NOT_MADE.has(outcome.code)) return false;
  return outcome.refused || !transport.settlesAmbiguous;
}

interface Parts {
  readonly transport: DownstreamTransport;
  readonly policy: BackoffPolicy;
  readonly clock: Clock;
  readonly random: Random;
}

/** Positions that are sent to again together: the same number of attempts, the same wait. */
interface Batch {
  readonly positions: readonly number[];
  /** Attempts made for each of them so far. */
  readonly attempts: number;
  readonly dueAt: MonotonicInstant;
}

type Unsettled = RetryableOutcome | AmbiguousOutcome;

/** What is thrown at p-retry while somebody is still waited for. */
class StillPending extends Error {}

/** One send from its second attempt on. */
class Retries {
  readonly #parts: Parts;
  readonly #message: DownstreamMessage;
  readonly #options: BoundedAttempt;
  readonly #resend: boolean;
  readonly #outcomes: RecipientOutcome[];
  /** Copies that were written and never answered, by position; none of a transport that counts them itself. */
  readonly #unanswered = new Map<number, number>();
  /** Positions whose outcome no further attempt changes. */
  readonly #settled = new Set<number>();
  /** Ends the waits under way. */
  readonly #waits = new Set<() => void>();
  #ended = false;

  constructor(parts: Parts, message: DownstreamMessage, options: BoundedAttempt, resend: boolean, first: SendReport) {
    this.#parts = parts;
    this.#message = message;
    this.#options = options;
    this.#resend = resend;
    this.#outcomes = [...first.outcomes];
  }

  async run(): Promise<SendReport> {
    await this.#pursue(
      this.#plan(
        this.#outcomes.map((_, position) => position),
        1,
      ),
    );
    return { outcomes: this.#outcomes.map((outcome, position) => this.#lastWord(outcome, position)) };
  }

  /** Adds what is known of all attempts together to the outcome of the latest. */
  #lastWord(outcome: RecipientOutcome, position: number): RecipientOutcome {
    const unanswered = this.#unanswered.get(position) ?? 0;
    if (outcome.kind === "ambiguous") return withUnansweredCopies(outcome, unanswered - 1);
    if (outcome.kind === "retryable") {
      if (unanswered === 0) {
        // nothing came of it on our side, and nothing says to wait
        return outcome.retryAt === undefined ? { ...outcome, retryAt: this.#wallTimeOf(this.#now()) } : outcome;
      }
      // the last copy was not accepted, an earlier one may have been: what is not known must not read as known
      const { retryAfterMs: _, retryAt: __, ...rest } = outcome;
      return withUnansweredCopies({ ...rest, kind: "ambiguous" }, unanswered);
    }
    if (outcome.kind === "rejected" && outcome.code === "expired" && unanswered > 0) {
      const { group: _, ...rest } = outcome;
      return withUnansweredCopies({ ...rest, kind: "ambiguous" }, unanswered);
    }
    return withUnansweredCopies(outcome, unanswered);
  }

  #now(): MonotonicInstant {
    return this.#parts.clock.monotonic();
  }

  #wallTimeOf(instant: MonotonicInstant): number {
    const { clock } = this.#parts;
    return Math.round(clock.now() + timeLeftMs(clock, instant));
  }

  /** No further attempt begins; what is waited for keeps the last thing known of it. */
  end(): void {
    this.#ended = true;
    for (const wake of this.#waits) wake();
  }

  /** Batches go their own ways: one that waits long, or whose attempt takes long, holds up no other. */
  async #pursue(batches: readonly Batch[]): Promise<void> {
    await Promise.all(batches.map((batch) => this.#pursueBatch(batch)));
  }

  async #pursueBatch(first: Batch): Promise<void> {
    let batch = first;
    const split: Promise<void>[] = [];
    await pRetry(
      async () => {
        if (!(await this.#untilDue(batch))) return this.#giveUp(batch.positions, batch.dueAt);
        const [next, ...others] = await this.#sendBatch(batch);
        if (others.length > 0) split.push(this.#pursue(others));
        if (next === undefined) return;
        batch = next;
        throw new StillPending();
      },
      {
        // attempts, time and waits are the policy's; p-retry turns the wheel
        retries: Number.POSITIVE_INFINITY,
        minTimeout: 0,
        shouldRetry: ({ error }) => error instanceof StillPending,
      },
    );
    await Promise.all(split);
  }

  /** Looks at the newest outcomes of positions that were sent to together, and decides who is sent to again, and when. */
  #plan(positions: readonly number[], attempts: number): Batch[] {
    // recipients of one request were told the same; those told differently, or over their rate, wait for themselves
    const groups = new Map<string, { rateLimited: boolean; retryAfterMs: number | undefined; positions: number[] }>();
    for (const position of positions) {
      const outcome = this.#outcomes[position];
      if (outcome === undefined) continue;
      if (!this.#mayFollow(outcome, position)) continue;
      const rateLimited = errorRow((outcome as Unsettled).code).verdict === "back-off";
      const retryAfterMs = outcome.kind === "retryable" ? outcome.retryAfterMs : undefined;
      const key = `${rateLimited} ${retryAfterMs}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { rateLimited, retryAfterMs, positions: [position] });
      else group.positions.push(position);
    }
    const batches = [...groups.values()].flatMap((group) => this.#planGroup(group, attempts));
    this.#announce(positions, batches);
    return batches;
  }

  /** Tells the outcomes that no further attempt changes, while other recipients are still tried again. */
  #announce(positions: readonly number[], batches: readonly Batch[]): void {
    const { onSettled } = this.#options;
    if (onSettled === undefined) return;
    const open = new Set(batches.flatMap((batch) => batch.positions));
    for (const position of positions) {
      const outcome = this.#outcomes[position];
      // what was ended before it was written is told with the report, since the whole send may still turn out not to have begun
      const isMade = outcome?.kind !== "retryable" || !NOT_MADE.has(outcome.code);
      if (isMade && !open.has(position)) this.#settled.add(position);
    }
    if (this.#settled.size === this.#outcomes.length) return;
    onSettled(this.#outcomes.map((outcome, at) => (this.#settled.has(at) ? this.#lastWord(outcome, at) : undefined)));
  }

  /** Counts the outcome, and tells that another copy may follow it, time and attempts aside. */
  #mayFollow(outcome: RecipientOutcome, position: number): boolean {
    const { transport, policy } = this.#parts;
    // a transport that settles it counts itself, and may still learn better
    if (outcome.kind === "ambiguous" && !transport.settlesAmbiguous) {
      const unanswered = (this.#unanswered.get(position) ?? 0) + 1;
      this.#unanswered.set(position, unanswered);
      if (unanswered > policy.maxResends) return false;
    }
    return wantsAnother(outcome, this.#resend, transport);
  }

  #planGroup(
    group: { readonly rateLimited: boolean; readonly retryAfterMs: number | undefined; readonly positions: number[] },
    attempts: number,
  ): Batch[] {
    const { policy, clock, random, transport } = this.#parts;
    const { positions, retryAfterMs, rateLimited } = group;
    const delayMs = nextDelayMs(policy, { attempts, retryAfterMs, rateLimited }, random);
    const dueAt = plusMs(clock.monotonic(), delayMs);
    if (this.#ended || attempts >= policy.maxAttempts) {
      this.#giveUp(positions, dueAt);
      return [];
    }
    if (dueAt >= lifeEndsAt(this.#message, this.#options)) {
      this.#expire(positions);
      return [];
    }
    if (dueAt > this.#options.deadline) {
      this.#giveUp(positions, dueAt);
      return [];
    }
    publish("cloud-messaging:retry", () => ({
      transport: transport.name,
      recipients: positions.length,
      attempt: attempts + 1,
      delayMs,
      codes: [...new Set(positions.map((position) => (this.#outcomes[position] as Unsettled).code))],
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    }));
    return [{ positions, attempts, dueAt }];
  }

  /** Ends what could not be written in its lifetime any more; what was written and not answered stays in doubt. */
  #expire(positions: readonly number[]): void {
    for (const position of positions) {
      const outcome = this.#outcomes[position];
      if (outcome?.kind !== "retryable") continue;
      const { retryAfterMs: _, retryAt: __, code, detail, ...rest } = outcome;
      const why = `its time to live of ${this.#message.timeToLiveSec} s passes before it may be tried again after ${code}`;
      this.#outcomes[position] = {
        ...rest,
        kind: "rejected",
        code: "expired",
        detail: detail ? `${why} (${detail})` : why,
      };
    }
  }

  #giveUp(positions: readonly number[], dueAt: MonotonicInstant): void {
    const retryAt = this.#wallTimeOf(dueAt);
    for (const position of positions) {
      const outcome = this.#outcomes[position];
      if (outcome?.kind === "retryable") this.#outcomes[position] = { ...outcome, retryAt };
    }
  }

  /** Resolves `true` when the batch is due, `false` when the send has been ended. */
  #untilDue({ dueAt }: Batch): Promise<boolean> {
    const delayMs = timeLeftMs(this.#parts.clock, dueAt);
    if (this.#ended || delayMs <= 0) return Promise.resolve(!this.#ended);
    return new Promise((resolve) => {
      const finish = (due: boolean): void => {
        this.#waits.delete(wake);
        resolve(due);
      };
      const cancel = this.#parts.clock.schedule(delayMs, () => finish(true));
      const wake = (): void => {
        cancel();
        finish(false);
      };
      this.#waits.add(wake);
    });
  }

  async #sendBatch({ positions, attempts }: Batch): Promise<Batch[]> {
    const { messageIds } = this.#options;
    let answers: readonly RecipientOutcome[];
    try {
      const report = await this.#parts.transport.send(this.#messageFor(positions), {
        ...this.#options,
        ...(messageIds === undefined
          ? {}
          : { messageIds: positions.map((position) => messageIds[position] as string) }),
      });
      answers = report.outcomes;
    } catch {
      // a transport that rejects breaks its contract: what is known so far must not be lost with it
      return [];
    }
    const answered = positions.filter((position, index) => {
      const answer = answers[index];
      // ended by the signal or close() before it was written: no attempt, and none after it
      if (answer === undefined || (answer.kind === "retryable" && NOT_MADE.has(answer.code))) return false;
      this.#outcomes[position] = { ...answer, attempts: attempts + 1 };
      return true;
    });
    return this.#plan(answered, attempts + 1);
  }

  #messageFor(positions: readonly number[]): DownstreamMessage {
    const tokens = "tokens" in this.#message.target ? this.#message.target.tokens : undefined;
    if (tokens === undefined || positions.length === tokens.length) return this.#message;
    return {
      ...this.#message,
      target: { tokens: positions.map((position) => tokens[position] as (typeof tokens)[number]) },
    };
  }
}
