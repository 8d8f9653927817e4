import { CloudMessagingError } from "./errors.ts";

/** A feature was asked for whose package, an optional dependency, is not installed. Nothing was done. */
export class MissingPackageError extends CloudMessagingError<"ERR_MISSING_PACKAGE"> {
  override readonly name = "MissingPackageError";
  /** Name of the package. */
  readonly packageName: string;

  constructor(packageName: string, options?: ErrorOptions) {
    super(
      "ERR_MISSING_PACKAGE",
      `This needs the package ${packageName}, which is not installed: npm install ${packageName}`,
      options,
    );
    this.packageName = packageName;
  }
}

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
