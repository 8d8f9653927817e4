export { type LmdbFailure, LmdbStoreError } from "./errors.ts";
export {
  createLmdbRegistrationStore,
  type LmdbRegistrationStore,
  type LmdbRegistrationStoreOptions,
} from "./store.ts";
