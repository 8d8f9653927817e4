// The embedded database of our packages. Internal: its names change with them.

export { type DataFileFault, dataFileFault } from "./data-file.ts";
export {
  type Environment,
  type EnvironmentOptions,
  openEnvironment,
  type Table,
  type TransactionHooks,
} from "./environment.ts";
export type { LmdbFailure } from "./failure.ts";
