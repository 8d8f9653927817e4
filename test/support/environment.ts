import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Files and variables of one test, put back at its end. */
export interface TestEnvironment extends AsyncDisposable {
  /** Writes a file into a folder of its own. */
  file(content: string | Buffer, name?: string): Promise<string>;
  set(variables: Readonly<Record<string, string | undefined>>): void;
}

export function createTestEnvironment(): TestEnvironment {
  const cleanups: (() => Promise<void> | void)[] = [];
  const put = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  return {
    async file(content, name = "credential.json") {
      const folder = await mkdtemp(join(tmpdir(), "credentials-"));
      cleanups.push(() => rm(folder, { recursive: true }));
      await writeFile(join(folder, name), content);
      return join(folder, name);
    },
    set(variables) {
      for (const [name, value] of Object.entries(variables)) {
        const before = process.env[name];
        cleanups.push(() => put(name, before));
        put(name, value);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    },
  };
}
