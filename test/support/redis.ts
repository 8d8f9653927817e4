import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun, onFreePort, programPath, type RunningProgram, startProgram } from "./programs.ts";

const server = programPath("redis-server") ?? programPath("valkey-server");

/** True if tests that need Redis are to run: it (or Valkey) is installed, or this is CI, where it has to be. */
export const runsRedis = server !== undefined || mustRun;
if (!runsRedis) console.warn("Redis is not installed: its tests are skipped (apt-get install redis-server)");

/** A Redis server on loopback, with data of its own that it appends to a file before it answers. */
export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  /** Process ID of the server. */
  readonly pid: number;
  /** Folder of the data. */
  readonly folder: string;
  /** Ends the server; the data stays. */
  stop(): Promise<void>;
  /** kill -9; the data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
}

/**
 * Starts Redis on a free port of loopback in a temporary folder: append-only file, written before each answer, no eviction.
 *
 * @param settings Settings beside these, by name without the dashes.
 */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  if (server === undefined) throw new Error("Redis is not installed (apt-get install redis-server)");
  const folder = mkdtempSync(join(tmpdir(), "redis-"));
  const all = {
    bind: "127.0.0.1",
    dir: folder,
    appendonly: "yes",
    // no test cuts the power: what the operating system has outlives the server, and the disk of the machine may be busy
    appendfsync: "no",
    "maxmemory-policy": "noeviction",
    save: "",
    ...settings,
  };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, value]);
  const start = async (port: number): Promise<RunningProgram> => {
    const started = startProgram(server, ["--port", String(port), ...args], { cwd: folder });
    while (!(await answers(port, started.child.pid))) {
      if (!started.running) throw new Error(`Redis does not start: ${started.said}`);
    }
    return started;
  };
  const begun = await onFreePort(async (port) => ({ port, program: await start(port) }));
  const { port } = begun;
  let { program } = begun;

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get pid() {
      return program.child.pid as number;
    },
    folder,
    async stop() {
      program.child.kill("SIGTERM");
      await program.ended;
    },
    async kill() {
      program.child.kill("SIGKILL");
      await program.ended;
    },
    async start() {
      if (!program.running) program = await start(port);
    },
    async [Symbol.asyncDispose]() {
      program.child.kill("SIGKILL");
      await program.ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** True once the server with this process ID answers a PING: while it reads its data it answers with an error. */
function answers(port: number, pid: number | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\nINFO server\r\nQUIT\r\n"));
    socket.on("data", (data) => {
      answer += data;
    });
    socket.on("error", () => undefined);
    socket.once("close", () => {
      if (answer.startsWith("+PONG") && answer.includes(`process_id:${pid}\r\n`)) resolve(true);
      // a foreign program is being waited for: there is no event to listen to
      else setTimeout(() => resolve(false), 20);
    });
  });
}
