// Registration stores that a program can be told to open, by name, at a location: a folder or the address of a server.
export const STORES = {
  async lmdb(location) {
    const { createLmdbRegistrationStore } = await import("@cloud-messaging/store-lmdb");
    return createLmdbRegistrationStore({ path: location });
  },
};

/** Opens a store. It has a `close()` that resolves once its files or connections are gone. */
export async function openStore(name, location) {
  const open = STORES[name];
  if (open === undefined) throw new Error(`There is no store ${name}: ${Object.keys(STORES).join(", ")}`);
  return open(location);
}
