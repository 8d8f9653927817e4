declare const monotonic: unique symbol;

/**
 * A point in time on the monotonic clock of one process. Opaque: the compiler refuses to mix it with numbers, and so with milliseconds
 * since the epoch. Two of them compare with `<`, `<=`, `>` and `>=`; everything else is done by the functions beside it. It means
 * nothing in another process: what is stored or sent elsewhere takes a date (`Clock.now()`) or a duration.
 */
export interface MonotonicInstant {
  readonly [monotonic]: true;
}

// a number at run time, here and in `monotonicInstant`: one is read for every message, and costs no allocation
const read = (instant: MonotonicInstant): number => instant as unknown as number;

/**
 * Makes an instant of a reading, for a `Clock` of one's own.
 *
 * @param readingMs Milliseconds since any fixed moment, from a monotonic clock: `performance.now()`.
 */
export function monotonicInstant(readingMs: number): MonotonicInstant {
  return readingMs as unknown as MonotonicInstant;
}

/** Computes the instant that lies `ms` later; earlier for a negative number. Unit: milliseconds; `Infinity` gives `NEVER`. */
export function plusMs(instant: MonotonicInstant, ms: number): MonotonicInstant {
  return monotonicInstant(read(instant) + ms);
}

/** Computes the time from one instant to another; negative where `to` lies before `from`. Unit: milliseconds. */
export function msBetween(from: MonotonicInstant, to: MonotonicInstant): number {
  return read(to) - read(from);
}

/** Picks the earlier of two instants. */
export function earlier(one: MonotonicInstant, other: MonotonicInstant): MonotonicInstant {
  return one < other ? one : other;
}

/** Picks the later of two instants. */
export function later(one: MonotonicInstant, other: MonotonicInstant): MonotonicInstant {
  return other < one ? one : other;
}

/** An instant later than every other: the deadline of what has none. */
export const NEVER: MonotonicInstant = monotonicInstant(Number.POSITIVE_INFINITY);

/** An instant before every other: the end of a pause that never began. */
export const LONG_AGO: MonotonicInstant = monotonicInstant(Number.NEGATIVE_INFINITY);
