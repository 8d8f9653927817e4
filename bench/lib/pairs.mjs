// Measures one case of this tree against the same case of another, or against its own floor: A B A B, each time in a fresh process, since a
// process is lucky or unlucky for all its life.
import { ask, start, stop } from "./measure.mjs";

/**
 * @param sides The case in each tree: `{ url, index, name }`, this tree's first; `name` of the contestant, `ours` by default. Both send to
 * this tree's server.
 * @returns {Promise<number[]>} This tree's CPU time per message, divided by the other's, pair by pair.
 */
export async function measurePairs(sides, { messages, pairs, onPair }) {
  const server = await start("./server-process.mjs", sides[0]);
  const ratios = [];
  try {
    for (let pair = 0; pair < pairs; pair++) {
      const [ours, theirs] = [await costOf(sides[0], server, messages), await costOf(sides[1], server, messages)];
      ratios.push(ours / theirs);
      onPair(pair + 1);
    }
  } finally {
    await stop(server.child);
  }
  return ratios;
}

/** CPU time per message of a contestant, after a warm-up. Unit: microseconds. */
async function costOf(side, server, messages) {
  const { child } = await start("./contestant-process.mjs", { name: "ours", ...side, server: server.ready.value });
  try {
    await ask(child, { messages: Math.ceil(messages / 2) });
    const { cpuUs } = await ask(child, { messages });
    return cpuUs / messages;
  } finally {
    await stop(child);
  }
}
