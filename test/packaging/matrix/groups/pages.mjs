// A newcomer's way through the pages: a message, a migrated program and a green test, in a project that has only the packed packages.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../project.mjs";
import { run } from "../shell.mjs";

/** A program of a page, as it stands there. */
function programIn(page, file) {
  const [, code] =
    new RegExp(`^\`\`\`js file=${file}\\n([\\s\\S]*?)^\`\`\``, "m").exec(readFileSync(join(ROOT, page), "utf8")) ?? [];
  if (code === undefined) throw new Error(`${page} has no program ${file}`);
  return code;
}

export function pages({ plain, tools, env }) {
  const folder = join(plain, "pages");
  const prepare = () => {
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), "{}");
  };
  const program = (page, file, words, { args = [], flags = [], variables = {} } = {}) => ({
    name: `${page}, ${file}`,
    quick: true,
    run: async () => {
      const name = file.split("/").at(-1);
      writeFileSync(join(folder, name), programIn(page, file));
      const printed = await run(process.execPath, [...flags, name, ...args], { cwd: folder, env: variables });
      if (!words.test(printed)) throw new Error(`printed nothing like ${words}:\n${printed}`);
    },
  });
  const { http, token } = JSON.parse(env.EMULATOR);
  const jest = join(tools, "node_modules/jest/bin/jest.js");
  const entries = [
    program("README.md", "send.mjs", /^accepted \S+\nthe phone shows: Your turn\n$/),
    program("docs/start.md", "first.mjs", /^accepted\nthe phone shows: Hello\n$/),
    program("docs/migrate/node-gcm.md", "node-gcm/after.mjs", /^1 accepted, 0 refused/, {
      args: [token],
      variables: { SERVER_KEY: http.apiKey, GCM_URI: http.endpoint },
    }),
    program("docs/testing.md", "welcome.node.mjs", /pass 1[\s\S]*fail 0/),
    {
      ...program("docs/testing.md", "welcome.test.js", /Tests: +1 passed, 1 total/, {
        flags: [jest, "--rootDir", ".", "--testTimeout=60000"],
      }),
      needs: ["jest@30"],
    },
  ];
  return { entries, prepare };
}
