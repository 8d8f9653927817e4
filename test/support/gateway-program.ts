import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const PACKAGE = join(import.meta.dirname, "../../packages/gateway");

/** The gateway's program, started. */
export type GatewayProgram = ReturnType<typeof startGatewayProgram>;

/**
 * Starts the gateway's program; `line` waits for a line of its log, at most until it has ended.
 *
 * @param installed Folder of the package.
 */
export function startGatewayProgram(
  args: readonly string[],
  input = "",
  env: NodeJS.ProcessEnv = {},
  installed = PACKAGE,
) {
  const program = join(installed, "bin/cloud-messaging-gateway.mjs");
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env } });
  let output = "";
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += String(chunk);
      for (const look of waiting) look();
    });
  }
  child.stdin.end(input);
  const ended = once(child, "close").then(([code]) => code as number | null);
  const lines = (text: string): Record<string, unknown>[] =>
    output
      .split("\n")
      .filter((line) => line.includes(text) && line.endsWith("}"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    child,
    ended,
    output: () => output,
    /** Lines of the log with a text. */
    lines,
    /** Waits for the first line with a text that fulfils a condition. */
    line: (text: string, fulfils: (line: Record<string, unknown>) => boolean = () => true) =>
      new Promise<Record<string, unknown>>((resolve, reject) => {
        const look = (): void => {
          const found = lines(text).find(fulfils);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        void ended.then(() => reject(new Error(`ended without ${text}: ${output}`)));
        look();
      }),
    /** Kills it, if it runs, and waits for its end. */
    async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<number | null> {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return ended;
    },
  };
}
