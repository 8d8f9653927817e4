import type { Context } from "../context.ts";
import type { ExitStatus } from "../exit-status.ts";

/** Option of a command. */
export interface OptionDefinition<T> {
  /** Placeholder of its value in the help; absent for a flag. */
  readonly placeholder?: string;
  readonly help: string;
  /** True if it may be given several times. */
  readonly repeatable: boolean;
  /** Values that it may have. */
  readonly choices?: readonly string[];
  /** Help of `--no-…`, where there is that too. */
  readonly negatedHelp?: string;
  /** True if the value names a file, for completion. */
  readonly isFile?: boolean;
  /**
   * Reads the values given, at least one.
   *
   * @throws {UsageError} a value is wrong.
   */
  read(values: readonly string[]): T;
}

/** Options of a command, by their names in camel case. */
export type OptionDefinitions = Readonly<Record<string, OptionDefinition<unknown>>>;

/** Values of the options that were given. */
export type OptionValues<O extends OptionDefinitions> = {
  readonly [Name in keyof O]: O[Name] extends OptionDefinition<infer T> ? T | undefined : never;
};

/** A command of the program. */
export interface Command {
  /** Words of the command: `topics subscribe`. */
  readonly name: string;
  /** Purpose, on one line. */
  readonly summary: string;
  /** Further lines of its help. */
  readonly notes?: string;
  /** Positional arguments, as the help shows them: `<topic> [tokens...]`. */
  readonly arguments?: string;
  readonly options: OptionDefinitions;
  /** Command lines of the documentation. */
  readonly examples?: readonly string[];
  /** True if all its arguments belong to another program, whose options they are. */
  readonly passesArguments?: boolean;
  run(context: Context, options: Readonly<Record<string, unknown>>, args: readonly string[]): Promise<ExitStatus>;
}

/** A command whose options are typed by their definitions. */
interface TypedCommand<O extends OptionDefinitions> extends Omit<Command, "options" | "run"> {
  readonly options: O;
  run(context: Context, options: OptionValues<O>, args: readonly string[]): Promise<ExitStatus>;
}

/** Gives a command the types of its own options. */
export function defineCommand<O extends OptionDefinitions>(command: TypedCommand<O>): Command {
  // the parser gives `run` what these definitions have read, and nothing else
  return command as unknown as Command;
}
