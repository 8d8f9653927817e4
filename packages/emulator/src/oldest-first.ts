/**
 * Gives the keys of a map in the order they were set, one per call, while the map goes on changing; every key given has to be deleted
 * before the next call. Asking for a new iterator each time would walk over all that was deleted before.
 */
export function oldestFirst<K>(map: ReadonlyMap<K, unknown>): () => K | undefined {
  let keys = map.keys();
  return () => {
    let next = keys.next();
    if (next.done) {
      // one that came to the end stays there
      keys = map.keys();
      next = keys.next();
    }
    return next.done ? undefined : next.value;
  };
}
