export {
  createLmdbRegistrationStore,
  type LmdbRegistrationStore,
  type LmdbRegistrationStoreOptions,
} from "./store.ts";
export { LmdbStoreError, type LmdbFailure } from "./errors.ts";
