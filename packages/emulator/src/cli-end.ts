import { fstatSync } from "node:fs";
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

/** Read when the program begins: the parent may be gone by the time that the emulator listens. */
const parent = process.ppid;
const startedAt = performance.now();
/** Interval at which the parent is looked for. Unit: milliseconds. */
const LOOK_MS = 1000;
/** An input that ends earlier after the start was never meant to last. Unit: milliseconds. */
const INPUT_LASTS_MS = 5000;

/**
 * Calls `onGone` once when the program that started this one has ended without ending it: a test runner that was killed. Only a parent that
 * holds the other end of the standard streams, as one made by `child_process.spawn()` does, is watched; a shell's background job, a service
 * or a container's first process has none.
 *
 * @param readsInput Standard input is nobody else's: its end counts too, which tells of a runner that started `npx`.
 */
export function watchParent(readsInput: boolean, onGone: () => void): { stop(): void } {
  const tied = process.connected || [0, 1, 2].some((fd) => kindOf(fd)?.isSocket() === true);
  const gone = (): void => {
    stop();
    onGone();
  };
  const timer = tied ? setInterval(() => !hasParent() && gone(), LOOK_MS).unref() : undefined;
  const input = kindOf(0);
  const watchesInput = readsInput && (input?.isSocket() === true || input?.isFIFO() === true);
  const onEnd = (): void => {
    if (performance.now() - startedAt > INPUT_LASTS_MS) gone();
  };
  if (watchesInput)
    process.stdin
      .on("error", () => {})
      .on("end", onEnd)
      .resume();

  function stop(): void {
    clearInterval(timer);
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

/** Whether this is still the parent: an orphan gets another one, or on Windows keeps the number of one that is not there. */
function hasParent(): boolean {
  if (process.ppid !== parent) return false;
  try {
    process.kill(parent, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}
