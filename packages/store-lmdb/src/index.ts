export type { LmdbFailure } from "@cloud-messaging/lmdb";
export { LmdbStoreError } from "./errors.ts";
export {
  createLmdbRegistrationStore,
  type LmdbRegistrationStore,
  type LmdbRegistrationStoreOptions,
} from "./store.ts";
