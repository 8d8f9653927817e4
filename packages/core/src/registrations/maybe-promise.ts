/** A value, or a promise of it: a store in memory need not make anybody wait. */
export type MaybePromise<T> = T | Promise<T>;

/** True for a promise or any other thenable. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
