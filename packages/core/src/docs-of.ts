/** Page about errors and warnings: the copy in this package while the project has no address. Written by `scripts/identity.mjs`. */
const ERRORS_PAGE = "@cloud-messaging/core/docs/errors.md";

/** Address of the section about the code of an error or a warning. */
export function docsOf(code: string): string {
  return `${ERRORS_PAGE}#${code.toLowerCase()}`;
}
