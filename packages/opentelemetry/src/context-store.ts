import { AsyncLocalStorage } from "node:async_hooks";
import { type Context, context } from "@opentelemetry/api";

/** A context manager as far as its storage is concerned: that of `@opentelemetry/context-async-hooks` keeps it in a field. */
type Manager = Readonly<Record<string, unknown>>;

/**
 * Store to bind to a channel: what runs inside an operation has the operation's context as OpenTelemetry's active one, so that spans of
 * other instrumentations nest under it. `runStores` calls `run` up to Node 24, and `withScope` from Node 26 on.
 */
export class ContextStore extends AsyncLocalStorage<Context> {
  override run<R, A extends unknown[]>(store: Context, callback: (...values: A) => R, ...values: A): R {
    return context.with(store, callback, undefined, ...values);
  }

  /** Makes the context active until the scope is disposed of; without effect for a context manager that has no storage of this kind. */
  withScope(store: Context): Disposable {
    // the method is private: see `storageOf`
    const storage = storageOf(context as unknown as { _getContextManager?(): Manager });
    return storage?.withScope?.(store) ?? { [Symbol.dispose]: () => {} };
  }
}

interface ScopedStorage extends AsyncLocalStorage<Context> {
  withScope?(store: Context): Disposable;
}

/** The storage of the context manager that is registered. The API names no way to enter a context but a callback. */
function storageOf(api: { _getContextManager?(): Manager }): ScopedStorage | undefined {
  const manager = api._getContextManager?.() ?? {};
  return Object.values(manager).find((value): value is ScopedStorage => value instanceof AsyncLocalStorage);
}
