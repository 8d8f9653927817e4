import { MissingPackageError } from "./errors.ts";

const NOT_FOUND: ReadonlySet<unknown> = new Set(["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);

/**
 * Loads an optional package.
 *
 * @param load Its `import()`, written where the package is wanted, so that bundlers and Node find it from there.
 * @throws {MissingPackageError} it is not installed. An error inside the package, such as a dependency that it lacks, is passed on.
 */
export async function loadOptionalPackage<T>(packageName: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    if (!NOT_FOUND.has(code) || !String(message).includes(`'${packageName}'`)) throw error;
    throw new MissingPackageError(packageName, { cause: error });
  }
}
