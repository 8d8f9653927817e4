import { Argument, Command as CommanderCommand, CommanderError, Option } from "commander";
import type { Context } from "../context.ts";
import { EXIT_STATUS, type ExitStatus, UsageError } from "../exit-status.ts";
import type { Command, OptionDefinition } from "./command.ts";

/** Description of a word that several commands begin with. */
export type GroupSummaries = Readonly<Record<string, string>>;

/** Parts of the program. */
export interface ProgramParts {
  readonly commands: readonly Command[];
  readonly groups: GroupSummaries;
  readonly version: string;
  /** Makes the surroundings of a command, once it is known whether its results are to be JSON. */
  readonly contextFor: (json: boolean) => Context;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
}

/** Width of help texts. Unit: characters. The same on every terminal, so that the documentation has the same lines. */
const HELP_WIDTH = 120;

/** The program, as the parser of command lines knows it. */
export class Program {
  readonly #root: CommanderCommand;
  readonly #examples = new Map<string, string>();
  #status: ExitStatus = EXIT_STATUS.done;

  constructor({ commands, groups, version, contextFor, write, writeError }: ProgramParts) {
    const settings = (command: CommanderCommand): CommanderCommand =>
      command
        .exitOverride()
        .configureOutput({
          writeOut: write,
          writeErr: writeError,
          // the value of an option that there is not may be a secret
          outputError: (text, writeText) =>
            writeText(text.replace(/(unknown option '--[^=\s']*)=[\s\S]*?'(?=\n|$)/, "$1'")),
          getOutHelpWidth: () => HELP_WIDTH,
        })
        .configureHelp({ helpWidth: HELP_WIDTH })
        .helpOption("-h, --help", "show this text");
    this.#root = settings(new CommanderCommand("cloud-messaging"))
      .description(
        "Cloud messaging from a shell: send, check a set-up, and look after tokens, registrations and an outbox.",
      )
      .version(version, "-V, --version", "show the version")
      .helpCommand(false)
      .enablePositionalOptions()
      .showHelpAfterError("See cloud-messaging --help");
    const parents = new Map<string, CommanderCommand>();
    for (const command of commands) {
      const [first = "", second] = command.name.split(" ");
      let parent = this.#root;
      if (second !== undefined) {
        parent =
          parents.get(first) ??
          settings(this.#root.command(first))
            .description(groups[first] ?? "")
            .helpCommand(false);
        parents.set(first, parent);
      }
      this.#add(settings(parent.command(second ?? first)), command, contextFor);
    }
  }

  /**
   * Runs a command line.
   *
   * @throws {UsageError} it is wrong.
   */
  async run(args: readonly string[]): Promise<ExitStatus> {
    try {
      await this.#root.parseAsync([...args], { from: "user" });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      return error.exitCode === 0 ? EXIT_STATUS.done : EXIT_STATUS.usage;
    }
    return this.#status;
  }

  /** Help of the program, or of one of its commands, as `--help` shows it. */
  help(name = ""): string {
    let found = this.#root;
    for (const word of name.split(" ").filter((part) => part !== "")) {
      found = found.commands.find((one) => one.name() === word) ?? found;
    }
    return found.helpInformation() + (this.#examples.get(name) ?? "");
  }

  #add(target: CommanderCommand, command: Command, contextFor: (json: boolean) => Context): void {
    target.description([command.summary, command.notes].filter(Boolean).join("\n\n"));
    target.summary(command.summary);
    if (command.passesArguments) {
      target.allowUnknownOption().passThroughOptions().helpOption(false).argument("[arguments...]");
    } else {
      for (const one of (command.arguments ?? "").split(" ").filter(Boolean)) target.addArgument(new Argument(one));
      for (const [name, definition] of Object.entries(command.options)) {
        target.addOption(optionOf(name, definition));
        if (definition.negatedHelp !== undefined)
          target.option(`--no-${flagOf(name).slice(2)}`, definition.negatedHelp);
      }
      target.option("--json", "write JSON: one object, or one per line where there are many");
      if (command.examples !== undefined) {
        const examples = `\nExamples:\n${command.examples.map((line) => `  ${line}\n`).join("")}`;
        this.#examples.set(command.name, examples);
        target.addHelpText("after", examples.trimEnd());
      }
    }
    target.action(async (...given: unknown[]) => {
      const args = given
        .slice(0, -2)
        .flat()
        .filter((argument) => argument !== undefined) as string[];
      const { json, ...options } = target.opts<Record<string, readonly string[] | boolean | undefined>>();
      this.#status = await command.run(contextFor(json === true), readOptions(command, options), args);
    });
  }
}

/** Name of an option on the command line. */
export function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function optionOf(name: string, { placeholder, help, choices }: OptionDefinition<unknown>): Option {
  if (placeholder === undefined) return new Option(flagOf(name), help);
  const option = new Option(`${flagOf(name)} <${choices === undefined ? placeholder : "name"}>`, help);
  if (choices !== undefined) option.choices([...choices]);
  const readChoice = option.parseArg;
  // values are collected as they are: `read` checks them, with the name of the option in its error
  return option.argParser((value: string, before: readonly string[] | undefined) => {
    readChoice?.(value, undefined);
    return [...(before ?? []), value];
  });
}

function readOptions(
  { options: definitions }: Command,
  given: Readonly<Record<string, readonly string[] | boolean | undefined>>,
): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  for (const [name, definition] of Object.entries(definitions)) {
    const values = given[name];
    if (values === undefined) continue;
    try {
      read[name] = definition.read(typeof values === "boolean" ? [String(values)] : values);
    } catch (error) {
      throw error instanceof UsageError ? new UsageError(`${flagOf(name)} ${error.message}`) : error;
    }
  }
  return read;
}
