// What can be said of ratios that were measured pair by pair, without assuming how they are distributed.

/** The middle value; of an even number of them, the mean of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2;
}

/**
 * Bounds between which the true median lies in at least 95 % of all series: order statistics, from the binomial distribution.
 *
 * @param values At least 6: fewer have no such bounds.
 */
export function medianBounds(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  if (n < 6) throw new RangeError(`95 % bounds of a median need at least 6 values, not ${n}`);
  // the probability that fewer than k of n values lie below the median, for the largest k that keeps both tails within 5 %
  let term = 0.5 ** n;
  let tail = term;
  let k = 1;
  for (; k < n / 2; k++) {
    term *= (n - k + 1) / k;
    if (2 * (tail + term) > 0.05) break;
    tail += term;
  }
  return { lower: sorted[k - 1], upper: sorted[n - k] };
}

/** A ratio of costs above it counts as dearer. */
export const LIMIT = 1.05;

/** Ratios of this tree's cost to the other's, in a word. */
export function verdict({ lower, upper }, limit = LIMIT) {
  if (upper <= limit) return "no dearer";
  return lower > limit ? "dearer" : "too noisy to tell";
}
