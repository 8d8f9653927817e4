import { fstatSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

/** Signals that ask a program to end; nodemon restarts with the last. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"] as const;
/**
 * Signals within so long of the first are one wish: of one Ctrl-C, the terminal's comes to every program of the group, and run-p,
 * concurrently and nodemon pass theirs on as well. Unit: milliseconds.
 */
const ONE_WISH_MS = 2000;

/** Calls `run` for each wish to end, with the signal that told it. */
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

/** Interval at which the parent is looked for. Unit: milliseconds. */
const LOOK_MS = 1000;
/** Ancestors, the parent first, as they were when the program began: they may be gone by the time that the emulator listens. */
const lineage = [process.ppid, ...ancestorsOf(process.ppid)];

/**
 * Calls `onGone` once when the program that started this one has ended without ending it: a test runner that was killed. Only one that holds
 * the other end of the standard streams, as `child_process.spawn()` makes them, is watched; a shell's background job, a service or a
 * container's first process has none.
 *
 * @param readsInput Standard input is nobody else's: when it ends and an ancestor is gone, that counts too. It tells of a runner that
 * started `npx`, which lives on. The end of the input alone means nothing: many programs end it at once.
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
    // whoever has just ended may still be on its way out
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

/** Whether the parent is there: an orphan gets another one, or on Windows keeps the number of one that is not there. */
function hasParent(): boolean {
  if (process.ppid !== lineage[0]) return false;
  try {
    process.kill(process.ppid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** Whether any ancestor has gone, and left its children to another. */
function hasLostAncestor(): boolean {
  return !hasParent() || ancestorsOf(process.ppid).some((pid, i) => pid !== lineage[i + 1]);
}

/** Parents of a process, up to the first; none where there is no `/proc`. */
function ancestorsOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // behind the name, in parentheses, and the state
    const parent = Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
    return parent === 0 ? [] : [parent, ...ancestorsOf(parent)];
  } catch {
    return [];
  }
}
