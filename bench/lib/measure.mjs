// Measures one case: a server process, one process per contestant, and rounds in turn.
import { fork } from "node:child_process";
import { once } from "node:events";

const ROUNDS = { quick: 3, full: 7 };
/** About how long a contestant takes for a round of a quick run, and for its warm-up. Unit: milliseconds. */
const QUICK_MS = 350;

/** Starts a process and resolves with its first message. */
export async function start(file, data, execArgv = []) {
  const child = fork(new URL(file, import.meta.url), [JSON.stringify(data)], {
    execArgv,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ready = await answer(child);
  return { child, ready };
}

/** The next message of a child; rejects when it dies instead. */
async function answer(child) {
  const ended = new AbortController();
  try {
    const [message] = await Promise.race([
      once(child, "message", { signal: ended.signal }),
      once(child, "exit", { signal: ended.signal }).then(([code]) => {
        throw new Error(`a benchmark process ended with ${code}`);
      }),
    ]);
    if (message.error !== undefined) throw new Error(message.error);
    return message;
  } finally {
    ended.abort();
  }
}

export async function ask(child, message) {
  const answered = answer(child);
  child.send(message);
  return answered;
}

export async function stop(child) {
  if (child.exitCode !== null) return;
  const exited = once(child, "exit");
  child.disconnect();
  await exited;
}

/**
 * A warm-up in ten parts, cut short when it has taken long enough, and not before half of it: the first few hundred messages of a process
 * cost ten times as much as later ones, and a round that is sized by them is so short that it measures the same again. Resolves with how
 * many messages a round should have.
 */
async function warmUpQuickly(child, messages) {
  const part = Math.ceil(messages / 10);
  let spentMs = 0;
  let perMs = 0;
  for (let done = 0; done < messages && (done < messages / 2 || spentMs < QUICK_MS); done += part) {
    const { wallMs } = await ask(child, { messages: part });
    spentMs += wallMs;
    perMs = part / wallMs;
  }
  return Math.max(1, Math.min(messages, Math.ceil(perMs * QUICK_MS)));
}

/**
 * @returns {Promise<{definition: object, contestants: {name: string, cpuUs: number[], perSecond: number[], rssMb: number}[]}>}
 */
export async function measureCase(definition, { url, index, quick, profile }) {
  const server = await start("./server-process.mjs", { url, index });
  const contestants = [];
  try {
    for (const name of Object.keys(definition.contestants)) {
      const execArgv = profile
        ? ["--cpu-prof", "--cpu-prof-dir=bench/profiles", `--cpu-prof-name=${definition.name}-${name}.cpuprofile`]
        : [];
      const { child } = await start(
        "./contestant-process.mjs",
        { url, index, name, server: server.ready.value },
        execArgv,
      );
      contestants.push({ name, child, cpuUs: [], perSecond: [], rssMb: 0 });
    }
    for (const contestant of contestants) {
      contestant.messages = definition.messages;
      if (quick) contestant.messages = await warmUpQuickly(contestant.child, Math.ceil(definition.messages / 3));
      else await ask(contestant.child, { messages: Math.ceil(definition.messages / 2) });
    }
    for (let round = 0; round < (quick ? ROUNDS.quick : ROUNDS.full); round++) {
      for (const contestant of contestants) {
        const { messages } = contestant;
        const { cpuUs, wallMs, rssMb } = await ask(contestant.child, { messages });
        contestant.cpuUs.push(cpuUs / messages);
        contestant.perSecond.push((messages * 1000) / wallMs);
        contestant.rssMb = rssMb;
      }
    }
  } finally {
    for (const { child } of contestants) await stop(child);
    await stop(server.child);
  }
  return { definition, contestants: contestants.map(({ child: _, messages: __, ...rest }) => rest) };
}
