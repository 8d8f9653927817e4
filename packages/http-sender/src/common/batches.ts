/**
 * Maps a list in batches, with bounded concurrency, and returns the results by position. Batches are created when their turn comes.
 *
 * @param size Items per batch. 1 or more.
 * @param parallel Maximum number of batches in flight. 1 or more.
 * @param run Gives one result per item, in their order. Must not reject.
 */
export async function mapBatches<T, R>(
  items: readonly T[],
  size: number,
  parallel: number,
  run: (batch: readonly T[], from: number) => Promise<readonly R[]>,
): Promise<R[]> {
  const ends: number[] = [];
  for (let end = size; end < items.length; end += size) ends.push(end);
  return mapParts(items, [...ends, items.length], parallel, run);
}

/**
 * As `mapBatches`, with batches of any size.
 *
 * @param ends End of each batch, exclusive: ascending, the last one the number of items.
 */
export async function mapParts<T, R>(
  items: readonly T[],
  ends: readonly number[],
  parallel: number,
  run: (batch: readonly T[], from: number) => Promise<readonly R[]>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < ends.length) {
      const from = next === 0 ? 0 : (ends[next - 1] as number);
      const part = await run(items.slice(from, ends[next++]), from);
      for (let index = 0; index < part.length; index++) results[from + index] = part[index] as R;
    }
  };
  await Promise.all(Array.from({ length: Math.min(ends.length, parallel) }, worker));
  return results;
}
