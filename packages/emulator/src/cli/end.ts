import { fstatSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

/** Signals that request termination; nodemon restarts with the last one. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"] as const;
/**
 * Interval within which signals count as one request: for one Ctrl-C, the terminal signals every process of the group, and run-p,
 * concurrently and nodemon forward their signal as well. Unit: milliseconds.
 */
const ONE_WISH_MS = 2000;

/** Calls `run` with the signal for each request to terminate. */
export function onSignals(run: (signal: NodeJS.Signals) => void): void {
  let wishedAt = Number.NEGATIVE_INFINITY;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const now = performance.now();
      if (now - wishedAt < ONE_WISH_MS) return;
      wishedAt = now;
      run(signal);
    });
  }
}

/** Polling interval of the parent process. Unit: milliseconds. */
const LOOK_MS = 1000;
/** Ancestor processes, parent first, read at start: they may have exited by the time the emulator listens. */
const lineage = [process.ppid, ...ancestorsOf(process.ppid)];

/**
 * Calls `onGone` once if the parent process has exited without terminating this one, such as a killed test runner. Only a parent that holds
 * the other end of the standard streams, as `child_process.spawn()` creates them, is watched; shell background jobs, services and the
 * first process of a container are not.
 *
 * @param readsInput True if nothing else reads standard input: its end, together with an exited ancestor, then counts too. Detects the exit of a
 * runner that started `npx`, which survives. The end of the input alone means nothing: many programs close it at once.
 */
export function watchParent(readsInput: boolean, onGone: () => void): { stop(): void } {
  const gone = (): void => {
    stop();
    onGone();
  };
  const tied = process.connected || [0, 1, 2].some((fd) => kindOf(fd)?.isSocket() === true);
  const timer = tied ? setInterval(() => !hasParent() && gone(), LOOK_MS).unref() : undefined;
  const input = kindOf(0);
  const watchesInput = readsInput && (input?.isSocket() === true || input?.isFIFO() === true);
  let later: NodeJS.Timeout | undefined;
  const onEnd = (): void => {
    // the process may still be exiting
    later = setTimeout(() => hasLostAncestor() && gone(), LOOK_MS).unref();
  };
  if (watchesInput)
    process.stdin
      .on("error", () => {})
      .on("end", onEnd)
      .resume();

  function stop(): void {
    clearInterval(timer);
    clearTimeout(later);
    if (watchesInput) process.stdin.off("end", onEnd).destroy();
  }
  return { stop };
}

function kindOf(fd: number): ReturnType<typeof fstatSync> | undefined {
  try {
    return fstatSync(fd);
  } catch {
    return undefined; // closed
  }
}

/** True if the parent is alive: an orphan gets another parent, or on Windows keeps the ID of a process that no longer exists. */
function hasParent(): boolean {
  if (process.ppid !== lineage[0]) return false;
  try {
    process.kill(process.ppid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** True if an ancestor has exited and its children were reparented. */
function hasLostAncestor(): boolean {
  return !hasParent() || ancestorsOf(process.ppid).some((pid, i) => pid !== lineage[i + 1]);
}

/** Ancestors of a process, up to the first process; empty without `/proc`. */
function ancestorsOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // after the name in parentheses and the state
    const parent = Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
    return parent === 0 ? [] : [parent, ...ancestorsOf(parent)];
  } catch {
    return [];
  }
}
