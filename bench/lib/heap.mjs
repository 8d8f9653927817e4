// The heap that messages take, in a process with --expose-gc.
import { PerformanceObserver } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

/** Flags of the process: room for all garbage of a measurement, so that none is collected before it is counted. */
export const HEAP_FLAGS = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"];
/** Time in which what was begun has come to rest: connections are open, requests written. Unit: milliseconds. */
const SETTLE_MS = 2_000;

async function heapUsed() {
  await sleep(100);
  gc();
  return process.memoryUsage().heapUsed;
}

/** Bytes that each message leaves on the heap until the next collection. */
export async function garbage(contestant, { messages }) {
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  const before = await heapUsed();
  await sleep(100); // the entry of that collection
  observer.observe({ entryTypes: ["gc"] });
  const accepted = await contestant.send(messages);
  const after = process.memoryUsage().heapUsed;
  await sleep(100);
  observer.disconnect();
  if (accepted !== messages) throw new Error(`${accepted} of ${messages} messages were accepted`);
  if (collections > 0) throw new Error(`${collections} collections came in between: measure fewer messages`);
  return { bytes: (after - before) / messages };
}

/** Bytes on the heap per message that has no answer yet, connections included. The process is of no use afterwards. */
export async function heldWhilePending(contestant, { messages }) {
  const before = await heapUsed();
  for (let begun = 0; begun < messages; begun++) void contestant.sendOne();
  await sleep(SETTLE_MS);
  return { bytes: ((await heapUsed()) - before) / messages };
}
