import type { Clock } from "@cloud-messaging/core";
import {
  type CancelTimer,
  elapsedMs,
  LONG_AGO,
  type MonotonicInstant,
  msBetween,
  onAbort,
  processWide,
  publish,
  type QuotaHealth,
  timeLeftMs,
} from "@cloud-messaging/core/transport";

/** Rate limit of a project. */
export interface QuotaOptions {
  /**
   * Messages in any minute, to all recipients together. Range: above 0. Refusals count too on the service's side.
   * @defaultValue 600000, the quota of a project that has asked for no other
   * @see https://firebase.google.com/docs/cloud-messaging/scale-fcm
   */
  readonly perMinute?: number;
  /**
   * Ramp-up time to the full rate, at the start and after a pause of a minute. The service asks for 60 s or
   * more where traffic is heavy. Unit: milliseconds. Range: 0 or more.
   * @defaultValue 0: full rate at once
   */
  readonly rampUpMs?: number;
}

/** Result of a wait for a permit. */
export type QuotaWait = "granted" | "aborted" | "timeout" | "closed";

/** Participation of one transport in the quota of a project. */
export interface Quota {
  /** Acquires a permit for one message if one is free and nobody waits. */
  take(): boolean;
  /** Waits for a permit: first come, first served over all senders of the project. */
  wait(options: {
    readonly signal?: AbortSignal | undefined;
    readonly deadline?: MonotonicInstant | undefined;
  }): Promise<QuotaWait>;
  /** The state of the quota. */
  health(): QuotaHealth;
  /** Ends this transport's waits as `closed`. */
  endWaits(): void;
  /** Leaves the quota. */
  release(): void;
}

/** Settings of one participant in a project's quota. */
export interface QuotaParty extends QuotaOptions {
  readonly transport: string;
  readonly project: string;
  /** Quotas of the same project at different addresses (the emulator's) are different. */
  readonly origin: string;
  readonly clock: Clock;
}

/** Source: docs/protocol/fcm-v1.md#quota */
const DEFAULT_PER_MINUTE = 600_000;
const MINUTE_MS = 60_000;
/** Interval at which the rate is recomputed during the ramp-up. Unit: milliseconds. */
const LONGEST_NAP_MS = 100;

/** One bucket per project in a process, and per clock, so that tests with clocks of their own do not affect each other. */
const bucketsByClock = processWide("http-sender/quota/1", () => new WeakMap<Clock, Map<string, Bucket>>());

/**
 * Joins the token bucket of a project, which all its senders in this process share. The lowest rate and the longest ramp-up of all of them
 * apply.
 */
export function joinQuota(party: QuotaParty): Quota {
  let buckets = bucketsByClock.get(party.clock);
  if (buckets === undefined) {
    buckets = new Map();
    bucketsByClock.set(party.clock, buckets);
  }
  const key = `${party.project}@${party.origin}`;
  // a bucket outlives its last sender, so that one sender per message does not evade the quota
  for (const [name, bucket] of buckets) if (name !== key && bucket.isForgettable) buckets.delete(name);
  let bucket = buckets.get(key);
  if (bucket === undefined) {
    bucket = new Bucket(party);
    buckets.set(key, bucket);
  }
  return bucket.join(party);
}

interface Waiter {
  readonly party: QuotaParty;
  readonly settle: (result: QuotaWait) => void;
}

/**
 * A token bucket that never grants more than `perMinute` in any 60 seconds: it holds a second's worth, and refills with the rest.
 */
class Bucket {
  readonly #clock: Clock;
  readonly #parties = new Set<QuotaParty>();
  readonly #waiters = new Set<Waiter>();
  #perMinute = DEFAULT_PER_MINUTE;
  #rampUpMs = 0;
  #tokens = 0;
  #countedAt: MonotonicInstant | undefined;
  /** Start of the ramp-up. */
  #risingSince = LONG_AGO;
  #usedAt = LONG_AGO;
  #cancel: CancelTimer | undefined;

  constructor({ clock }: QuotaParty) {
    this.#clock = clock;
  }

  /** True if it is unused and equal to a new one. */
  get isForgettable(): boolean {
    const now = this.#clock.monotonic();
    if (this.#parties.size > 0 || msBetween(this.#usedAt, now) < MINUTE_MS) return false;
    this.#refill(now);
    return this.#tokens >= this.#capacity;
  }

  join(party: QuotaParty): Quota {
    const now = this.#clock.monotonic();
    if (this.#countedAt === undefined) {
      this.#perMinute = party.perMinute ?? DEFAULT_PER_MINUTE;
      this.#tokens = this.#capacity;
      this.#countedAt = now;
    }
    // at the rate that applied until now
    this.#refill(now);
    this.#parties.add(party);
    this.#settlePace();
    let ended = false;
    const endWaits = (): void => {
      for (const waiter of [...this.#waiters]) if (waiter.party === party) waiter.settle("closed");
    };
    return {
      take: () => this.#waiters.size === 0 && this.#take(),
      health: () => this.#health(party),
      wait: (options) => (ended ? Promise.resolve("closed" as const) : this.#wait(party, options)),
      endWaits: () => {
        ended = true;
        endWaits();
      },
      release: () => {
        endWaits();
        if (!this.#parties.delete(party)) return;
        if (this.#parties.size > 0) this.#settlePace();
      },
    };
  }

  #health({ project }: QuotaParty): QuotaHealth {
    this.#refill(this.#clock.monotonic());
    return {
      project,
      perMinute: this.#perMinute,
      left: Math.floor(this.#tokens),
      waiting: this.#waiters.size,
    };
  }

  #settlePace(): void {
    const parties = [...this.#parties];
    this.#perMinute = Math.min(...parties.map(({ perMinute = DEFAULT_PER_MINUTE }) => perMinute));
    this.#rampUpMs = Math.max(...parties.map(({ rampUpMs = 0 }) => rampUpMs));
    this.#tokens = Math.min(this.#tokens, this.#capacity);
  }

  /** Burst size: one second at the full rate, at least one message. */
  get #capacity(): number {
    return Math.max(1, this.#perMinute / 60);
  }

  /** Full rate in messages per millisecond: a full bucket plus one minute of it make `perMinute`. */
  get #fullRate(): number {
    return Math.max(this.#perMinute - this.#capacity, this.#perMinute / 60) / MINUTE_MS;
  }

  #take(): boolean {
    const now = this.#clock.monotonic();
    if (this.#rampUpMs > 0 && msBetween(this.#usedAt, now) >= MINUTE_MS) {
      this.#risingSince = now;
      this.#tokens = 1;
      this.#countedAt = now;
    }
    this.#refill(now);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    this.#usedAt = now;
    return true;
  }

  #refill(now: MonotonicInstant): void {
    const from = this.#countedAt ?? now;
    this.#countedAt = now;
    if (now <= from) return;
    this.#tokens = Math.min(this.#capacity, this.#tokens + this.#fullRate * this.#fullTimeBetween(from, now));
  }

  /** Integral of the relative rate between two instants. Unit: milliseconds at the full rate. */
  #fullTimeBetween(from: MonotonicInstant, to: MonotonicInstant): number {
    const ramp = this.#rampUpMs;
    if (ramp === 0) return msBetween(from, to);
    const a = msBetween(this.#risingSince, from);
    const b = msBetween(this.#risingSince, to);
    const risen = (t: number): number => (t >= ramp ? ramp / 2 + (t - ramp) : (t * t) / (2 * ramp));
    return risen(Math.max(0, b)) - risen(Math.max(0, a));
  }

  #wait(
    party: QuotaParty,
    {
      signal,
      deadline,
    }: { readonly signal?: AbortSignal | undefined; readonly deadline?: MonotonicInstant | undefined },
  ): Promise<QuotaWait> {
    if (signal?.aborted) return Promise.resolve("aborted");
    return new Promise((resolve) => {
      let cancelDeadline: CancelTimer | undefined;
      const waiter: Waiter = {
        party,
        settle: (result) => {
          if (!this.#waiters.delete(waiter)) return;
          cancelDeadline?.();
          forget();
          resolve(result);
          if (this.#waiters.size === 0) this.#onFlowing(party);
        },
      };
      this.#waiters.add(waiter);
      const forget = onAbort(signal, () => waiter.settle("aborted"));
      if (deadline !== undefined) {
        cancelDeadline = this.#clock.schedule(timeLeftMs(this.#clock, deadline), () => waiter.settle("timeout"));
      }
      if (this.#waiters.size === 1) this.#onWaiting(party);
    });
  }

  #onWaiting(party: QuotaParty): void {
    this.#tell(party, "waiting");
    this.#nap();
  }

  #onFlowing(party: QuotaParty): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#tell(party, "flowing");
  }

  #tell({ transport, project }: QuotaParty, state: "waiting" | "flowing"): void {
    publish("cloud-messaging:quota", () => ({ transport, project, state, perMinute: this.#perMinute }));
  }

  /** Sleeps until the next permit; grants several at once where they are less than a timer's resolution apart. */
  #nap(): void {
    const untilNextMs = Math.ceil((1 - this.#tokens) / this.#fullRate);
    const rising = elapsedMs(this.#clock, this.#risingSince) < this.#rampUpMs;
    const napMs = Math.max(1, rising ? Math.min(LONGEST_NAP_MS, untilNextMs) : untilNextMs);
    this.#cancel = this.#clock.schedule(napMs, () => {
      for (const waiter of this.#waiters) {
        if (!this.#take()) break;
        waiter.settle("granted");
      }
      if (this.#waiters.size > 0) this.#nap();
    });
  }
}
