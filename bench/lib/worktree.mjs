// Another commit, built in a folder of its own.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const git = (...args) =>
  execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();

/**
 * Checks a commit out beside this one, installs and builds it.
 *
 * @returns {{commit: string, folder: string, remove(): void}} `remove` takes the folder away again.
 */
export function buildCommit(name) {
  let commit;
  try {
    commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`);
  } catch {
    throw new Error(`--against: there is no commit ${name}`);
  }
  const parent = mkdtempSync(join(tmpdir(), "cloud-messaging-against-"));
  const folder = join(parent, "tree");
  const remove = () => {
    rmSync(parent, { recursive: true, force: true });
    git("worktree", "prune");
  };
  try {
    git("worktree", "add", "--detach", folder, commit);
    const { status } = spawnSync(process.execPath, ["scripts/setup.mjs", "--bench", "--build"], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    });
    if (status !== 0) throw new Error(`${name} cannot be built: its scripts/setup.mjs ended with ${status}`);
  } catch (error) {
    remove();
    throw error;
  }
  return { commit: commit.slice(0, 7), folder, remove };
}
