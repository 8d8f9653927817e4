import { LONG_AGO, type MonotonicInstant, msBetween, plusMs } from "@cloud-messaging/core/transport";

/** Size and rate of a token bucket. */
export interface BucketRules {
  /** Burst size. Range: 1 or more. */
  readonly capacity: number;
  /** Interval between grants. Unit: milliseconds. */
  readonly refillEveryMs: number;
}

/** Bucket of all non-collapsible messages of an app; a symbol, so that it differs from every collapse key. */
export const NON_COLLAPSIBLE = Symbol("non-collapsible");
/** Key of a bucket: one collapse key, or all non-collapsible messages. */
export type BucketKey = string | typeof NON_COLLAPSIBLE;

/** Number of buckets above which full ones are removed: a full bucket is equivalent to none. */
const MAX_BUCKETS = 256;

interface Bucket {
  tokens: number;
  refilledAt: MonotonicInstant;
}

/**
 * Throttling of one app on one device: a token bucket per collapse key, and one shared by all non-collapsible messages.
 *
 * Source: docs/emulator-fidelity.md#throttling
 */
export class Throttle {
  readonly #collapsible: BucketRules | undefined;
  readonly #nonCollapsible: BucketRules | undefined;
  readonly #buckets = new Map<BucketKey, Bucket>();

  /** `undefined`: non-collapsible messages are not throttled. */
  constructor(collapsible: BucketRules | undefined, nonCollapsible: BucketRules | undefined) {
    this.#collapsible = collapsible;
    this.#nonCollapsible = nonCollapsible;
  }

  /** Takes a token for one delivery; returns `false` if there is none and the message has to wait for the next grant. */
  take(key: BucketKey, now: MonotonicInstant): boolean {
    const rules = this.#rulesOf(key);
    if (rules === undefined) return true;
    const bucket = this.#refilled(key, rules, now);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  /** Time of the next token of a bucket; `now` if it has one. */
  nextGrantAt(key: BucketKey, now: MonotonicInstant): MonotonicInstant {
    const rules = this.#rulesOf(key);
    if (rules === undefined) return now;
    const bucket = this.#refilled(key, rules, now);
    return bucket.tokens >= 1 ? now : plusMs(bucket.refilledAt, rules.refillEveryMs);
  }

  #rulesOf(key: BucketKey): BucketRules | undefined {
    return key === NON_COLLAPSIBLE ? this.#nonCollapsible : this.#collapsible;
  }

  #refilled(key: BucketKey, rules: BucketRules, now: MonotonicInstant): Bucket {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      if (this.#buckets.size >= MAX_BUCKETS) this.#forgetFull(now);
      bucket = { tokens: rules.capacity, refilledAt: now };
      this.#buckets.set(key, bucket);
      return bucket;
    }
    const grants = Math.floor(msBetween(bucket.refilledAt, now) / rules.refillEveryMs);
    if (grants > 0) {
      bucket.tokens = Math.min(rules.capacity, bucket.tokens + grants);
      bucket.refilledAt = plusMs(bucket.refilledAt, grants * rules.refillEveryMs);
    }
    if (bucket.tokens >= rules.capacity) bucket.refilledAt = now;
    return bucket;
  }

  #forgetFull(now: MonotonicInstant): void {
    for (const [key, bucket] of this.#buckets) {
      const rules = this.#rulesOf(key);
      if (rules === undefined) continue;
      const tokens = bucket.tokens + msBetween(bucket.refilledAt, now) / rules.refillEveryMs;
      if (tokens >= rules.capacity) this.#buckets.delete(key);
    }
    // still above the limit: the oldest bucket is removed, which may let a few messages through early
    for (const key of this.#buckets.keys()) {
      if (this.#buckets.size < MAX_BUCKETS) break;
      this.#buckets.delete(key);
    }
  }
}

/** Limits of messages to one device. */
export interface DeviceRateRules {
  readonly perMinute: number;
  readonly perHour: number;
}

/** Counts messages to one device per minute and hour, each window starting with its first message. */
export class DeviceRate {
  readonly #rules: DeviceRateRules;
  #minuteFrom = LONG_AGO;
  #hourFrom = LONG_AGO;
  #inMinute = 0;
  #inHour = 0;

  constructor(rules: DeviceRateRules) {
    this.#rules = rules;
  }

  /** Counts one message; returns `false` if it exceeds a limit, and then does not count it. */
  take(now: MonotonicInstant): boolean {
    if (msBetween(this.#minuteFrom, now) >= 60_000) {
      this.#minuteFrom = now;
      this.#inMinute = 0;
    }
    if (msBetween(this.#hourFrom, now) >= 3_600_000) {
      this.#hourFrom = now;
      this.#inHour = 0;
    }
    if (this.#inMinute >= this.#rules.perMinute || this.#inHour >= this.#rules.perHour) return false;
    this.#inMinute++;
    this.#inHour++;
    return true;
  }
}
