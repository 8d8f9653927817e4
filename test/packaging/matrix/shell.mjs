// Running what others made: one command, its output kept for the report.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Runs a command to its end. @returns what it printed; rejects with it, where the command fails. */
export async function run(command, args, { cwd, env = {}, limitMs = 900_000 } = {}) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
  }
  const limit = setTimeout(() => child.kill("SIGKILL"), limitMs);
  const [status, signal] = await once(child, "close").finally(() => clearTimeout(limit));
  if (status === 0) return printed;
  throw new Error(`${command} ${args.join(" ")} ended with ${signal ?? status}\n${printed.slice(-3000)}`);
}

/** Starts a program that prints one line when it is ready and ends with its standard input. */
export async function startService(command, args, { cwd } = {}) {
  const child = spawn(command, args, { cwd, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [first] = await Promise.race([
    once(lines, "line"),
    once(child, "exit").then(([status]) => {
      throw new Error(`${args.join(" ")} ended with ${status} before it was ready`);
    }),
  ]);
  return {
    first,
    async stop() {
      const ended = once(child, "exit");
      child.stdin.end();
      await ended;
    },
  };
}

/** Installs packages into a folder, which becomes a project where it is none. @returns what npm printed. */
export async function npmInstall(specs, { cwd, env, flags = [] }) {
  const manifest = join(cwd, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, JSON.stringify({ name: "app", private: true }));
  return run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...flags, ...specs], { cwd, env });
}
