import type { Readable, Writable } from "node:stream";

/** A program of Node that can be killed. */
export interface KillableProcess {
  /** `null` unless asked for. */
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  /** Resolves once it was killed, or has ended with status 0; rejects with its stderr when it has ended otherwise. */
  readonly ended: Promise<void>;
  /** Ends it with SIGKILL. Rejects if it had ended by itself with an error. */
  kill(): Promise<void>;
}

/** Starts a program of Node. */
export function startKillable(
  args: readonly string[],
  options?: { readonly stdin?: "ignore" | "pipe" },
): KillableProcess;

/** Waits for something that needs the processes: rejects as soon as one of them ends by itself with an error. */
export function whileRunning<T>(processes: readonly KillableProcess[], promise: Promise<T>): Promise<T>;
