/** Names that statements are made with. */
export interface SchemaNames {
  /** Name of the schema, quoted; the same inside a string literal. */
  readonly s: string;
  /** Channel of the notifications. */
  readonly channel: string;
}

/** Letters, digits and underscores, short enough for the names made of it. */
export const SCHEMA_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,47}$/;

/**
 * Makes the names of a schema.
 *
 * @param topic Of the notifications: the end of the channel's name.
 */
export function namesOf(schema: string, topic: string): SchemaNames {
  return { s: `"${schema}"`, channel: `${schema}_${topic}` };
}
