#!/usr/bin/env node
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { CloudMessagingError } from "@cloud-messaging/core";
import { HELP, inCommandLineWords, parseCommandLine, withConfig } from "./cli-options.ts";
import { readyLine, readyText } from "./cli-output.ts";
import type { EmulatorOptions } from "./options.ts";
import { type Emulator, startEmulator } from "./start-emulator.ts";
import { draftOf } from "./state-file.ts";

/** Exit status for a command line that cannot be understood, as is usual. */
const USAGE = 2;
/** Closing takes milliseconds; what is still there after this long is left behind. Unit: milliseconds. */
const CLOSE_AT_MOST_MS = 900;

const command = parseCommandLine(process.argv.slice(2));
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

async function start({
  options: given,
  configFile,
  json,
  caFile,
}: Extract<typeof command, { kind: "start" }>): Promise<void> {
  let options: EmulatorOptions;
  try {
    options = withConfig(given, configFile === undefined ? "{}" : readFileSync(configFile, "utf8"));
  } catch (error) {
    return fail(`--config: ${configFile} cannot be used: ${(error as Error).message}`, USAGE);
  }
  let emulator: Emulator;
  try {
    emulator = await startEmulator(options);
  } catch (error) {
    if (!(error instanceof CloudMessagingError)) throw error;
    return fail(inCommandLineWords(error.message), error.code === "ERR_INVALID_OPTIONS" ? USAGE : 1);
  }
  const ca = writeCa(emulator.caCertificate, caFile);
  if ("problem" in ca) {
    await emulator.close();
    return fail(ca.problem, 1);
  }

  let closing = false;
  const { stateFile } = options;
  const leave = (): void => {
    if (stateFile !== undefined) {
      process.stderr.write(`The state was not saved: ${stateFile} is as it was before\n`);
      rmSync(draftOf(stateFile), { force: true });
    }
    ca.remove();
    process.exit(1);
  };
  const close = (): void => {
    if (closing) leave(); // asked twice: at once
    closing = true;
    // a large state takes its time
    if (stateFile === undefined) setTimeout(leave, CLOSE_AT_MOST_MS).unref();
    void emulator
      .close()
      .catch((error: unknown) => fail(inCommandLineWords((error as Error).message), 1))
      .finally(ca.remove);
  };
  process.on("SIGINT", close);
  process.on("SIGTERM", close);
  process.on("SIGHUP", close);
  // whoever read the ready line may have gone
  process.stdout.on("error", () => {});

  const ready = readyLine(emulator, ca.file);
  process.stdout.write(
    json ? `${JSON.stringify(ready)}\n` : readyText(ready, process.stdout.isTTY && process.stdout.hasColors()),
  );
}

/** Writes the CA where it was asked for, or where nobody else can write. */
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
