import pRetry from "p-retry";
import { type BackoffPolicy, nextDelayMs } from "./backoff.ts";
import { type Clock, type Random, systemClock, wait } from "./clock.ts";
import { type ErrorCode, errorRow } from "./error-code.ts";
import { InvalidOptionsError } from "./errors.ts";
import { publish } from "./events.ts";
import type { DownstreamMessage } from "./message/downstream.ts";
import { type Target, tokensOf } from "./message/target.ts";
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
  const policy = resolvePolicy(transport.retryPolicy, overrides);
  const closing = new AbortController();

  const retrying: DownstreamTransport = {
    name: transport.name,
    retryPolicy: policy,
    retries: true,
    ...(transport.usesMessageIds ? { usesMessageIds: true } : {}),
    ...(transport.settlesAmbiguous ? { settlesAmbiguous: true } : {}),
    ...(transport.preferredBatchSize === undefined ? {} : { preferredBatchSize: transport.preferredBatchSize }),
    ...(transport.preferredConcurrency === undefined ? {} : { preferredConcurrency: transport.preferredConcurrency }),
    check: (message) => transport.check?.(message),
    async send(message, attempt = {}) {
      const deadlineAt = attempt.deadlineAt ?? clock.now() + policy.totalMs;
      const first = await transport.send(message, { ...attempt, deadlineAt });
      const resend =
        (attempt.ambiguous ?? defaultAmbiguousPolicy(message.target)) === "resend" && !transport.settlesAmbiguous;
      // nearly every send ends here, so what a second attempt needs is made only past this line
      if (!first.outcomes.some((outcome) => wantsAnother(outcome, resend))) return first;
      return new Retries(
        { transport, policy, clock, random, closing: closing.signal },
        message,
        { ...attempt, deadlineAt },
        resend,
        first.outcomes,
      ).run();
    },
    close() {
      closing.abort();
      return transport.close();
    },
    [Symbol.asyncDispose]: () => retrying.close(),
  };
  return retrying;
}

function resolvePolicy(defaults: BackoffPolicy, overrides: Partial<BackoffPolicy>): BackoffPolicy {
  const policy = { ...defaults };
  const problems = [];
  for (const key of Object.keys(overrides) as (keyof BackoffPolicy)[]) {
    const value = overrides[key];
    if (value === undefined) continue;
    const least = key === "maxAttempts" ? 1 : 0;
    if (!(key in defaults)) problems.push({ path: `retry.${key}`, problem: "is not an option of the retry policy" });
    else if (typeof value !== "number" || Number.isNaN(value) || value < least) {
      problems.push({ path: `retry.${key}`, problem: `must be a number of at least ${least}, not ${String(value)}` });
    } else policy[key] = value;
  }
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return policy;
}

// an attempt that the caller's signal or close() ended before anything was written is no answer of the service
const NOT_MADE: ReadonlySet<ErrorCode> = new Set(["aborted", "closed"]);

function wantsAnother(outcome: RecipientOutcome, resend: boolean): boolean {
  if (outcome.kind === "retryable") return !NOT_MADE.has(outcome.code);
  return outcome.kind === "ambiguous" && resend && !NOT_MADE.has(outcome.code);
}

interface Parts {
  readonly transport: DownstreamTransport;
  readonly policy: BackoffPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly closing: AbortSignal;
}

/** Positions that are sent to again together. */
interface Batch {
  readonly positions: readonly number[];
  /** Attempts made for each of them so far. */
  readonly attempts: number;
  readonly dueAt: number;
}

type Unsettled = RetryableOutcome | AmbiguousOutcome;

/** What is thrown at p-retry while somebody is still waited for. */
class StillPending extends Error {}

/** One send from its second attempt on. */
class Retries {
  readonly #parts: Parts;
  readonly #message: DownstreamMessage;
  readonly #options: AttemptOptions & { readonly deadlineAt: number };
  readonly #resend: boolean;
  readonly #outcomes: RecipientOutcome[];
  /** Positions of which an earlier attempt was written and never answered. */
  readonly #doubtful = new Set<number>();
  #batches: Batch[] = [];

  constructor(
    parts: Parts,
    message: DownstreamMessage,
    options: AttemptOptions & { readonly deadlineAt: number },
    resend: boolean,
    first: readonly RecipientOutcome[],
  ) {
    this.#parts = parts;
    this.#message = message;
    this.#options = options;
    this.#resend = resend;
    this.#outcomes = [...first];
    this.#plan(
      first.map((_, position) => position),
      1,
    );
  }

  async run(): Promise<SendReport> {
    if (this.#batches.length === 0) return this.#report();
    const { signal } = this.#options;
    const ended = signal === undefined ? this.#parts.closing : AbortSignal.any([signal, this.#parts.closing]);
    await pRetry(
      async () => {
        if (!(await this.#untilDue(ended))) return;
        await this.#sendDue();
        if (this.#batches.length > 0) throw new StillPending();
      },
      {
        // attempts, time and waits are the policy's; p-retry turns the wheel
        retries: Number.POSITIVE_INFINITY,
        minTimeout: 0,
        shouldRetry: ({ error }) => error instanceof StillPending,
      },
    );
    return this.#report();
  }

  #report(): SendReport {
    for (const position of this.#doubtful) {
      const outcome = this.#outcomes[position];
      if (outcome?.kind !== "retryable") continue;
      // the last copy was not accepted, an earlier one may have been: what is not known must not read as known
      const { retryAfterMs: _, retryAt: __, ...rest } = outcome;
      this.#outcomes[position] = { ...rest, kind: "ambiguous" };
    }
    return { outcomes: this.#outcomes };
  }

  /** Looks at the newest outcomes of positions that were sent to together, and decides who is sent to again, and when. */
  #plan(positions: readonly number[], attempts: number): void {
    const calm: number[] = [];
    const rateLimited: number[] = [];
    for (const position of positions) {
      const outcome = this.#outcomes[position];
      if (outcome === undefined || !wantsAnother(outcome, this.#resend)) continue;
      if (outcome.kind === "ambiguous") this.#doubtful.add(position);
      const overRate = errorRow((outcome as Unsettled).code).verdict === "back-off";
      (overRate ? rateLimited : calm).push(position);
    }
    if (calm.length > 0) this.#planBatch(calm, attempts, false);
    if (rateLimited.length > 0) this.#planBatch(rateLimited, attempts, true);
  }

  #planBatch(positions: readonly number[], attempts: number, rateLimited: boolean): void {
    const { policy, clock, random, transport } = this.#parts;
    const outcomes = positions.map((position) => this.#outcomes[position] as Unsettled);
    const asked = outcomes.map((outcome) => (outcome.kind === "retryable" ? (outcome.retryAfterMs ?? -1) : -1));
    const longest = asked.reduce((a, b) => Math.max(a, b), -1);
    const retryAfterMs = longest < 0 ? undefined : longest;
    const delayMs = nextDelayMs(policy, { attempts, retryAfterMs, rateLimited }, random);
    const dueAt = clock.now() + delayMs;
    if (attempts >= policy.maxAttempts || dueAt > this.#options.deadlineAt) {
      this.#giveUp(positions, dueAt);
      return;
    }
    this.#batches.push({ positions, attempts, dueAt });
    publish("cloud-messaging:retry", () => ({
      transport: transport.name,
      recipients: positions.length,
      attempt: attempts + 1,
      delayMs,
      codes: [...new Set(outcomes.map(({ code }) => code))],
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    }));
  }

  #giveUp(positions: readonly number[], retryAt: number): void {
    for (const position of positions) {
      const outcome = this.#outcomes[position];
      if (outcome?.kind === "retryable") this.#outcomes[position] = { ...outcome, retryAt };
    }
  }

  async #untilDue(ended: AbortSignal): Promise<boolean> {
    const dueAt = this.#batches.reduce((earliest, batch) => Math.min(earliest, batch.dueAt), Number.POSITIVE_INFINITY);
    if (await wait(this.#parts.clock, dueAt - this.#parts.clock.now(), ended)) return true;
    for (const batch of this.#batches) this.#giveUp(batch.positions, batch.dueAt);
    this.#batches = [];
    return false;
  }

  async #sendDue(): Promise<void> {
    const now = this.#parts.clock.now();
    const due = this.#batches.filter((batch) => batch.dueAt <= now);
    this.#batches = this.#batches.filter((batch) => batch.dueAt > now);
    await Promise.all(due.map((batch) => this.#sendBatch(batch)));
  }

  async #sendBatch({ positions, attempts }: Batch): Promise<void> {
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
      // a transport that rejects breaks its contract, or was closed under us: what is known so far must not be lost with it
      return;
    }
    positions.forEach((position, index) => {
      const answer = answers[index];
      if (answer === undefined || ("code" in answer && NOT_MADE.has(answer.code) && answer.kind === "retryable"))
        return;
      this.#outcomes[position] = { ...answer, attempts: attempts + 1 };
    });
    this.#plan(positions, attempts + 1);
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
