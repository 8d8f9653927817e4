export type { RedisRegistrationStoreOptions } from "./options.ts";
export type { IoredisClient, NodeRedisClient, NodeRedisScriptOptions, RedisClient } from "./redis.ts";
export { createRedisRegistrationStore, type RedisRegistrationStore } from "./store.ts";
