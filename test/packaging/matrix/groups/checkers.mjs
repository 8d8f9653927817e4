// What others check of a package before they trust it: publint and attw, with no exceptions.
import { run } from "../shell.mjs";

export async function* checkers({ tarballs, plain }) {
  for (const [name, file] of Object.entries(tarballs)) {
    const short = name.slice("@cloud-messaging/".length);
    yield {
      name: `publint, ${short}`,
      run: () => run("npx", ["--yes", "publint@0.3.25", "run", file, "--strict"], { cwd: plain }),
    };
    yield {
      name: `attw, ${short}`,
      run: () =>
        run("npx", ["--yes", "@arethetypeswrong/cli@0.18.5", file, "--profile", "node16", "--no-emoji"], {
          cwd: plain,
        }),
    };
  }
}
