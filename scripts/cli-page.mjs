// Writes what docs/cli.md says of commands, exit statuses and problems from the program itself, between its markers.
//
//   npm run docs:cli
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

const PAGE = fileURLToPath(new URL("../docs/cli.md", import.meta.url));

/** Puts a part of the page between its markers. */
export function withPart(page, name, text) {
  const [begin, end] = [`<!-- ${name}: generated -->`, `<!-- end of ${name} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from === -1 || to === -1) throw new Error(`docs/cli.md has no markers of ${name}`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
}

/** The page with its parts as the program has them. */
export function cliPage(page, { createCommandLine, CHECK_PROBLEMS }) {
  const { help, commands } = createCommandLine();
  const helps = ["", ...commands].map((command) => {
    const title = `### ${command === "" ? "cloud-messaging" : command}`;
    return `${title}\n\n\`\`\`text\n${help(command).trimEnd()}\n\`\`\``;
  });
  const problems = Object.entries(CHECK_PROBLEMS).map(
    ([name, { meaning, cure }]) => `| \`${name}\` | ${meaning} | ${cure} |`,
  );
  const table = ["| Problem | Meaning | Cure |", "|---|---|---|", ...problems].join("\n");
  return withPart(withPart(page, "commands", helps.join("\n\n")), "problems", table);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const program = await import("../packages/cli/dist/index.js");
  writeFileSync(PAGE, cliPage(readFileSync(PAGE, "utf8"), program));
}
