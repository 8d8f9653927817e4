/** Exit statuses of the program, documented in docs/cli.md. */
export const EXIT_STATUS = {
  /** Everything asked for was done. */
  done: 0,
  /** Something was refused for good, or a check failed. */
  failed: 1,
  /** The command line, a file of it or a setting is wrong, or a package is missing. Nothing was done. */
  usage: 2,
  /** Nothing was refused for good; something was not accepted for now, or is in doubt. */
  again: 3,
  /** Ended by Ctrl-C or SIGTERM: 128 and the number of SIGINT. */
  interrupted: 130,
} as const;

/** Exit status of a run. */
export type ExitStatus = (typeof EXIT_STATUS)[keyof typeof EXIT_STATUS];

/** A mistake on the command line, in words that name it and the cure. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
