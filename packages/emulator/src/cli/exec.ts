import { spawn } from "node:child_process";
import { constants } from "node:os";
import { onSignals, watchParent } from "./end.ts";

/** Result of a program. */
export interface ProgramEnd {
  /** Exit status as in a shell: 128 plus the signal number after a signal, 126 or 127 if the program could not be started. */
  readonly status: number;
  /** Reason for a failed start. */
  readonly problem?: string;
}

/**
 * Runs a program with additional environment variables on the standard streams of this process. Forwards signals, except those of Ctrl-C in a terminal, which
 * reach the program directly.
 */
export function runProgram(
  [name, ...args]: readonly [string, ...string[]],
  variables: Readonly<Record<string, string>>,
): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    const child = spawn(name, args, {
      stdio: "inherit",
      env: { ...process.env, ...variables },
      // npm and similar commands are shell scripts on Windows
      shell: process.platform === "win32",
    });
    const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    onSignals((signal) => {
      if (signal !== "SIGINT" || !atTerminal) child.kill(signal);
    });
    const parent = watchParent(false, () => child.kill("SIGTERM"));
    const end = (result: ProgramEnd): void => {
      parent.stop();
      resolve(result);
    };
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return; // it runs: a signal could not be passed on
      const status = error.code === "ENOENT" ? 127 : 126;
      end({ status, problem: `${name} cannot be started: ${error.message}` });
    });
    child.once("exit", (status, signal) => {
      end({ status: status ?? 128 + (signal === null ? 0 : constants.signals[signal]) });
    });
  });
}
