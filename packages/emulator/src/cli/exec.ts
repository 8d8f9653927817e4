import { spawn } from "node:child_process";
import { constants } from "node:os";
import { onSignals, watchParent } from "./end.ts";

/** End of a program. */
export interface ProgramEnd {
  /** Its exit status, in a shell's way: 128 and the signal's number when a signal ended it, 126 or 127 when it could not be started. */
  readonly status: number;
  /** Reason why it could not be started. */
  readonly problem?: string;
}

/**
 * Runs a program with further variables, on this process's standard streams. Signals are passed on: but not what the terminal's Ctrl-C, which
 * the program gets itself, sends to both.
 */
export function runProgram(
  [name, ...args]: readonly [string, ...string[]],
  variables: Readonly<Record<string, string>>,
): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    const child = spawn(name, args, {
      stdio: "inherit",
      env: { ...process.env, ...variables },
      // npm and its like are scripts of the shell there
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
