import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { EXIT_STATUS } from "./exit-status.ts";
import { type Command, defineCommand } from "./line/command.ts";

const require = createRequire(import.meta.url);

/** The command `emulator`, with `emulator exec -- COMMAND`. */
export const emulator: Command = serverCommand(
  "emulator",
  "the service on this machine, with an inbox; emulator exec -- COMMAND runs a command under it",
);

/** The command `gateway`. */
export const gateway: Command = serverCommand(
  "gateway",
  "endpoint for app servers that cannot be changed: GCM HTTP and CCS in front, FCM HTTP v1 behind",
);

/** A command that is the program of another package, with the arguments of its own. It ends, and sets the exit status, by itself. */
function serverCommand(name: "emulator" | "gateway", summary: string): Command {
  return defineCommand({
    name,
    summary: `${summary} (its own options: cloud-messaging ${name} --help)`,
    options: {},
    passesArguments: true,
    async run(_context, _options, args) {
      const manifestFile = require.resolve(`@cloud-messaging/${name}/package.json`);
      const { bin } = require(manifestFile) as { bin: Readonly<Record<string, string>> };
      const program = join(dirname(manifestFile), bin[`cloud-messaging-${name}`] as string);
      process.argv = [process.execPath, program, ...args];
      await import(pathToFileURL(program).href);
      return (process.exitCode ?? EXIT_STATUS.done) as typeof EXIT_STATUS.done;
    },
  });
}
