/** The fields of one package; none while the address is not known. */
export function identityOf(name: string, repository?: string): Readonly<Record<string, unknown>>;
