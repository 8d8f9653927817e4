#!/usr/bin/env node
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CloudMessagingError, isCloudMessagingError } from "@cloud-messaging/core";
import { shownPath } from "@cloud-messaging/core/transport";
import { onSignals, watchParent } from "./cli/end.ts";
import { runProgram } from "./cli/exec.ts";
import { forwardCaptured } from "./cli/forward.ts";
import { type Command, DEFAULT_PORTS, HELP, inCommandLineWords, parseCommandLine, withConfig } from "./cli/options.ts";
import { readyLine, readyText } from "./cli/output.ts";
import type { Emulator } from "./emulator.ts";
import type { EmulatorOptions } from "./options.ts";
import { startEmulator } from "./start-emulator.ts";

type Start = Extract<Command, { kind: "start" }>;

/** Exit status for invalid command-line options. */
const USAGE = 2;
/** Maximum time for closing, after which the process exits. Unit: milliseconds. */
const CLOSE_AT_MOST_MS = 900;

const command = parseCommandLine(process.argv.slice(2));
// the reader of the output may have exited
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});
switch (command.kind) {
  case "help":
    process.stdout.write(HELP);
    break;
  case "version":
    process.stdout.write(`${version()}\n`);
    break;
  case "wrong":
    fail(`${command.problem}\nSee npx @cloud-messaging/emulator --help`, USAGE);
    break;
  case "start":
    await start(command);
}

async function start(asked: Start): Promise<void> {
  const options = optionsOf(asked);
  if (options === undefined) return;
  let emulator: Emulator;
  try {
    emulator = await startEmulator(options);
  } catch (error) {
    if (!(error instanceof CloudMessagingError)) throw error;
    return fail(inCommandLineWords(error.message), error.code === "ERR_INVALID_OPTIONS" ? USAGE : 1);
  }
  tellOfUnsavedState(emulator);
  tellOfFullness(emulator);
  const ca = writeCa(emulator.caCertificate, asked.caFile);
  if ("problem" in ca) {
    await emulator.close();
    return fail(ca.problem, 1);
  }
  let endForwarding = async (): Promise<void> => {};
  if (asked.forwardFile !== undefined) {
    try {
      endForwarding = await forwardCaptured(emulator, asked.forwardFile, (line) => process.stderr.write(`${line}\n`));
    } catch (error) {
      await emulator.close();
      ca.remove();
      if (!isCloudMessagingError(error)) throw error;
      return fail(`--forward: ${error.message}`, USAGE);
    }
  }
  const close = async (): Promise<void> => {
    try {
      await endForwarding();
      await emulator.close();
    } catch (error) {
      fail(inCommandLineWords((error as Error).message), 1);
    }
    ca.remove();
  };
  const ready = readyLine(emulator, ca.file);
  if (asked.program !== undefined) {
    process.stderr.write(`The cloud-messaging emulator is at ${ready.inbox}\n`);
    const ended = await runProgram(asked.program, ready.env);
    if (ended.problem !== undefined) process.stderr.write(`${ended.problem}\n`);
    process.exitCode = ended.status;
    return close();
  }

  let closing = false;
  const leave = (): void => {
    if (options.stateFile !== undefined) {
      process.stderr.write(`The state was not saved: ${options.stateFile} holds what was saved last\n`);
    }
    ca.remove();
    process.exit(1);
  };
  const end = (): void => {
    if (closing) leave(); // asked again: at once
    closing = true;
    parent.stop();
    // writing a large state takes time
    if (options.stateFile === undefined) setTimeout(leave, CLOSE_AT_MOST_MS).unref();
    void close();
  };
  onSignals(end);
  const parent = watchParent(true, end);
  process.stdout.write(
    asked.json ? `${JSON.stringify(ready)}\n` : readyText(ready, process.stdout.isTTY && process.stdout.hasColors()),
  );
}

/** Reads all options; `undefined` if a file cannot be used, which is reported. */
function optionsOf({ options, configFile, tlsFiles, program }: Start): EmulatorOptions | undefined {
  const text = configFile === undefined ? "{}" : textOf(configFile, "--config");
  if (text === undefined) return undefined;
  try {
    // free ports for a command that is run under the emulator
    options = withConfig(options, text, program === undefined ? DEFAULT_PORTS : { http: 0, https: 0, ccs: 0 });
  } catch (error) {
    fail(`--config: ${configFile} cannot be used: ${(error as Error).message}`, USAGE);
    return undefined;
  }
  if (tlsFiles === undefined) return options;
  const pems: Record<string, string> = {};
  for (const [name, file] of Object.entries(tlsFiles)) {
    const pem = textOf(file, `--tls-${name}`);
    if (pem === undefined) return undefined;
    pems[name] = pem;
  }
  // the options are checked when the emulator starts: one of two files is an error there
  return { ...options, tls: pems as unknown as NonNullable<EmulatorOptions["tls"]> };
}

/** Text of the file that an option names; `undefined` if it cannot be read, which is reported. */
function textOf(file: string, option: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    // a key may have been given in the place of its file
    fail(`${option}: ${shownPath(file)} cannot be read (${(error as NodeJS.ErrnoException).code})`, USAGE);
    return undefined;
  }
}

/** Reports that no device could be registered for an unknown token, whose sender is answered that it is unavailable. */
function tellOfFullness({ events }: Emulator): void {
  events.subscribe(({ detail }) => void process.stderr.write(`${detail}\n`), "full");
}

/** Reports that the state cannot be saved, once per reason, and that it can again. */
function tellOfUnsavedState({ events }: Emulator): void {
  let told: string | undefined;
  events.subscribe((event) => {
    const problem = event.change === "saved" ? undefined : event.problem;
    if (problem === told) return;
    told = problem;
    process.stderr.write(`${problem ?? "The state is saved again"}\n`);
  }, "state");
}

/** Writes the CA to the requested file, or to a private folder. */
function writeCa(pem: string, wanted: string | undefined): { file: string; remove(): void } | { problem: string } {
  try {
    if (wanted !== undefined) {
      const file = resolve(wanted);
      writeFileSync(file, pem);
      return { file, remove() {} };
    }
    const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-emulator-"));
    const file = join(folder, "ca.pem");
    writeFileSync(file, pem);
    return { file, remove: () => rmSync(folder, { recursive: true, force: true }) };
  } catch (error) {
    return {
      problem: `The CA certificate cannot be written: ${(error as Error).message}. Name another file with --ca-file`,
    };
  }
}

function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

function fail(message: string, status: number): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = status;
}
