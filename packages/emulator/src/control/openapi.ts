import { defined } from "@cloud-messaging/core/transport";
import { jsonSchemaOf } from "./bodies.ts";
import type { ControlCall } from "./call.ts";
import { parametersIn } from "./query.ts";

/** Creates the OpenAPI 3.1 document of the control API from its calls. */
export function openApiDocument(calls: readonly ControlCall[], url: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const call of calls) {
    const path = call.path.replace(/:(\w+)/g, "{$1}");
    const operations = paths[path] ?? {};
    paths[path] = operations;
    operations[call.method.toLowerCase()] = {
      operationId: operationId(call),
      summary: call.summary,
      parameters: parametersOf(call),
      ...defined({
        requestBody: call.body && { content: { "application/json": { schema: jsonSchemaOf(call.body) } } },
      }),
      responses: {
        "2XX": { description: "Done" },
        "4XX": {
          description: "Not possible",
          content: { "application/json": { schema: { type: "object", properties: { error: { type: "string" } } } } },
        },
      },
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Cloud-messaging emulator: control API", version: "1" },
    servers: [{ url: `${url}/emulator/v1` }],
    paths,
  };
}

function operationId({ method, path }: ControlCall): string {
  const words = path.split(/[^a-zA-Z0-9]+/).filter((word) => word !== "");
  return [method.toLowerCase(), ...words]
    .map((word, i) => (i === 0 ? word : word[0]?.toUpperCase() + word.slice(1)))
    .join("");
}

function parametersOf({ path, query = "none" }: ControlCall): unknown[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return [...inPath, ...parametersIn(query)];
}
