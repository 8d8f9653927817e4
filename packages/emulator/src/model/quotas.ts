import type { Clock, MonotonicInstant } from "@cloud-messaging/core";
import { msBetween } from "@cloud-messaging/core/transport";

/** How a 429 says when to come back: seconds, a date, or not at all. */
export type RetryAfterForm = "seconds" | "date" | "absent";

/** What a project may do, and how fast. `Infinity`: no limit. */
export interface QuotaLimits {
  /** Messages per project over v1; more are answered 429 `QUOTA_EXCEEDED`. FCM published 600,000. */
  messagesPerMinute: number;
  /** Whether that 429 has a Retry-After, and in which form. */
  retryAfter: RetryAfterForm;
  /** Messages to one topic; more are `TopicsMessageRateExceeded`. No figure was published. */
  messagesPerTopicPerMinute: number;
  /** Changes of topic subscriptions per project; more are `RESOURCE_EXHAUSTED`. FCM published 3000. */
  topicChangesPerSecond: number;
  /** Deliveries of topic messages per project, shared by its fan-outs; beyond it they take their time. FCM published about 10,000. */
  fanOutPerSecond: number;
  /**
   * Topic messages of a project that may be under way at the same time; one more is `TopicsMessageRateExceeded`. It matters where
   * `fanOutPerSecond` makes them take time. FCM published 1000.
   */
  concurrentFanOuts: number;
}

/** Nothing is limited. */
export const NO_QUOTAS: Readonly<QuotaLimits> = {
  messagesPerMinute: Number.POSITIVE_INFINITY,
  retryAfter: "seconds",
  messagesPerTopicPerMinute: Number.POSITIVE_INFINITY,
  topicChangesPerSecond: Number.POSITIVE_INFINITY,
  fanOutPerSecond: Number.POSITIVE_INFINITY,
  concurrentFanOuts: 1000,
};

/** Projects and topics that are counted at the same time; beyond this all start afresh. Ours. */
const MAX_COUNTED = 10_000;
const MINUTE_MS = 60_000;
const SECOND_MS = 1000;

/** Counts what was done per name, each from the first of its period; the period is not aligned to the clock. */
class Windows {
  readonly #periodMs: number;
  readonly #spent = new Map<string, { readonly since: MonotonicInstant; count: number }>();

  constructor(periodMs: number) {
    this.#periodMs = periodMs;
  }

  /** Counts one more. @returns `undefined` when it may be, else how long until the next may. */
  spend(name: string, limit: number, now: MonotonicInstant): number | undefined {
    if (limit === Number.POSITIVE_INFINITY) return undefined;
    let spent = this.#spent.get(name);
    if (spent === undefined || msBetween(spent.since, now) >= this.#periodMs) {
      if (this.#spent.size >= MAX_COUNTED) this.#spent.clear();
      spent = { since: now, count: 0 };
      this.#spent.set(name, spent);
    }
    if (spent.count >= limit) return this.#periodMs - msBetween(spent.since, now);
    spent.count++;
    return undefined;
  }

  clear(): void {
    this.#spent.clear();
  }
}

/** What projects have used up of their quotas. The limits may be changed at any time. */
export class Quotas {
  /** What holds now. */
  readonly limits: QuotaLimits;
  readonly #initial: Readonly<QuotaLimits>;
  readonly #clock: Clock;
  readonly #networkClock: Clock;
  readonly #messages = new Windows(MINUTE_MS);
  readonly #topics = new Windows(MINUTE_MS);
  readonly #topicChanges = new Windows(SECOND_MS);

  /** @param networkClock What clients go by: a date in an answer is theirs. */
  constructor(limits: Readonly<QuotaLimits>, clock: Clock, networkClock: Clock) {
    this.#initial = limits;
    this.limits = { ...limits };
    this.#clock = clock;
    this.#networkClock = networkClock;
  }

  /** Takes a message from a project's quota. @returns `undefined` when there was one left; else what to say of the time to come. */
  spendMessage(project: string): { readonly retryAfter: string | undefined } | undefined {
    const waitMs = this.#messages.spend(project, this.limits.messagesPerMinute, this.#clock.monotonic());
    if (waitMs === undefined) return undefined;
    const seconds = Math.max(1, Math.ceil(waitMs / SECOND_MS));
    switch (this.limits.retryAfter) {
      case "seconds":
        return { retryAfter: String(seconds) };
      case "date":
        return { retryAfter: new Date(this.#networkClock.now() + seconds * SECOND_MS).toUTCString() };
      case "absent":
        return { retryAfter: undefined };
    }
  }

  /** Takes a message to a topic; `false` when there are too many this minute. */
  spendTopicMessage(project: string, topic: string): boolean {
    const { messagesPerTopicPerMinute } = this.limits;
    return this.#topics.spend(`${project}\n${topic}`, messagesPerTopicPerMinute, this.#clock.monotonic()) === undefined;
  }

  /** Takes a change of a subscription; `false` when there are too many this second. */
  spendTopicChange(project: string): boolean {
    return this.#topicChanges.spend(project, this.limits.topicChangesPerSecond, this.#clock.monotonic()) === undefined;
  }

  /** As at the start. */
  reset(): void {
    Object.assign(this.limits, this.#initial);
    for (const windows of [this.#messages, this.#topics, this.#topicChanges]) windows.clear();
  }
}
