import { OutboxStorageError } from "../errors.ts";

/** Recipients of a chunk with the same history, by their places in it. */
export interface Group {
  readonly places: readonly number[];
  /** Attempts made. */
  readonly attempts: number;
  /** Copies that were written and never answered. */
  readonly unanswered: number;
  /** Instant of the next attempt on the engine's clock; 0 for none before. */
  readonly dueAt: number;
  /** Mark: a copy is being written, or was when the worker ended. */
  readonly sending: boolean;
}

const VERSION = 1;

type StoredGroup = readonly [
  ranges: readonly number[],
  attempts: number,
  unanswered: number,
  due: number,
  sending: 0 | 1,
];

/** Encodes the unsettled recipients of a chunk. */
export function encodeState(groups: readonly Group[]): Uint8Array {
  const stored = groups.map(
    ({ places, attempts, unanswered, dueAt, sending }): StoredGroup => [
      toRanges(places),
      attempts,
      unanswered,
      dueAt,
      sending ? 1 : 0,
    ],
  );
  return Buffer.from(JSON.stringify([VERSION, ...stored]));
}

/** Decodes the state of a chunk; all of its recipients are untouched where it was never written. */
export function decodeState(state: Uint8Array, size: number): Group[] {
  if (state.length === 0) {
    const places = Array.from({ length: size }, (_, place) => place);
    return [{ places, attempts: 0, unanswered: 0, dueAt: 0, sending: false }];
  }
  const text = Buffer.from(state.buffer, state.byteOffset, state.byteLength).toString();
  const [version, ...stored] = JSON.parse(text) as [number, ...StoredGroup[]];
  if (version !== VERSION) {
    throw new OutboxStorageError(`a chunk has the version ${version}, and this package reads ${VERSION}`);
  }
  return stored.map(([ranges, attempts, unanswered, dueAt, sending]) => ({
    places: fromRanges(ranges),
    attempts,
    unanswered,
    dueAt,
    sending: sending === 1,
  }));
}

function toRanges(places: readonly number[]): number[] {
  const ranges: number[] = [];
  for (const place of places) {
    if (ranges.length > 0 && ranges[ranges.length - 1] === place - 1) ranges[ranges.length - 1] = place;
    else ranges.push(place, place);
  }
  return ranges;
}

function fromRanges(ranges: readonly number[]): number[] {
  const places: number[] = [];
  for (let index = 0; index < ranges.length; index += 2) {
    for (let place = ranges[index] as number; place <= (ranges[index + 1] as number); place++) places.push(place);
  }
  return places;
}
