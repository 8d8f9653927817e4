import { cp, mkdir, mkdtemp, readFile, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const PACKAGES = join(import.meta.dirname, "../../packages");

/**
 * Installs a built package in a folder of its own, with its dependencies and without its optional ones. Resolves with the folder, for whoever
 * removes it, and that of the package in it.
 */
export async function withoutOptionalPackages(name: string): Promise<{ folder: string; installed: string }> {
  const source = join(PACKAGES, name);
  const folder = await mkdtemp(join(tmpdir(), `${name}-alone-`));
  const modules = join(folder, "node_modules");
  const installed = join(modules, "@cloud-messaging", name);
  const { dependencies } = JSON.parse(await readFile(join(source, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  for (const part of ["bin", "dist", "package.json"]) {
    await cp(join(source, part), join(installed, part), { recursive: true });
  }
  for (const dependency of Object.keys(dependencies)) {
    const link = join(modules, dependency);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(source, "node_modules", dependency), link);
  }
  return { folder, installed };
}
