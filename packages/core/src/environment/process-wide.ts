/**
 * Returns an object that all copies of this SDK in a process share, created by the first that asks for it. A process holds several copies
 * where some modules `import` a package and others `require` it.
 *
 * @param name Name of the object, with the version of its shape: `http-sender/quota/1`. Change it with every change of the shape, since
 * two versions of a package may be loaded as well.
 */
export function processWide<T extends object>(name: string, create: () => T): T {
  const key = Symbol.for(`@cloud-messaging/${name}`);
  const holder = globalThis as { [key: symbol]: T | undefined };
  const existing = holder[key];
  if (existing !== undefined) return existing;
  const created = create();
  // not enumerable: nothing to see for tools that compare the globals before and after a test
  Object.defineProperty(holder, key, { value: created });
  return created;
}
