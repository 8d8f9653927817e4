import { type CommandLineOptions, createCommandLine } from "@cloud-messaging/cli";

/** Result of a command. */
export interface CliResult {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** Standard output, a value per line. */
  readonly json: <T>() => T[];
}

/** A stream that collects; with `terminal` it has colours. */
export function collector(terminal = false) {
  const texts: string[] = [];
  return {
    isTTY: terminal,
    hasColors: () => terminal,
    write(text: string): boolean {
      texts.push(text);
      return true;
    },
    once: () => undefined,
    removeListener: () => undefined,
    text: () => texts.join(""),
  };
}

/** Runs a command line of the program in this process. */
export async function cli(
  args: readonly string[],
  { input = "", terminal = false, ...options }: CommandLineOptions & { input?: string; terminal?: boolean } = {},
): Promise<CliResult> {
  const [stdout, stderr] = [collector(terminal), collector(terminal)];
  const status = await createCommandLine({ stdout, stderr, stdin: textStream(input), ...options }).run(args);
  const out = stdout.text();
  const json = <T>(): T[] =>
    out
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as T);
  return { status, out, err: stderr.text(), json };
}

async function* textStream(text: string): AsyncGenerator<string> {
  if (text !== "") yield text;
}
