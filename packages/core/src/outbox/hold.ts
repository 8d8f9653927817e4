import { type ErrorCode, errorRow } from "../outcome/error-code.ts";
import type { RejectedOutcome } from "../outcome/outcome.ts";
import { nextDelayMs } from "../retry/backoff.ts";
import { isRefusalOfSender } from "../retry/disposition.ts";
import type { CancelTimer } from "../time/clock.ts";
import type { AttemptOutcomes } from "./attempt.ts";
import type { JobParts } from "./chunk-job.ts";

/** Change of a hold, for the event. */
export interface HoldChange {
  readonly state: "held" | "resumed";
  readonly code: ErrorCode;
  readonly detail: string;
  /** Time until the next attempt. Unit: milliseconds; 0 when the work is resumed. */
  readonly delayMs: number;
}

/** Parts of a hold. */
export interface HoldParts extends Pick<JobParts, "clock" | "rules"> {
  /** Nothing may be sent. */
  onBegin(): void;
  /** One attempt may be made. */
  onEnd(): void;
  onHold(change: HoldChange): void;
}

/**
 * Holds the work of one worker while the service refuses its sender as a whole: a refused key says nothing of a message, and a campaign must
 * not end by it. After each refusal nothing is sent for the back-off of the policy, then one attempt at a time, until the service has answered
 * about a recipient.
 */
export class Hold {
  readonly #parts: HoldParts;
  /** Refusals since the last answer about a recipient, those of attempts made at the same time as one. */
  #refusals = 0;
  #latest: RejectedOutcome | undefined;
  #cancel: CancelTimer | undefined;

  constructor(parts: HoldParts) {
    this.#parts = parts;
  }

  /** True while nothing may be sent. */
  get isOn(): boolean {
    return this.#cancel !== undefined;
  }

  /** Attempts that may be in flight at once, of as many as are allowed without a hold. */
  limit(concurrency: number): number {
    if (this.isOn) return 0;
    return this.#refusals > 0 ? 1 : concurrency;
  }

  /** Takes note of the outcomes of an attempt. */
  observe(outcomes: AttemptOutcomes): void {
    if (outcomes.some(isAnswer)) this.#resume();
    else if (!this.isOn) {
      const refusal = outcomes.find((outcome) => outcome !== undefined && isRefusalOfSender(outcome));
      if (refusal !== undefined) this.#begin(refusal as RejectedOutcome);
    }
  }

  /** Ends the timer. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #begin(refusal: RejectedOutcome): void {
    const { clock, rules, onBegin, onEnd } = this.#parts;
    this.#latest = refusal;
    this.#refusals++;
    const delayMs = nextDelayMs(rules.policy, { attempts: this.#refusals }, rules.random);
    this.#cancel = clock.schedule(delayMs, () => {
      this.#cancel = undefined;
      onEnd();
    });
    this.#tell("held", delayMs);
    onBegin();
  }

  #resume(): void {
    if (this.#refusals === 0) return;
    this.#refusals = 0;
    const wasOn = this.isOn;
    this.stop();
    this.#tell("resumed", 0);
    if (wasOn) this.#parts.onEnd();
  }

  #tell(state: HoldChange["state"], delayMs: number): void {
    const { code, detail } = this.#latest as RejectedOutcome;
    this.#parts.onHold({ state, code, detail: detail ?? errorRow(code).action, delayMs });
  }
}

/** True for what the service has said about a recipient. */
function isAnswer(outcome: AttemptOutcomes[number]): boolean {
  if (outcome?.kind === "rejected") return !isRefusalOfSender(outcome);
  return outcome?.kind === "accepted" || outcome?.kind === "unregistered";
}
