import pRetry from "p-retry";
import { publish } from "../events.ts";
import { operationChannel, traced, type WaitOperation } from "../operations.ts";
import type { ErrorCode } from "../outcome/error-code.ts";
import type { RecipientOutcome } from "../outcome/outcome.ts";
import { type Random, timeLeftMs } from "../time/clock.ts";
import { type MonotonicInstant, NEVER, plusMs } from "../time/monotonic.ts";
import { type Disposition, disposition, isNotMade, isUnsettled, type Unsettled } from "./disposition.ts";
import { expiredOutcome, finalOutcome } from "./final-outcome.ts";
import type { CallResult, RetriedCall, RetrierParts } from "./retried-call.ts";

const waits = operationChannel("cloud-messaging:wait");

/** Positions that are sent to again together: the same number of attempts, the same wait. */
interface Batch {
  readonly positions: readonly number[];
  /** Attempts made for each of them so far. */
  readonly attempts: number;
  readonly dueAt: MonotonicInstant;
}

/** Thrown at p-retry while a further attempt is due. */
class StillPending extends Error {}

/** One call from its second attempt on. */
export class Attempts<T extends { readonly kind: string }> {
  readonly #parts: RetrierParts;
  readonly #call: RetriedCall<T>;
  readonly #results: CallResult<T>[];
  /** Copies that were written and never answered, by position; none of a transport that counts them itself. */
  readonly #unanswered = new Map<number, number>();
  /** Ends the waits under way. */
  readonly #waits = new Set<() => void>();
  #ended = false;

  constructor(parts: RetrierParts, call: RetriedCall<T>, first: readonly CallResult<T>[]) {
    this.#parts = parts;
    this.#call = call;
    this.#results = [...first];
  }

  async run(): Promise<CallResult<T>[]> {
    const positions = this.#results.map((_, position) => position);
    await this.#pursue(this.#plan(positions, 1));
    return this.#results.map((result, position) => this.#final(result, position));
  }

  /** No further attempt begins; each recipient that waits keeps its latest result. */
  end(): void {
    this.#ended = true;
    for (const wake of this.#waits) wake();
  }

  /** Adds to the latest result what is known of the earlier copies. */
  #final(result: CallResult<T>, position: number): CallResult<T> {
    const outcome = asOutcome(result);
    if (outcome === undefined) return result;
    return finalOutcome(outcome, this.#unanswered.get(position) ?? 0, () => this.#wallTimeIn(0)) as CallResult<T>;
  }

  #wallTimeIn(ms: number): number {
    return Math.round(this.#parts.clock.now() + ms);
  }

  /** Batches are independent: one that waits long, or whose attempt takes long, holds up no other. */
  async #pursue(batches: readonly Batch[]): Promise<void> {
    await Promise.all(batches.map((batch) => this.#pursueBatch(batch)));
  }

  async #pursueBatch(first: Batch): Promise<void> {
    let batch = first;
    const split: Promise<void>[] = [];
    await pRetry(
      async () => {
        if (!(await this.#waitFor(batch))) {
          const afterMs = timeLeftMs(this.#parts.clock, batch.dueAt);
          for (const position of batch.positions) this.#giveUp(position, afterMs);
          return;
        }
        const [next, ...others] = await this.#attempt(batch);
        if (others.length > 0) split.push(this.#pursue(others));
        if (next === undefined) return;
        batch = next;
        throw new StillPending();
      },
      {
        // attempts, time and waits are the policy's: p-retry only repeats
        retries: Number.POSITIVE_INFINITY,
        minTimeout: 0,
        shouldRetry: ({ error }) => error instanceof StillPending,
      },
    );
    await Promise.all(split);
  }

  /** Decides about recipients that were sent to together: ends those that are final, groups the others by their next attempt. */
  #plan(positions: readonly number[], attempts: number): Batch[] {
    const { clock, random } = this.#parts;
    let drawn: number | undefined;
    // recipients of one request that were told the same go on together: one draw for all
    const once = (): number => {
      drawn ??= random();
      return drawn;
    };
    const groups = new Map<string, { readonly afterMs: number; readonly positions: number[] }>();
    for (const position of positions) {
      const decided = this.#decide(position, attempts, once);
      if (decided.kind === "again") {
        const key = `${decided.afterMs} ${retryAfterOf(this.#results[position])}`;
        const group = groups.get(key);
        if (group === undefined) groups.set(key, { afterMs: decided.afterMs, positions: [position] });
        else group.positions.push(position);
      } else {
        if (decided.kind === "dead") this.#bury(position, decided);
        this.#tell(position);
      }
    }
    return [...groups.values()].map(({ afterMs, positions }) => {
      this.#publishRetry(positions, attempts + 1, afterMs);
      return { positions, attempts, dueAt: plusMs(clock.monotonic(), afterMs) };
    });
  }

  #decide(position: number, attempts: number, random: Random): Disposition {
    const result = this.#results[position];
    if (result === undefined) return { kind: "done" };
    const { policy, clock } = this.#parts;
    const { resend, settlesAmbiguous, deadline, life } = this.#call;
    // a transport that settles it counts itself, and may still learn better
    if (result.kind === "ambiguous" && !settlesAmbiguous) {
      this.#unanswered.set(position, (this.#unanswered.get(position) ?? 0) + 1);
    }
    const decided = disposition(
      result,
      attempts,
      policy,
      {
        resend,
        settlesAmbiguous,
        unanswered: this.#unanswered.get(position) ?? 0,
        timeLeftMs: timeLeftMs(clock, deadline),
        lifeLeftMs: timeLeftMs(clock, life?.endsAt ?? NEVER),
      },
      random,
    );
    return this.#ended && decided.kind === "again" ? { ...decided, kind: "dead", cause: "deadline" } : decided;
  }

  /** Gives a recipient that no further attempt is made for its final outcome. */
  #bury(position: number, { cause, afterMs }: Extract<Disposition, { readonly kind: "dead" }>): void {
    if (cause === "expired" && !this.#ended) this.#expire(position);
    else this.#giveUp(position, afterMs);
  }

  /** A message whose life ends before the next attempt is `expired`; one that was written and not answered stays in doubt. */
  #expire(position: number): void {
    const outcome = asOutcome(this.#results[position]);
    if (outcome?.kind !== "retryable") return;
    this.#results[position] = expiredOutcome(outcome, this.#call.life?.timeToLiveSec) as CallResult<T>;
  }

  #giveUp(position: number, afterMs: number): void {
    const outcome = asOutcome(this.#results[position]);
    if (outcome?.kind !== "retryable") return;
    this.#results[position] = { ...outcome, retryAt: this.#wallTimeIn(afterMs) };
  }

  #tell(position: number): void {
    const result = this.#results[position];
    // what was ended before it was written is told with the report: the whole send may still turn out not to have begun
    if (result !== undefined && !isNotMade(result)) this.#call.onResult?.(position, this.#final(result, position));
  }

  #publishRetry(positions: readonly number[], attempt: number, delayMs: number): void {
    publish("cloud-messaging:retry", () => {
      const retryAfterMs = retryAfterOf(this.#results[positions[0] as number]);
      return {
        transport: this.#parts.name,
        recipients: positions.length,
        attempt,
        delayMs,
        codes: this.#codesOf(positions),
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      };
    });
  }

  /** The wait for a batch, published where somebody subscribes to waits. */
  #waitFor(batch: Batch): Promise<boolean> {
    const { operation } = this.#call;
    if (operation === undefined || !waits.hasSubscribers) return this.#untilDue(batch);
    const { positions, attempts, dueAt } = batch;
    const wait: WaitOperation = {
      ...operation,
      transport: this.#parts.name,
      reason: "retry",
      recipients: positions.length,
      attempt: attempts + 1,
      delayMs: Math.max(0, Math.round(timeLeftMs(this.#parts.clock, dueAt))),
      codes: this.#codesOf(positions),
    };
    return traced(
      waits,
      wait,
      () => this.#untilDue(batch),
      (due) => due,
    );
  }

  #codesOf(positions: readonly number[]): readonly ErrorCode[] {
    return [...new Set(positions.map((position) => (this.#results[position] as Unsettled).code))];
  }

  /** Resolves `true` when the batch is due, `false` when the call has been ended. */
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

  async #attempt({ positions, attempts }: Batch): Promise<Batch[]> {
    const made = attempts + 1;
    let answers: readonly CallResult<T>[];
    try {
      answers = await this.#call.attempt(
        positions,
        (index, answer) => {
          const position = positions[index];
          if (position === undefined || isUnsettled(answer)) return;
          this.#call.onResult?.(position, this.#final(withAttempts(answer, made), position));
        },
        made,
      );
    } catch {
      // a call that rejects breaks its contract: what is known so far must not be lost with it
      return [];
    }
    const answered = positions.filter((position, index) => {
      const answer = answers[index];
      // ended by the signal or close() before it was written: no attempt, and none after it
      if (answer === undefined || isNotMade(answer)) return false;
      this.#results[position] = withAttempts(answer, made);
      return true;
    });
    return this.#plan(answered, made);
  }
}

/** The outcome in a result; `undefined` for a success of another type, which counts no attempts. */
function asOutcome(result: { readonly kind: string } | undefined): RecipientOutcome | undefined {
  return result !== undefined && "attempts" in result ? (result as RecipientOutcome) : undefined;
}

function withAttempts<R extends { readonly kind: string }>(result: R, attempts: number): R {
  return "attempts" in result ? { ...result, attempts } : result;
}

function retryAfterOf(result: { readonly kind: string } | undefined): number | undefined {
  const outcome = asOutcome(result);
  return outcome?.kind === "retryable" ? outcome.retryAfterMs : undefined;
}
