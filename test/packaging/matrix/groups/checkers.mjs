// What others check of a package before they trust it: publint and attw, with no exceptions.
import { join } from "node:path";
import { run } from "../shell.mjs";

export function checkers({ tarballs, tools }) {
  const bin = (name) => join(tools, "node_modules/.bin", name);
  const entries = Object.entries(tarballs).flatMap(([name, file]) => {
    const short = name.slice("@cloud-messaging/".length);
    return [
      {
        name: `publint, ${short}`,
        needs: ["publint@0.3.25"],
        quick: true,
        run: () => run(bin("publint"), ["run", file, "--strict"], { cwd: tools }),
      },
      {
        name: `attw, ${short}`,
        needs: ["@arethetypeswrong/cli@0.18.5"],
        quick: true,
        run: () => run(bin("attw"), [file, "--profile", "node16", "--no-emoji"], { cwd: tools }),
      },
    ];
  });
  return { entries };
}
