/** Approximate memory of a message: its names and values. Unit: characters. */
export function weightOf(fields: Readonly<Record<string, unknown>> | undefined): number {
  let weight = 0;
  for (const name in fields) {
    const value = fields[name];
    weight += name.length;
    if (typeof value === "string") weight += value.length;
    else if (typeof value === "object" && value !== null) weight += JSON.stringify(value).length;
    else weight += 8;
  }
  return weight;
}
