import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { mustRun, onFreePort, programPath, type RunningProgram, startProgram, systemUser } from "./programs.ts";

/** Debian keeps the server's programs outside PATH, by version. */
const versions = "/usr/lib/postgresql";
const folders = (() => {
  try {
    return readdirSync(versions)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(versions, version, "bin"));
  } catch {
    return [];
  }
})();
const server = programPath("postgres", folders);
const initdb = programPath("initdb", folders);

/** True if tests that need PostgreSQL are to run: it is installed, or this is CI, where it has to be. */
export const runsPostgres = (server !== undefined && initdb !== undefined) || mustRun;
if (!runsPostgres) {
  console.warn("PostgreSQL is not installed: its tests are skipped (apt-get install postgresql)");
}

/** A PostgreSQL server on loopback, with data of its own. */
export interface PostgresServer extends AsyncDisposable {
  readonly port: number;
  /** Of the database `postgres`, as its superuser. */
  readonly url: string;
  /** Process ID of the server. */
  readonly pid: number;
  /** Folder of the data. */
  readonly folder: string;
  /** Ends the server's connections and the server; the data stays. */
  stop(): Promise<void>;
  /** kill -9 of the server and of all its processes; the data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  start(): Promise<void>;
}

/**
 * Starts PostgreSQL on a free port of loopback, not as root, in a temporary folder.
 *
 * @param settings Server settings beside the defaults.
 */
export async function startPostgres(settings: Readonly<Record<string, string>> = {}): Promise<PostgresServer> {
  if (server === undefined || initdb === undefined) {
    throw new Error("PostgreSQL is not installed (apt-get install postgresql)");
  }
  // the server refuses to run as root
  const user = process.getuid?.() === 0 ? systemUser("postgres") : undefined;
  const folder = newFolder(user);
  execFileSync("cp", ["-a", `${initialData(initdb, user)}/.`, folder]);
  // no test cuts the power: what the operating system has outlives the server, and the disk of the machine may be busy
  const args = Object.entries({ fsync: "off", unix_socket_directories: "", shared_buffers: "64MB", ...settings });
  const start = async (port: number): Promise<RunningProgram> => {
    const started = startProgram(
      server,
      [
        ...["-D", folder, "-p", String(port), "-h", "127.0.0.1"],
        ...args.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      { ...user, cwd: folder },
    );
    while (!takesConnections(folder, started.child.pid)) {
      if (!started.running) throw new Error(`PostgreSQL does not start: ${started.said}`);
      // a foreign program is being waited for: there is no event to listen to
      await sleep(20);
    }
    return started;
  };
  const begun = await onFreePort(async (port) => ({ port, program: await start(port) }));
  const { port } = begun;
  let { program } = begun;

  return {
    port,
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    get pid() {
      return program.child.pid as number;
    },
    folder,
    async stop() {
      program.child.kill("SIGINT");
      await program.ended;
    },
    async kill() {
      const { pid } = program.child;
      const children = program.running ? childrenOf(pid as number) : [];
      program.child.kill("SIGKILL");
      for (const child of children) {
        try {
          process.kill(child, "SIGKILL");
        } catch {
          // it has ended with its parent
        }
      }
      await program.ended;
    },
    async start() {
      if (!program.running) program = await start(port);
    },
    async [Symbol.asyncDispose]() {
      program.child.kill("SIGQUIT");
      await program.ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A folder of the user that the server runs as. */
function newFolder(user: { uid: number; gid: number } | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), "postgres-"));
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  return folder;
}

/** Folder of a new server's data, made once on this machine and then copied: `initdb` costs more than the rest of a start. */
function initialData(initdb: string, user: { uid: number; gid: number } | undefined): string {
  const [version] = /\d+\.\d+/.exec(execFileSync(initdb, ["--version"], { encoding: "utf8" })) ?? [];
  const kept = join(import.meta.dirname, "../node_modules/.cache", `postgres-${version}`);
  if (existsSync(kept)) return kept;
  const folder = newFolder(user);
  execFileSync(initdb, ["-D", folder, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], {
    ...user,
    cwd: folder,
    stdio: "ignore",
  });
  mkdirSync(dirname(kept), { recursive: true });
  const copy = `${kept}-${process.pid}`;
  execFileSync("cp", ["-a", folder, copy]);
  rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(copy, kept);
  } catch {
    // another test has made it meanwhile
    rmSync(copy, { recursive: true, force: true });
  }
  return kept;
}

function childrenOf(pid: number): number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return listed.split(" ").filter(Boolean).map(Number);
}

/** True once the server with this process ID takes connections: it says so in a file of its folder, whoever answers on its port. */
function takesConnections(folder: string, pid: number | undefined): boolean {
  try {
    const lines = readFileSync(join(folder, "postmaster.pid"), "utf8").split("\n");
    return Number(lines[0]) === pid && lines[7]?.trim() === "ready";
  } catch {
    return false;
  }
}
