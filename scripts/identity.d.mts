/** The fields of one package; none while the address is not known. */
export function identityOf(name: string, repository?: string): Readonly<Record<string, unknown>>;
/** Address of the page about errors and warnings: in the repository, or in the package of core. */
export function errorsPage(repository?: string): string;
