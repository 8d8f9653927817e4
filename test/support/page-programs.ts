import { readFileSync } from "node:fs";
import { join } from "node:path";
import { transformWithOxc } from "vite";

const root = join(import.meta.dirname, "../..");

/** A program in a page, as plain JavaScript. */
export interface PageProgram {
  readonly page: string;
  /** Place among the programs of its page. From 0. */
  readonly index: number;
  readonly code: string;
}

/** Programs of a page (blocks `js` and `ts`, and what a `diff` adds), apart from those named as files. @throws one is no program. */
export async function programsOf(page: string): Promise<PageProgram[]> {
  const text = readFileSync(join(root, page), "utf8");
  const blocks = [...text.matchAll(/^```(js|ts|diff)\n([\s\S]*?)^```/gm)];
  return Promise.all(
    blocks.map(async ([, language, block = ""], index) => {
      const source = language === "diff" ? block.replace(/^[^+].*\n/gm, "").replace(/^\+/gm, "") : block;
      const inFunction = `(async () => {\n${loadedWhereItStands(source)}\n})();`;
      const { code } = await transformWithOxc(inFunction, `${page}-${index}.ts`, { sourcemap: false });
      return { page, index, code: code.slice(code.indexOf("{") + 1, code.lastIndexOf("}")) };
    }),
  );
}

/** Imports become calls, so that a program can stand in a function. */
function loadedWhereItStands(source: string): string {
  return source.replace(/^import \{([^}]*)\} from ("[^"]+");/gm, (_, names: string, from: string) => {
    const values = names.split(",").filter((name) => !name.trim().startsWith("type "));
    return `const {${values.join(",").replaceAll(" as ", ": ")}} = await import(${from});`;
  });
}
