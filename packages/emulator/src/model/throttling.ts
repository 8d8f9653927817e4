import type { MonotonicInstant } from "@cloud-messaging/core";
import { LONG_AGO, msBetween, plusMs } from "@cloud-messaging/core/transport";

/** A token bucket's size and pace. */
export interface BucketRules {
  /** How many may go at once when nothing went for long. Range: 1 or more. */
  readonly capacity: number;
  /** How long until one more may go. Unit: milliseconds. */
  readonly refillEveryMs: number;
}

/** The share of all non-collapsible messages of an app; a collapse key cannot be this, since it is a symbol. */
export const NON_COLLAPSIBLE = Symbol("non-collapsible");
/** What a bucket belongs to: one collapse key, or everything non-collapsible. */
export type BucketKey = string | typeof NON_COLLAPSIBLE;

/** Full buckets are forgotten beyond this many: a full bucket and none at all behave alike. */
const MAX_BUCKETS = 256;

interface Bucket {
  tokens: number;
  refilledAt: MonotonicInstant;
}

/**
 * The throttling of one app on one device: a token bucket per collapse key, and one that all non-collapsible messages share.
 *
 * Source: docs/emulator-fidelity.md#throttling
 */
export class Throttle {
  readonly #collapsible: BucketRules | undefined;
  readonly #nonCollapsible: BucketRules | undefined;
  readonly #buckets = new Map<BucketKey, Bucket>();

  /** `undefined`: such messages are not throttled. */
  constructor(collapsible: BucketRules | undefined, nonCollapsible: BucketRules | undefined) {
    this.#collapsible = collapsible;
    this.#nonCollapsible = nonCollapsible;
  }

  /** Takes a token for one delivery; `false` when there is none and the message has to wait for the next grant. */
  take(key: BucketKey, now: MonotonicInstant): boolean {
    const rules = this.#rulesOf(key);
    if (rules === undefined) return true;
    const bucket = this.#refilled(key, rules, now);
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  }

  /** When the next token of a bucket is granted; `now` when it has one. */
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
    // still too many: the oldest goes, which at worst lets a few messages through early
    for (const key of this.#buckets.keys()) {
      if (this.#buckets.size < MAX_BUCKETS) break;
      this.#buckets.delete(key);
    }
  }
}

/** How many messages one device may be sent. */
export interface DeviceRateRules {
  readonly perMinute: number;
  readonly perHour: number;
}

/** Counts the messages to one device per minute and per hour, each from the first message of that minute or hour. */
export class DeviceRate {
  readonly #rules: DeviceRateRules;
  #minuteFrom = LONG_AGO;
  #hourFrom = LONG_AGO;
  #inMinute = 0;
  #inHour = 0;

  constructor(rules: DeviceRateRules) {
    this.#rules = rules;
  }

  /** Counts one more message; `false` when it is one too many, which does not count. */
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
