import { type FieldProblem, InvalidOptionsError, pathOf } from "../errors.ts";
import { unknownName } from "../problems.ts";
import type { BackoffPolicy } from "./backoff.ts";

/** Resends of a transport whose own policy does not say. */
const DEFAULT_MAX_RESENDS = 1;

/**
 * Puts options over a transport's own policy.
 *
 * @throws {InvalidOptionsError} naming every option that is none, or out of range.
 */
export function resolvePolicy(defaults: BackoffPolicy, overrides: Partial<BackoffPolicy>): BackoffPolicy {
  const policy = { ...defaults, maxResends: defaults.maxResends ?? DEFAULT_MAX_RESENDS };
  const problems: FieldProblem[] = [];
  for (const key of Object.keys(overrides) as (keyof BackoffPolicy)[]) {
    const value = overrides[key];
    if (value === undefined) continue;
    const range = POLICY_RANGES[key];
    if (range === undefined) {
      const problem = unknownName(key, Object.keys(POLICY_RANGES), { name: "an option of the retry policy" });
      problems.push({ path: pathOf(["retry", key]), problem });
    } else if (typeof value !== "number" || !range.holds(value)) {
      problems.push({ path: `retry.${key}`, problem: `must be ${range.words}, not ${String(value)}` });
    } else policy[key] = value;
  }
  // whoever widens the first wait means the later ones too
  if (overrides.maxMs === undefined) policy.maxMs = Math.max(policy.maxMs, policy.initialMs);
  else if (problems.length === 0 && policy.maxMs < policy.initialMs) {
    problems.push({
      path: "retry.maxMs",
      problem: `must be at least initialMs (${policy.initialMs}), not ${policy.maxMs}`,
    });
  }
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return policy;
}

const milliseconds = {
  holds: (value: number) => value >= 0 && value < Number.POSITIVE_INFINITY,
  words: "a number of milliseconds, 0 or more",
};
const POLICY_RANGES: Readonly<Record<keyof BackoffPolicy, { holds(value: number): boolean; readonly words: string }>> =
  {
    minMs: milliseconds,
    initialMs: milliseconds,
    maxMs: milliseconds,
    rateLimitedMinMs: milliseconds,
    maxAttempts: {
      holds: (value) => value >= 1 && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY),
      words: "a whole number of at least 1, or Infinity",
    },
    maxResends: {
      holds: (value) => value >= 0 && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY),
      words: "a whole number of at least 0, or Infinity",
    },
    totalMs: { holds: (value) => value > 0, words: "a number of milliseconds above 0, or Infinity" },
  };
