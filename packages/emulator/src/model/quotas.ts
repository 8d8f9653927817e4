import type { Clock } from "@cloud-messaging/core";
import { type MonotonicInstant, msBetween } from "@cloud-messaging/core/transport";

/** Form of Retry-After with a 429: seconds, a date, or none. */
export type RetryAfterForm = "seconds" | "date" | "absent";

/** Quotas and rate limits of a project. `Infinity`: no limit. */
export interface QuotaLimits {
  /** Messages per project over v1; those beyond it are answered 429 `QUOTA_EXCEEDED`. FCM published 600,000. */
  messagesPerMinute: number;
  /** Form of Retry-After with that 429. */
  retryAfter: RetryAfterForm;
  /** Messages per topic; those beyond it are answered `TopicsMessageRateExceeded`. No figure was published. */
  messagesPerTopicPerMinute: number;
  /** Topic subscription changes per project; those beyond it are answered `RESOURCE_EXHAUSTED`. FCM published 3000. */
  topicChangesPerSecond: number;
  /** Deliveries of topic messages per project, shared by its fan-outs; further ones are delayed. FCM published about 10,000. */
  fanOutPerSecond: number;
  /**
   * Maximum number of topic messages of a project in delivery; further ones are answered `TopicsMessageRateExceeded`. Relevant where
   * `fanOutPerSecond` delays them. FCM published 1000.
   */
  concurrentFanOuts: number;
}

/** Quotas without limits. */
export const NO_QUOTAS: Readonly<QuotaLimits> = {
  messagesPerMinute: Number.POSITIVE_INFINITY,
  retryAfter: "seconds",
  messagesPerTopicPerMinute: Number.POSITIVE_INFINITY,
  topicChangesPerSecond: Number.POSITIVE_INFINITY,
  fanOutPerSecond: Number.POSITIVE_INFINITY,
  concurrentFanOuts: 1000,
};

/** Maximum number of projects and topics counted at once; beyond it all counts start again. Implementation limit. */
const MAX_COUNTED = 10_000;
const MINUTE_MS = 60_000;
const SECOND_MS = 1000;

/** Fixed-window counter per name. The window starts with the first use, not at a multiple of the clock. */
class Windows {
  readonly #periodMs: number;
  readonly #spent = new Map<string, { readonly since: MonotonicInstant; count: number }>();

  constructor(periodMs: number) {
    this.#periodMs = periodMs;
  }

  /** Counts one use. @returns `undefined` if it is allowed, otherwise the time until the next is. */
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

/** Consumption of the quotas of all projects. Limits can be changed at any time. */
export class Quotas {
  /** Current limits. */
  readonly limits: QuotaLimits;
  readonly #initial: Readonly<QuotaLimits>;
  readonly #clock: Clock;
  readonly #networkClock: Clock;
  readonly #messages = new Windows(MINUTE_MS);
  readonly #topics = new Windows(MINUTE_MS);
  readonly #topicChanges = new Windows(SECOND_MS);

  /** @param networkClock Clock of the clients, for dates in answers. */
  constructor(limits: Readonly<QuotaLimits>, clock: Clock, networkClock: Clock) {
    this.#initial = limits;
    this.limits = { ...limits };
    this.#clock = clock;
    this.#networkClock = networkClock;
  }

  /** Counts a message of a project. @returns `undefined` if it is allowed, otherwise the value of Retry-After. */
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

  /** Counts a message to a topic; returns `false` beyond the limit per minute. */
  spendTopicMessage(project: string, topic: string): boolean {
    const { messagesPerTopicPerMinute } = this.limits;
    return this.#topics.spend(`${project}\n${topic}`, messagesPerTopicPerMinute, this.#clock.monotonic()) === undefined;
  }

  /** Counts a subscription change; returns `false` beyond the limit per second. */
  spendTopicChange(project: string): boolean {
    return this.#topicChanges.spend(project, this.limits.topicChangesPerSecond, this.#clock.monotonic()) === undefined;
  }

  /** Resets every count and limit. */
  reset(): void {
    Object.assign(this.limits, this.#initial);
    for (const windows of [this.#messages, this.#topics, this.#topicChanges]) windows.clear();
  }
}
