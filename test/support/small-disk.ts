import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of its own, of a few megabytes. */
export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Makes it as large as this. Unit: MiB. */
  resize(mib: number): void;
}

const options = (mib: number, more = ""): string => `size=${mib}m${more}`;

/**
 * Mounts a small disk in memory. Only root may, and not in every container.
 *
 * @param mib Its size. Unit: MiB.
 * @param owner User that may write to it.
 * @returns `undefined` where it cannot be mounted.
 */
export function mountSmallDisk(mib: number, owner = { uid: 0, gid: 0 }): SmallDisk | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined;
  const path = mkdtempSync(join(tmpdir(), "small-disk-"));
  const mount = (how: string): void => {
    execFileSync("mount", ["-t", "tmpfs", "-o", how, "tmpfs", path], { stdio: "ignore" });
  };
  try {
    mount(options(mib, `,uid=${owner.uid},gid=${owner.gid},mode=700`));
  } catch {
    rmSync(path, { recursive: true, force: true });
    return undefined;
  }
  return {
    path,
    resize: (size) => mount(`remount,${options(size)}`),
    [Symbol.dispose]() {
      execFileSync("umount", [path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
