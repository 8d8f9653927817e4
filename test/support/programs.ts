import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { delimiter, join } from "node:path";

/** True if a missing program is a failure and not a skip: in CI everything has to be there. */
export const mustRun = process.env["CI"] !== undefined && process.env["CI"] !== "" && process.env["CI"] !== "false";

/** Path of a program of this machine, in PATH or in one of the other folders; `undefined` if there is none. */
export function programPath(name: string, folders: readonly string[] = []): string | undefined {
  return [...(process.env["PATH"] ?? "").split(delimiter), ...folders]
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

/** True if a program is in PATH. */
export function installed(program: string): boolean {
  return programPath(program) !== undefined;
}

/** A port of loopback that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

/** Starts a server on a free port; on another one if it does not start: somebody may have taken the port meanwhile. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

/** The IDs of a system user. */
export function systemUser(name: string): { uid: number; gid: number } {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

/** A server program that runs. */
export interface RunningProgram {
  readonly child: ChildProcess;
  /** Resolves when it has ended and everything it said was read. */
  readonly ended: Promise<void>;
  readonly running: boolean;
  /** The end of what it said. */
  readonly said: string;
}

/** Starts a program that is ended by its owner, and keeps the end of what it says for errors. */
export function startProgram(file: string, args: readonly string[], options: SpawnOptions = {}): RunningProgram {
  const child = spawn(file, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let running = true;
  const hear = (data: Buffer): void => {
    said = (said + data.toString()).slice(-4_000);
  };
  child.stdout?.on("data", hear);
  child.stderr?.on("data", hear);
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      said += String(error);
      running = false;
      resolve();
    });
    child.once("close", () => {
      running = false;
      resolve();
    });
  });
  return {
    child,
    ended,
    get running() {
      return running;
    },
    get said() {
      return said;
    },
  };
}
