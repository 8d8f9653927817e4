/** Tells when a service that usually answers quickly has become slow. */
export interface SlowdownDetector {
  /**
   * Takes note of one answer. `true`: answers have been slow for a while now.
   *
   * @param latencyMs Unit: milliseconds.
   */
  observe(latencyMs: number): boolean;
}

/** Answers seen before anything is called slow. */
const WARM_UP = 50;
/** Weight of one answer in the mean of late. */
const RECENT = 0.1;
/** Weight of one answer slower than usual in what is usual: a service that stays slow becomes the usual one, slowly. */
const USUAL_UP = 0.002;
/** Slow is this many times the usual … */
const FACTOR = 3;
/** … and this much more. Unit: milliseconds. What a busy process of our own adds must not count. */
const MARGIN_MS = 250;

/** Compares the mean of the last few answers with what has been usual. */
export function createSlowdownDetector(): SlowdownDetector {
  let seen = 0;
  let recentMs = 0;
  let usualMs = 0;
  return {
    observe(latencyMs) {
      seen++;
      if (seen === 1) {
        recentMs = latencyMs;
        usualMs = latencyMs;
        return false;
      }
      recentMs += (latencyMs - recentMs) * RECENT;
      usualMs += (latencyMs - usualMs) * (latencyMs < usualMs ? RECENT : USUAL_UP);
      return seen > WARM_UP && recentMs > usualMs * FACTOR + MARGIN_MS;
    },
  };
}
