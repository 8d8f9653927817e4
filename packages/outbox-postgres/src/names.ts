/** Names that statements are made with. */
export interface Names {
  /** Name of the schema, quoted; the same inside a string literal. */
  readonly s: string;
  /** Channel of the notifications. */
  readonly channel: string;
}

/** Letters, digits and underscores, short enough for the names made of it. */
export const SCHEMA_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,47}$/;

/** @param schema One of `SCHEMA_NAME`. */
export function namesOf(schema: string): Names {
  return { s: `"${schema}"`, channel: `${schema}_work` };
}
