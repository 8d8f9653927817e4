// Contestants of a case in turns, each time in a fresh process: what else happens on the machine hits all of them.
import { once } from "node:events";
import { ask, start, stop } from "./measure.mjs";
import { median, medianBounds } from "./statistics.mjs";

/** Finds a case by its name in the file that exports it; `undefined` where it has none. */
export async function findCase(url, name) {
  const { default: cases } = await import(url);
  const index = cases.findIndex((definition) => definition.name === name);
  return index === -1 ? undefined : { url, index, definition: cases[index] };
}

/**
 * @param tasks Requests to each process, one after the other; the answer to the last one counts.
 * @returns {Promise<Record<string, object[]>>} Answers by contestant, in the order of the rounds.
 */
export async function takeTurns({ url, index }, { names, rounds, tasks, execArgv = [] }) {
  const server = await start("./server-process.mjs", { url, index });
  const answers = Object.fromEntries(names.map((name) => [name, []]));
  try {
    for (let round = 0; round < rounds; round++) {
      for (const name of names) {
        const given = { url, index, name, server: server.ready.value };
        const { child } = await start("./contestant-process.mjs", given, execArgv);
        try {
          let answer;
          for (const task of tasks) answer = await ask(child, task);
          answers[name].push(answer);
        } finally {
          const exited = once(child, "exit");
          if (child.kill()) await exited;
        }
      }
    }
  } finally {
    await stop(server.child);
  }
  return answers;
}

/** The median ratio of two series, round by round, with its 95 % bounds. */
export function ratioOf(ours, theirs) {
  const ratios = ours.map((value, round) => value / theirs[round]);
  const { lower, upper } = medianBounds(ratios);
  return { ratio: median(ratios), words: `${median(ratios).toFixed(2)} (${lower.toFixed(2)} to ${upper.toFixed(2)})` };
}

/** The rounds of a command line: 6 or more, since fewer have no bounds. */
export function readRounds(text) {
  const rounds = Number(text);
  if (!Number.isInteger(rounds) || rounds < 6) throw new Error(`--rounds must be 6 or more, not ${text}`);
  return rounds;
}
