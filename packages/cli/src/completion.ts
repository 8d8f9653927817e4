import { EXIT_STATUS, UsageError } from "./exit-status.ts";
import { type Command, defineCommand } from "./line/command.ts";
import { flagOf } from "./line/program.ts";

/** The command `completion`, for these commands. */
export function completion(commands: readonly Command[]): Command {
  return defineCommand({
    name: "completion",
    summary: "write a completion script for bash or zsh",
    notes:
      "For bash: source <(cloud-messaging completion bash). For zsh, after compinit: source <(cloud-messaging completion zsh).",
    arguments: "<shell>",
    options: {},
    examples: ["cloud-messaging completion bash > ~/.local/share/bash-completion/completions/cloud-messaging"],
    async run({ output }, _options, [shell]) {
      if (shell !== "bash" && shell !== "zsh") throw new UsageError("The shell must be bash or zsh");
      const script = bashScript(commands);
      await output.line(shell === "bash" ? script : `autoload -U +X bashcompinit && bashcompinit\n${script}`);
      return EXIT_STATUS.done;
    },
  });
}

/** Completion function of bash, which zsh runs too (bashcompinit): words by command, values by option. */
function bashScript(commands: readonly Command[]): string {
  const firstWords = [...new Set(commands.map(({ name }) => name.split(" ")[0] as string)), "completion"];
  const groups = firstWords.filter((word) => commands.some(({ name }) => name.startsWith(`${word} `)));
  const secondWords = (group: string): string =>
    commands
      .filter(({ name }) => name.startsWith(`${group} `))
      .map(({ name }) => name.slice(group.length + 1))
      .join(" ");
  return [
    "_cloud_messaging() {",
    `  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}"`,
    `  local command="\${COMP_WORDS[1]}" words=""`,
    "  COMPREPLY=()",
    "  if [ $COMP_CWORD -eq 1 ]; then",
    `    COMPREPLY=( $(compgen -W "${firstWords.join(" ")} --help --version" -- "$cur") )`,
    "    return",
    "  fi",
    '  case "$command" in',
    `    ${groups.join("|")})`,
    "      if [ $COMP_CWORD -eq 2 ]; then",
    '        case "$command" in',
    ...groups.map((group) => `          ${group}) words="${secondWords(group)}" ;;`),
    "        esac",
    '        COMPREPLY=( $(compgen -W "$words" -- "$cur") )',
    "        return",
    "      fi",
    `      command="$command \${COMP_WORDS[2]}" ;;`,
    "  esac",
    '  case "$command:$prev" in',
    '    completion:completion) COMPREPLY=( $(compgen -W "bash zsh" -- "$cur") ); return ;;',
    ...commands.flatMap(valueCases),
    "  esac",
    '  case "$command" in',
    ...commands
      .filter(({ passesArguments }) => passesArguments !== true)
      .map((command) => `    "${command.name}") words="${optionsOf(command).join(" ")}" ;;`),
    "  esac",
    '  COMPREPLY=( $(compgen -W "$words" -- "$cur") )',
    "}",
    "complete -o default -F _cloud_messaging cloud-messaging",
  ].join("\n");
}

function optionsOf({ options }: Command): string[] {
  const own = Object.entries(options).flatMap(([name, { negatedHelp }]) =>
    negatedHelp === undefined ? [flagOf(name)] : [flagOf(name), `--no-${flagOf(name).slice(2)}`],
  );
  return [...own, "--json", "--help"];
}

function valueCases({ name: command, options }: Command): string[] {
  return Object.entries(options).flatMap(([name, { choices, isFile }]) => {
    const pattern = `    "${command}:${flagOf(name)}")`;
    if (choices !== undefined) {
      return [`${pattern} COMPREPLY=( $(compgen -W "${choices.join(" ")}" -- "$cur") ); return ;;`];
    }
    return isFile === true ? [`${pattern} COMPREPLY=( $(compgen -f -- "$cur") ); return ;;`] : [];
  });
}
