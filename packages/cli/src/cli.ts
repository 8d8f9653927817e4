import { createCommandLine } from "./command-line.ts";
import { EXIT_STATUS } from "./exit-status.ts";

const args = process.argv.slice(2);
const ending = new AbortController();

// the emulator and the gateway end by signals in their own way
if (args[0] !== "emulator" && args[0] !== "gateway") {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // asked again: at once
      if (ending.signal.aborted) process.exit(EXIT_STATUS.interrupted);
      ending.abort();
    });
  }
}
// one line, in the form of this program's own
process.removeAllListeners("warning");
process.on("warning", ({ message }) => void process.stderr.write(`${message}\n`));
// the reader of the output may have ended: `cloud-messaging … | head`
process.stdout.on("error", () => ending.abort());
process.stderr.on("error", () => {});

process.exitCode = await createCommandLine({ signal: ending.signal }).run(args);
// one that was still waited for would keep the program
if (ending.signal.aborted) process.stdin.destroy();
