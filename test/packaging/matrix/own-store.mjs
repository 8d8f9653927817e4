// A registration store of somebody's own and its test, from the examples, in either module format and for any test runner.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./project.mjs";

const NAME = "own-registration-store";
const read = (file) => readFileSync(join(ROOT, "examples", file), "utf8");

const toCommonJs = (text) =>
  text
    .replaceAll(
      /^import (\{[^}]*\}) from (".*?");$/gm,
      (_, names, from) => `const ${names.replaceAll(" as ", ": ")} = require(${from});`,
    )
    .replaceAll(/^export function (\w+)/gm, "module.exports.$1 = $1;\nfunction $1");

/**
 * @param runner Module that `test` is from; `undefined` where it is a global.
 * @param extension Of the files, where the folder's package.json does not decide their format.
 * @returns the texts of the files by their names.
 */
export function ownStoreFiles(format, { runner, extension = "js" } = {}) {
  const withRunner = (text) =>
    runner === undefined
      ? text.replace(/^import \{ test \} from .*\n/m, "")
      : text.replace('"node:test"', () => JSON.stringify(runner));
  const texts = { "": read(`${NAME}.mjs`), ".test": withRunner(read(`${NAME}.test.mjs`)) };
  return Object.fromEntries(
    Object.entries(texts).map(([kind, text]) => {
      const named = text.replaceAll(`./${NAME}.mjs`, `./${NAME}.${extension}`);
      return [`${NAME}${kind}.${extension}`, format === "cjs" ? toCommonJs(named) : named];
    }),
  );
}
