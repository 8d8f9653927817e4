import { join } from "node:path";
import { loadOptionalPackage, readOptions, z } from "@cloud-messaging/core/transport";
import type { GatewayOptions } from "../options.ts";

const SettingsSchema = z.strictObject({ path: z.string("must be a folder").min(1, "must be a folder") });

/** Outbox of a config file: a folder. */
export type EmbeddedOutbox = z.output<typeof SettingsSchema>;

/**
 * Makes the option `outbox` of a config's field: the embedded engine, a folder below the path for each project. The engine is an optional
 * dependency, loaded here.
 *
 * @throws {InvalidOptionsError} the field is wrong. @throws {MissingPackageError} the package of the engine is not installed.
 */
export async function embeddedOutbox(settings: unknown): Promise<NonNullable<GatewayOptions["outbox"]>> {
  const { path } = readOptions(
    z.strictObject({ outbox: SettingsSchema }),
    { outbox: settings },
    "a field of outbox",
  ).outbox;
  const { createEmbeddedEngine } = await loadOptionalPackage(
    "@cloud-messaging/outbox",
    () => import("@cloud-messaging/outbox"),
  );
  // the name of a project may be two dots
  return { engine: (project) => createEmbeddedEngine({ path: join(path, `project-${project}`) }) };
}
