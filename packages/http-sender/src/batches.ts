/**
 * Cuts a list into batches, works on a few of them at once, and puts the results back by position. Only the batches under way exist.
 *
 * @param size Items per batch. 1 or more.
 * @param parallel Batches under way at once. 1 or more.
 * @param run Gives one result per item, in their order. Must not reject.
 */
export async function mapBatches<T, R>(
  items: readonly T[],
  size: number,
  parallel: number,
  run: (batch: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const from = next;
      next += size;
      const part = await run(items.slice(from, from + size));
      for (let index = 0; index < part.length; index++) results[from + index] = part[index] as R;
    }
  };
  const workers = Math.min(Math.ceil(items.length / size), parallel);
  await Promise.all(Array.from({ length: workers }, worker));
  return results;
}
