import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { programEnvironment } from "../support/program-environment.ts";

const root = join(import.meta.dirname, "../..");

it("the documented error-code table is the one in the code", async () => {
  const { errorCodeTable } = (await import(join(root, "scripts/error-code-table.mjs"))) as { errorCodeTable(): string };
  expect(readFileSync(join(root, "docs/protocol/error-codes.md"), "utf8")).toBe(errorCodeTable());
});

it("the documented options are those of the declarations: after a change, npm run docs:options", async () => {
  const { optionsPage } = (await import(join(root, "scripts/options-page.mjs"))) as { optionsPage(): string };
  expect(readFileSync(join(root, "docs/options.md"), "utf8")).toBe(optionsPage());
});

it("the documented control API is that of the emulator: after a change, npm run docs:control-api", async () => {
  const { controlApiPage, openApiDocument } = (await import(join(root, "scripts/control-api-page.mjs"))) as {
    controlApiPage(document: unknown): string;
    openApiDocument(): Promise<unknown>;
  };
  expect(readFileSync(join(root, "docs/control-api.md"), "utf8")).toBe(controlApiPage(await openApiDocument()));
});

it("the documented table of a fleet is what its simulation prints", async () => {
  const { fleetTable } = (await import(join(root, "scripts/simulate-fleet.mjs"))) as { fleetTable(): string };
  expect(readFileSync(join(root, "docs/scale.md"), "utf8")).toContain(`\n\n${fleetTable()}\n\n`);
});

it("the documented story of two users and one phone prints what it says", async () => {
  const page = readFileSync(join(root, "docs/registrations.md"), "utf8");
  const program = /```js file=two-users\.mjs\n([\s\S]*?)```/.exec(page)?.[1] as string;
  const folder = mkdtempSync(join(root, "examples", ".registrations-"));
  try {
    writeFileSync(join(folder, "two-users.mjs"), program);
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "two-users.mjs")], {
      env: programEnvironment({ NO_COLOR: "1" }),
    });
    expect(stdout).toBe("moved phone [ 'ada' ] [ 'grace' ]\n[ 'tablet' ]\nfalse\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it("the example of a registration store of one's own passes every case of the contract, in node:test", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["examples/own-registration-store.test.mjs"], {
    cwd: root,
    env: programEnvironment({ NO_COLOR: "1" }),
  });
  expect(stdout).toMatch(/pass [1-9]\d/);
  expect(stdout).toMatch(/fail 0/);
});

it("the documented tables of metrics and attributes are those in the code", async () => {
  const { pageWithTables } = (await import(join(root, "scripts/observability-tables.mjs"))) as {
    pageWithTables(): string;
  };
  expect(pageWithTables()).toBe(readFileSync(join(root, "docs/observability.md"), "utf8"));
});

it("the documented traces are those that the console exporter prints, with the instrumentation registered by --import", async () => {
  const { pageWithTraces } = (await import(join(root, "scripts/observability-traces.mjs"))) as {
    pageWithTraces(): string;
  };
  expect(pageWithTraces()).toBe(readFileSync(join(root, "docs/observability-traces.md"), "utf8"));
});
