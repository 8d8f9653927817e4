import { isJsonObject } from "@cloud-messaging/core/transport";

/** A field's type in protobuf, as far as FCM uses them. */
export type ProtoType =
  | { readonly kind: "string" | "bool" | "int32" | "float" | "duration" | "timestamp" }
  /** Free-form JSON: `google.protobuf.Struct`. */
  | { readonly kind: "struct" }
  /** `map<string, string>`. */
  | { readonly kind: "map" }
  | { readonly kind: "list"; readonly of: ProtoType }
  /** `values` by their numbers. */
  | { readonly kind: "enum"; readonly name: string; readonly values: readonly string[] }
  | ProtoMessage;

/** A message type: its fields by their names in the `.proto` file (snake_case). */
export interface ProtoMessage {
  readonly kind: "message";
  readonly name: string;
  readonly fields: Readonly<Record<string, ProtoType>>;
  /** Fields of which at most one may be set, by the name of the group. */
  readonly oneofs: Readonly<Record<string, readonly string[]>>;
}

/** One thing that is wrong, as `google.rpc.BadRequest` names it. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** Result of reading: the value with snake_case names, enums by name, numbers as numbers, unset fields absent. */
export interface ProtoReading {
  readonly value: Readonly<Record<string, unknown>>;
  readonly violations: readonly FieldViolation[];
}

/**
 * Reads JSON as Google's front end does, by the rules of proto3 JSON: names in snake_case or camelCase, `null` for unset, numbers also as
 * text, enums by name or number, at most one field of a oneof. Its refusals are in the front end's words.
 *
 * Source: https://protobuf.dev/programming-guides/json/; docs/protocol/fcm-v1.md#errors
 */
export function readProto(type: ProtoMessage, json: unknown): ProtoReading {
  const violations: FieldViolation[] = [];
  if (!isJsonObject(json)) {
    const description = 'Invalid JSON payload received. Unknown name "": Root element must be a message.';
    return { value: {}, violations: [{ field: "", description }] };
  }
  const value = readMessage(type, json, "", violations) ?? {};
  return { value, violations };
}

/** Maximum number of violations in an answer, which would otherwise be many times the request. Implementation limit. */
const MAX_VIOLATIONS = 100;

type Violations = FieldViolation[];

function readValue(type: ProtoType, json: unknown, path: string, violations: Violations): unknown {
  switch (type.kind) {
    case "message":
      return readMessage(type, json, path, violations);
    case "list":
      if (!Array.isArray(json)) return wrong(path, typeName(type.of), json, violations);
      return json.map((item: unknown, index) => readValue(type.of, item, `${path}[${index}]`, violations));
    case "map":
      return readMap(json, path, violations);
    case "struct":
      return isJsonObject(json) ? json : wrong(path, typeName(type), json, violations);
    default: {
      const read = readScalar(type, json);
      return read === undefined ? wrong(path, typeName(type), json, violations) : read;
    }
  }
}

function readMessage(
  type: ProtoMessage,
  json: unknown,
  path: string,
  violations: Violations,
): Record<string, unknown> | undefined {
  if (!isJsonObject(json)) return wrong(path, typeName(type), json, violations);
  const read: [string, unknown][] = [];
  const set = new Map<string, string>();
  const names = namesOf(type);
  for (const [key, value] of Object.entries(json)) {
    const name = names.get(key);
    if (name === undefined) {
      const at = path === "" ? "" : ` at '${path}'`;
      const unknown = `Unknown name "${key.slice(0, 100)}"${at}: Cannot find field.`;
      tell(violations, path, `Invalid JSON payload received. ${unknown}`);
      continue;
    }
    if (value === null) continue; // unset, of every type
    const group = Object.keys(type.oneofs).find((oneof) => type.oneofs[oneof]?.includes(name));
    if (group !== undefined && set.has(group)) {
      const already = `oneof field '${group}' is already set. Cannot set '${name}'`;
      tell(violations, path, `Invalid value at '${path}' (oneof), ${already}`);
      continue;
    }
    if (group !== undefined) set.set(group, name);
    const field = path === "" ? name : `${path}.${name}`;
    read.push([name, readValue(type.fields[name] as ProtoType, value, field, violations)]);
  }
  return Object.fromEntries(read);
}

/** Both spellings of every field, by type: looked up in each request. */
const knownNames = new WeakMap<ProtoMessage, ReadonlyMap<string, string>>();

function namesOf(type: ProtoMessage): ReadonlyMap<string, string> {
  let names = knownNames.get(type);
  if (names === undefined) {
    const camel = (name: string): string =>
      name.replace(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());
    const fields = Object.keys(type.fields);
    names = new Map(fields.flatMap((name) => [[name, name] as const, [camel(name), name] as const]));
    knownNames.set(type, names);
  }
  return names;
}

/** An entry of a map is a message of its own in protobuf, which is how its path names it: `data[0].value`. */
function readMap(json: unknown, path: string, violations: Violations): Record<string, string> | undefined {
  if (!isJsonObject(json)) return wrong(path, "(type.googleapis.com/google.protobuf.Struct)", json, violations);
  const entries: [string, string][] = [];
  Object.entries(json).forEach(([key, value], index) => {
    if (typeof value === "string") entries.push([key, value]);
    else wrong(`${path}[${index}].value`, "(TYPE_STRING)", value, violations);
  });
  return Object.fromEntries(entries);
}

function readScalar(type: Exclude<ProtoType, { kind: "message" | "list" | "map" | "struct" }>, json: unknown): unknown {
  switch (type.kind) {
    case "string":
      return typeof json === "string" ? json : undefined;
    case "bool":
      if (json === "true" || json === "false") return json === "true";
      return typeof json === "boolean" ? json : undefined;
    case "int32": {
      const number = numberOf(json);
      return number !== undefined && Number.isInteger(number) && number >= -(2 ** 31) && number < 2 ** 31
        ? number
        : undefined;
    }
    case "float":
      if (json === "NaN") return Number.NaN;
      if (json === "Infinity" || json === "-Infinity") return Number(json);
      return numberOf(json);
    case "enum": {
      const { values } = type;
      const number = numberOf(json);
      if (number !== undefined) return values[number];
      return values.find((value) => typeof json === "string" && value === json.toUpperCase());
    }
    case "duration":
      return typeof json === "string" && isDuration(json) ? json : undefined;
    case "timestamp":
      return typeof json === "string" && isTimestamp(json) ? json : undefined;
  }
}

/** A JSON number, or one as text. */
function numberOf(json: unknown): number | undefined {
  if (typeof json === "number") return json;
  return typeof json === "string" && /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(json) ? Number(json) : undefined;
}

/** About 10,000 years, the range of `google.protobuf.Duration`. Unit: seconds. */
const MAX_DURATION_SEC = 315_576_000_000;

function isDuration(text: string): boolean {
  return /^-?\d{1,12}(\.\d{1,9})?s$/.test(text) && Math.abs(Number.parseFloat(text)) <= MAX_DURATION_SEC;
}

function isTimestamp(text: string): boolean {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-](\d\d):(\d\d))$/.exec(text);
  if (parts === null) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zoneHour = 0, zoneMinute = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  const daysInMonth = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const date = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth;
  return date && hour < 24 && minute < 60 && second < 60 && zoneHour < 24 && zoneMinute < 60;
}

function typeName(type: ProtoType): string {
  switch (type.kind) {
    case "string":
    case "bool":
    case "int32":
    case "float":
      return `(TYPE_${type.kind.toUpperCase()})`;
    case "duration":
      return "(type.googleapis.com/google.protobuf.Duration)";
    case "timestamp":
      return "(type.googleapis.com/google.protobuf.Timestamp)";
    case "struct":
    case "map":
      return "(type.googleapis.com/google.protobuf.Struct)";
    case "list":
      return typeName(type.of);
    case "enum":
    case "message":
      return `(type.googleapis.com/google.firebase.fcm.v1.${type.name})`;
  }
}

function wrong(path: string, type: string, found: unknown, violations: Violations): undefined {
  const shown = JSON.stringify(found)?.slice(0, 100) ?? "";
  tell(violations, path, `Invalid value at '${path}' ${type}, ${shown}`);
  return undefined;
}

function tell(violations: Violations, field: string, description: string): void {
  if (violations.length < MAX_VIOLATIONS) violations.push({ field, description });
}
