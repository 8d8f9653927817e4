import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { ReadyLine } from "../../packages/emulator/src/cli/output.ts";

/** The built program, as `npx @cloud-messaging/emulator` runs it. */
export const CLI = join(import.meta.dirname, "../../packages/emulator/dist/cli.js");
/** Options for free ports. */
export const ANY_PORTS: readonly string[] = ["--http-port", "0", "--https-port", "0", "--ccs-port", "0"];

const children = new Set<ChildProcess>();

/** Kills every program that still runs. */
export function killAll(): void {
  for (const child of children) child.kill("SIGKILL");
}

/** A program that was started. */
export interface Running {
  readonly child: ChildProcess;
  /** The first that it prints on standard output. */
  readonly printed: Promise<string>;
  /** All of it, once it has ended. */
  readonly ended: Promise<{ readonly status: number | null; readonly out: string; readonly err: string }>;
  kill(signal: NodeJS.Signals): void;
}

/** Starts any program, without input. */
export function launch(
  name: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
  stdio: StdioOptions = ["ignore", "pipe", "pipe"],
): Running {
  const child = spawn(name, args, {
    cwd: join(import.meta.dirname, ".."),
    env: { ...process.env, ...variables },
    stdio,
  });
  children.add(child);
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("Its output has to be piped");
  const out = text(stdout);
  const err = text(stderr);
  return {
    child,
    printed: new Promise((resolve) => stdout.once("data", (data: Buffer) => resolve(data.toString()))),
    ended: new Promise((resolve) => {
      child.once("close", async (status) => {
        children.delete(child);
        resolve({ status, out: await out, err: await err });
      });
    }),
    kill: (signal) => void child.kill(signal),
  };
}

/** Starts the emulator, or another program of Node's. */
export function run(
  args: readonly string[],
  nodeArgs: readonly string[] = [CLI],
  variables: Readonly<Record<string, string>> = {},
): Running {
  return launch(process.execPath, [...nodeArgs, ...args], variables);
}

/** Starts the emulator on free ports and waits until it is ready. */
export async function start(...args: string[]): Promise<{ ready: ReadyLine; running: Running }> {
  const running = run(["--json", ...ANY_PORTS, ...args]);
  const first = await Promise.race([running.printed, running.ended]);
  if (typeof first !== "string") throw new Error(`The emulator did not start: ${first.err}`);
  return { ready: JSON.parse(first) as ReadyLine, running };
}
