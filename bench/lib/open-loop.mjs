// Sends at a fixed rate, whatever comes back. Each message has a planned start, and its latency counts from there: a pause counts for every
// message that it delays.
import { createHistogram } from "node:perf_hooks";

/** Most messages in flight; the start of another waits, and the wait is part of its latency. */
const MAX_IN_FLIGHT = 1_000;
/** Part of the planned time after which no further message is sent: the contestant does not keep up. */
const MAX_OVERRUN = 2;
const PERCENTILES = { p50: 50, p99: 99, p999: 99.9 };

/**
 * @param sendOne Resolves with 1 for an accepted message.
 * @returns Latencies and the longest pause of the event loop in milliseconds, the part of the planned messages that was sent, and how many
 * of them were not accepted.
 */
export async function openLoop(sendOne, { perSecond, seconds }) {
  const total = perSecond * seconds;
  const intervalMs = 1_000 / perSecond;
  const latencyUs = createHistogram();
  let longestPauseMs = 0;
  let begun = 0;
  let settled = 0;
  let failed = 0;

  await new Promise((resolve) => {
    const beganAt = performance.now();
    let turnedAt = beganAt;
    const settle = (position, accepted) => {
      settled++;
      if (accepted !== 1) failed++;
      latencyUs.record(Math.max(1, Math.round((performance.now() - beganAt - position * intervalMs) * 1_000)));
    };
    const turn = () => {
      const now = performance.now();
      longestPauseMs = Math.max(longestPauseMs, now - turnedAt);
      turnedAt = now;
      const isOver = begun === total || now - beganAt > MAX_OVERRUN * seconds * 1_000;
      const due = isOver ? begun : Math.min(total, Math.floor((now - beganAt) / intervalMs) + 1);
      for (; begun < due && begun - settled < MAX_IN_FLIGHT; begun++) {
        const position = begun;
        sendOne().then(
          (accepted) => settle(position, accepted),
          () => settle(position, 0),
        );
      }
      if (isOver && settled === begun) resolve();
      else setImmediate(turn);
    };
    turn();
  });
  const percentiles = Object.fromEntries(
    Object.entries(PERCENTILES).map(([name, percent]) => [name, latencyUs.percentile(percent) / 1_000]),
  );
  return { ...percentiles, longestPauseMs, sentPart: begun / total, failed };
}
