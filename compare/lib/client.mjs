// Starts the process of a client, pointed at a server of the comparison by the emulator's redirect: every client believes that it speaks
// to Google, and none is changed.
import { fork } from "node:child_process";
import { LIMIT_MS } from "./limit.mjs";

const PROCESS = new URL("./client-process.mjs", import.meta.url);
const REDIRECT = "@cloud-messaging/emulator/redirect";

const AFTER_MS = 3_000;
/** Time until the next round of sends, where the round before has not settled. Unit: milliseconds. */
const ROUND_MS = 3_000;

/**
 * Runs a client to its end, or to the limit.
 *
 * @param of Names of the client: `{ protocol, client }`.
 * @param server Its address: `{ host, caFile, account }`.
 * @param rounds Recipients of each call, round by round.
 * @param hear Called with the text and ID of each upstream message that the client has handled.
 * @param until Resolves when a client that is only listened to may end.
 * @param afterMs Time after the last answer in which the server still counts copies. Unit: milliseconds.
 */
export async function runClient({ protocol, client }, server, rounds, { hear, until, afterMs = AFTER_MS } = {}) {
  const told = new Map();
  const why = new Map();
  const argument = JSON.stringify({ protocol, client, server, rounds, roundMs: ROUND_MS });
  const child = fork(PROCESS, [argument], {
    execArgv: ["--no-warnings", "--import", REDIRECT],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    cwd: new URL("..", import.meta.url),
    env: environmentOf(server),
  });
  let said = "";
  child.stderr.on("data", (text) => {
    said = (said + text).slice(-2_000);
  });
  let done;
  let ended;
  const finished = new Promise((resolve) => {
    child.once("exit", (status) => {
      if (done === undefined) ended ??= `the process ended with ${status}: ${said.trim().split("\n").at(-1)}`;
      resolve();
    });
    child.on("message", (message) => {
      if (message.told !== undefined) {
        told.set(message.told, message.word);
        if (message.why) why.set(message.why, (why.get(message.why) ?? 0) + 1);
      } else if (message.upstream !== undefined) hear?.(message.upstream);
      else if (message.ended !== undefined) ended = message.ended;
      else if (message.done !== undefined) {
        done = message.done;
        void Promise.resolve(until).then(resolve);
      }
    });
  });
  let limit;
  const tooLong = new Promise((resolve) => {
    limit = setTimeout(resolve, LIMIT_MS);
  });
  await Promise.race([finished, tooLong]);
  clearTimeout(limit);
  if (done !== undefined) await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill("SIGKILL");
  return { told, why, ended, done };
}

/** Environment of a process whose connections to Google go to the server. */
export function environmentOf({ host, caFile }) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(CLOUD_MESSAGING|GOOGLE_|NODE_OPTIONS|NODE_EXTRA)|_proxy$/i.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    CLOUD_MESSAGING_EMULATOR_HOST: host,
    CLOUD_MESSAGING_EMULATOR_HTTPS: host,
    CLOUD_MESSAGING_EMULATOR_CCS: host,
    CLOUD_MESSAGING_EMULATOR_CA_FILE: caFile,
  };
}
