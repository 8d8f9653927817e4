// Programs of Node that are killed while they work.
import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Starts a program of Node, to be ended by `kill()`. `ended` resolves once it has been killed, or has ended with status 0; it rejects with
 * what the program said on stderr when it ended otherwise. Whoever waits for the program to do something waits for `ended` too.
 */
export function startKillable(args, { stdin = "ignore" } = {}) {
  const child = spawn(process.execPath, args, { stdio: [stdin, "pipe", "pipe"] });
  let said = "";
  let killed = false;
  child.stderr.on("data", (data) => {
    said = (said + data).slice(-4_000);
  });
  const ended = once(child, "close").then(([code, signal]) => {
    if (code === 0 || (killed && signal === "SIGKILL")) return;
    throw new Error(`the process ended by itself: ${signal ?? code}\n${said}`);
  });
  // whoever waits for the process is told; until then it is nobody's failure
  ended.catch(() => undefined);
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    ended,
    /** Ends it with SIGKILL. Rejects if it had ended by itself with an error. */
    kill() {
      killed = true;
      child.kill("SIGKILL");
      return ended;
    },
  };
}

/** Waits for something that needs the processes: rejects as soon as one of them ends by itself with an error. */
export function whileRunning(processes, promise) {
  const failures = processes.map(({ ended }) => ended.then(() => new Promise(() => undefined)));
  return Promise.race([promise, ...failures]);
}
