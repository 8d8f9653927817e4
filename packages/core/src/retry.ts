import pRetry from "p-retry";
import { onAbort } from "./abort.ts";
import { type BackoffPolicy, nextDelayMs } from "./backoff.ts";
import { type Clock, clockProblem, type Random, systemClock, timeLeftMs } from "./clock.ts";
import { type ErrorCode, errorRow } from "./error-code.ts";
import { type FieldProblem, InvalidOptionsError } from "./errors.ts";
import { publish } from "./events.ts";
import type { DownstreamMessage } from "./message/downstream.ts";
import { type Target, tokensOf } from "./message/target.ts";
import { createMessageIds } from "./message-id.ts";
import { type MonotonicInstant, plusMs } from "./monotonic.ts";
import type { AmbiguousOutcome, RecipientOutcome, RetryableOutcome, SendReport } from "./outcome.ts";
import type { AmbiguousPolicy, AttemptOptions, DownstreamTransport } from "./transport.ts";

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
          };
      // no async function here: what it would hold is held once per pending message, and nearly every send ends with its first answer
      return transport.send(message, options).then((first) => {
        const resend = (options.ambiguous ?? defaultAmbiguousPolicy(message.target)) === "resend";
        return first.outcomes.some((outcome) => wantsAnother(outcome, resend, transport))
          ? retry(message, options, resend, first)
          : first;
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

function resolvePolicy(defaults: BackoffPolicy, overrides: Partial<BackoffPolicy>): BackoffPolicy {
  const policy = { ...defaults };
  const problems: FieldProblem[] = [];
  for (const key of Object.keys(overrides) as (keyof BackoffPolicy)[]) {
    const value = overrides[key];
    if (value === undefined) continue;
    const range = POLICY_RANGES[key];
    if (range === undefined) problems.push({ path: `retry.${key}`, problem: "is not an option of the retry policy" });
    else if (typeof value !== "number" || !range.holds(value)) {
      problems.push({ path: `retry.${key}`, problem: `must be ${range.words}, not ${String(value)}` });
    } else policy[key] = value;
  }
  // whoever widens the first wait means the later ones too
  if (overrides.maxMs === undefined) policy.maxMs = Math.max(policy.maxMs, policy.initialMs);
  else if (problems.length === 0 && policy.maxMs < policy.initialMs) {
    problems.push({
      path: "retry.maxMs",
      problem: `must be at least initialMs (${policy.initialMs}), not ${policy.maxMs}`,
    });
  }
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return policy;
}

const milliseconds = {
  holds: (value: number) => value >= 0 && value < Number.POSITIVE_INFINITY,
  words: "a number of milliseconds, 0 or more",
};
const POLICY_RANGES: Readonly<Record<keyof BackoffPolicy, { holds(value: number): boolean; readonly words: string }>> =
  {
    minMs: milliseconds,
    initialMs: milliseconds,
    maxMs: milliseconds,
    rateLimitedMinMs: milliseconds,
    maxAttempts: {
      holds: (value) => value >= 1 && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY),
      words: "a whole number of at least 1, or Infinity",
    },
    totalMs: { holds: (value) => value > 0, words: "a number of milliseconds above 0, or Infinity" },
  };

// an attempt that the caller's signal or close() ended before anything was written is no answer of the service
const NOT_MADE: ReadonlySet<ErrorCode> = new Set(["aborted", "closed"]);

function wantsAnother(outcome: RecipientOutcome, resend: boolean, transport: DownstreamTransport): boolean {
  if (outcome.kind === "retryable") return !NOT_MADE.has(outcome.code);
  if (outcome.kind !== "ambiguous" || !resend || NOT_MADE.has(outcome.code)) return false;
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
  /** Positions of which an earlier attempt was written and never answered. */
  readonly #doubtful = new Set<number>();
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
    for (const position of this.#doubtful) {
      const outcome = this.#outcomes[position];
      if (outcome?.kind !== "retryable") continue;
      // the last copy was not accepted, an earlier one may have been: what is not known must not read as known
      const { retryAfterMs: _, retryAt: __, ...rest } = outcome;
      this.#outcomes[position] = { ...rest, kind: "ambiguous" };
    }
    return { outcomes: this.#outcomes };
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
      if (outcome === undefined || !wantsAnother(outcome, this.#resend, this.#parts.transport)) continue;
      // a transport that settles it remembers it too, and may still learn better
      if (outcome.kind === "ambiguous" && !this.#parts.transport.settlesAmbiguous) this.#doubtful.add(position);
      const rateLimited = errorRow((outcome as Unsettled).code).verdict === "back-off";
      const retryAfterMs = outcome.kind === "retryable" ? outcome.retryAfterMs : undefined;
      const key = `${rateLimited} ${retryAfterMs}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { rateLimited, retryAfterMs, positions: [position] });
      else group.positions.push(position);
    }
    return [...groups.values()].flatMap((group) => this.#planGroup(group, attempts));
  }

  #planGroup(
    group: { readonly rateLimited: boolean; readonly retryAfterMs: number | undefined; readonly positions: number[] },
    attempts: number,
  ): Batch[] {
    const { policy, clock, random, transport } = this.#parts;
    const { positions, retryAfterMs, rateLimited } = group;
    const delayMs = nextDelayMs(policy, { attempts, retryAfterMs, rateLimited }, random);
    const dueAt = plusMs(clock.monotonic(), delayMs);
    if (this.#ended || attempts >= policy.maxAttempts || dueAt > this.#options.deadline) {
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

  #giveUp(positions: readonly number[], dueAt: MonotonicInstant): void {
    const { clock } = this.#parts;
    const retryAt = Math.round(clock.now() + timeLeftMs(clock, dueAt));
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
