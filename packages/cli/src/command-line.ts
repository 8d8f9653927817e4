import { readFileSync } from "node:fs";
import { type Clock, isCloudMessagingError } from "@cloud-messaging/core";
import { codeOfError, describeError, onAbort, systemClock } from "@cloud-messaging/core/transport";
import { COMMANDS, GROUPS } from "./commands.ts";
import { EXIT_STATUS, type ExitStatus, UsageError } from "./exit-status.ts";
import { Program } from "./line/program.ts";
import { refuseSecrets } from "./line/secrets.ts";
import { Output, type OutputStream } from "./output/output.ts";

/** Codes of errors that end with the status `usage`. */
const USAGE_CODES = /^ERR_(INVALID|MISSING_PACKAGE)/;

/** Surroundings of the program. */
export interface CommandLineOptions {
  /** @defaultValue `process.stdout` */
  readonly stdout?: OutputStream;
  /** @defaultValue `process.stderr` */
  readonly stderr?: OutputStream;
  /** @defaultValue `process.stdin` */
  readonly stdin?: AsyncIterable<Uint8Array | string>;
  /** Ends the command in good order. @defaultValue none */
  readonly signal?: AbortSignal;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

/** The program `cloud-messaging`. */
export interface CommandLine {
  /** Runs a command line, without the name of the program. Resolves with the exit status. Never rejects for a mistake of the user. */
  run(args: readonly string[]): Promise<ExitStatus>;
  /** Help text of a command (`topics subscribe`), or of the program. */
  help(command?: string): string;
  /** Names of all commands. */
  readonly commands: readonly string[];
}

/**
 * Creates the program `cloud-messaging`. It reads `process.env`, and neither ends the process nor sets its exit status.
 *
 * @example
 * ```ts
 * import { createCommandLine } from "@cloud-messaging/cli";
 *
 * const { run } = createCommandLine();
 * process.exitCode = await run(["send", "--topic", "news", "--title", "Hello", "--credential", "service-account.json"]);
 * ```
 */
export function createCommandLine(options: CommandLineOptions = {}): CommandLine {
  const { stdout = process.stdout, stderr = process.stderr, stdin = process.stdin, clock = systemClock } = options;
  const signal = options.signal ?? new AbortController().signal;
  const program = (): Program =>
    new Program({
      commands: COMMANDS,
      groups: GROUPS,
      version: version(),
      contextFor: (json) => ({
        output: new Output(stdout, stderr, json),
        stdin: untilAborted(stdin, signal),
        signal,
        clock,
      }),
      write: (text) => void stdout.write(text),
      writeError: (text) => void stderr.write(text),
    });
  return {
    commands: COMMANDS.map(({ name }) => name),
    help: (command) => program().help(command),
    async run(args) {
      try {
        refuseSecrets(ownArguments(args));
        const status = await program().run(args);
        return signal.aborted && status !== EXIT_STATUS.usage ? EXIT_STATUS.interrupted : status;
      } catch (error) {
        if (signal.aborted) return EXIT_STATUS.interrupted;
        if (error instanceof UsageError || isCloudMessagingError(error)) {
          stderr.write(`${error.message}\n`);
          const isUsage = error instanceof UsageError || USAGE_CODES.test(error.code);
          return isUsage ? EXIT_STATUS.usage : EXIT_STATUS.failed;
        }
        // of a driver; without a code it is a defect, and wants its stack
        if (codeOfError(error) === undefined) throw error;
        stderr.write(`${describeError(error)}\n`);
        return EXIT_STATUS.failed;
      }
    },
  };
}

/** The arguments without those of a program that `emulator exec` starts. */
function ownArguments(args: readonly string[]): readonly string[] {
  const end = args[0] === "emulator" ? args.indexOf("--") : -1;
  return end === -1 ? args : args.slice(0, end);
}

/** Input that ends when the signal aborts, whatever is still to come: what was read is dealt with. */
async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let forget = (): void => {};
  const aborted = new Promise<{ readonly done: true; readonly value: undefined }>((resolve) => {
    forget = onAbort(signal, () => resolve({ done: true, value: undefined }));
  });
  try {
    for (;;) {
      const { done, value } = await Promise.race([iterator.next(), aborted]);
      if (done) return;
      yield value;
    }
  } finally {
    forget();
    // while it waits for input, it would not end before that has come
    if (!signal.aborted) await iterator.return?.();
  }
}

function version(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
