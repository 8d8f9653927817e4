import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");

/** Packages whose docstrings are checked. */
const PACKAGES = readdirSync(join(root, "packages"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const DOCSTRING = /\/\*\*(?:[^*]|\*(?!\/))*\*\//g;
const QUESTION = /^\/\*\*[\s*]*(What|Whether|Where|How|Who|Whose|Why|When|Which)\b/;
const ENTRY_POINT =
  /^(create[A-Z]\w*|start[A-Z]\w*|openEnvironment|openSchema|withRetry|withRegistrations|subscribe|toData|Sender|Message|operationChannel|CloudMessagingInstrumentation)$/;
const EXAMPLE = /@example[\s*]+```ts\n([\s\S]*?)```/g;

interface Source {
  readonly path: string;
  readonly text: string;
}

async function sourcesOf(name: string): Promise<Source[]> {
  const folder = join(root, "packages", name, "src");
  const files = (await readdir(folder, { recursive: true })).filter(
    (file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$|\.test-d\.ts$|\.test-support\.ts$/.test(file),
  );
  return Promise.all(
    files.sort().map(async (file) => {
      const path = join(folder, file);
      return { path: relative(root, path), text: await readFile(path, "utf8") };
    }),
  );
}

/** Names of functions and classes that a program begins with, among those that the entry points of a package export. */
function entryPointsOf(sources: readonly Source[]): string[] {
  const entries = sources.filter(({ path }) => /^packages\/[^/]+\/src\/(index|transport)\.ts$/.test(path));
  const exported = entries.flatMap(({ text }) => [...text.matchAll(/export \{([^}]*)\} from "\./g)]);
  const names = exported.flatMap(([, list = ""]) => list.split(",").map((name) => name.trim()));
  return names.filter((name) => ENTRY_POINT.test(name));
}

/** The docstring before the declaration of an exported function or constructor. */
function docstringOf(name: string, sources: readonly Source[]): string | undefined {
  const declaration = new RegExp(
    String.raw`(\/\*\*(?:[^*]|\*(?!\/))*\*\/)\s*export (?:(?:async )?function|const|class) ${name}\b`,
  );
  for (const { text } of sources) {
    const found = declaration.exec(text);
    if (found !== null) return found[1];
  }
  return undefined;
}

function examplesIn({ path, text }: Source): { readonly title: string; readonly code: string }[] {
  return [...text.matchAll(EXAMPLE)].map(({ 1: code = "", index }) => ({
    title: `${path}:${text.slice(0, index).split("\n").length}`,
    code: code.replaceAll(/^[ \t]*\* ?/gm, ""),
  }));
}

describe.each(PACKAGES)("docstrings of %s", (name) => {
  let sources: Source[];
  beforeAll(async () => {
    sources = await sourcesOf(name);
  });

  it("begin with a noun phrase or an imperative, not with a question word", () => {
    const questions = sources.flatMap(({ path, text }) =>
      [...text.matchAll(DOCSTRING)]
        .filter(([docstring]) => QUESTION.test(docstring))
        .map(({ index }) => `${path}:${text.slice(0, index).split("\n").length}`),
    );
    expect(sources.length).toBeGreaterThan(0);
    expect(questions).toEqual([]);
  });

  it("have an example at every entry point", () => {
    const names = entryPointsOf(sources);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((entry) => !docstringOf(entry, sources)?.includes("@example"))).toEqual([]);
  });
});

describe("examples in docstrings", () => {
  let folder: string;
  beforeAll(async () => {
    // below the tests, where the packages are found
    folder = await mkdtemp(join(import.meta.dirname, ".examples-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("compile", async () => {
    const sources = (await Promise.all(PACKAGES.map(sourcesOf))).flat();
    const examples = sources.flatMap(examplesIn);
    expect(examples.length).toBeGreaterThan(5);
    for (const [index, { title, code }] of examples.entries()) {
      await writeFile(join(folder, `example-${index}.ts`), `${code}\nexport {}; // ${title}\n`);
    }
    const config = {
      extends: join(root, "tsconfig.test.json"),
      compilerOptions: { incremental: false, tsBuildInfoFile: null },
      // declarations of modules without types of their own belong to the packages
      include: ["*.ts", join(root, "packages/*/src/**/*.d.ts")],
      files: [],
      exclude: [],
    };
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(config));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const output = await promisify(execFile)(process.execPath, [compiler, "-p", folder], { cwd: folder }).then(
      () => "",
      ({ stdout }: { readonly stdout: string }) => stdout,
    );
    const named = output.replaceAll(/[^\s(]*example-(\d+)\.ts/g, (_, index) => examples[Number(index)]?.title ?? "");
    expect(named).toBe("");
  }, 120_000);
});
