/** The table of docs/scale.md, in Markdown. */
export function fleetTable(): string;
