export { CHECK_PROBLEMS, type CheckProblem } from "./check/problems.ts";
export { type CommandLine, type CommandLineOptions, createCommandLine } from "./command-line.ts";
export { EXIT_STATUS, type ExitStatus } from "./exit-status.ts";
export type { OutputStream } from "./output/output.ts";
