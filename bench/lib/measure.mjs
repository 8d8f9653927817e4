// Measures one case: a server process, one process per contestant, and rounds in turn.
import { fork } from "node:child_process";
import { once } from "node:events";

const ROUNDS = { quick: 3, full: 7 };

/** Starts a process and resolves with its first message. */
async function start(file, data, execArgv = []) {
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

async function ask(child, message) {
  const answered = answer(child);
  child.send(message);
  return answered;
}

async function stop(child) {
  if (child.exitCode !== null) return;
  const exited = once(child, "exit");
  child.disconnect();
  await exited;
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
    const messages = quick ? Math.ceil(definition.messages / 3) : definition.messages;
    for (const { child } of contestants) await ask(child, { messages: Math.ceil(messages / 2) }); // warm-up
    for (let round = 0; round < (quick ? ROUNDS.quick : ROUNDS.full); round++) {
      for (const contestant of contestants) {
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
  return { definition, contestants: contestants.map(({ child: _, ...rest }) => rest) };
}
