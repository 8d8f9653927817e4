import { createMemoryRegistrationStore } from "@cloud-messaging/core";
import { registrationStoreCases } from "@cloud-messaging/core/testing";
import { describe, it } from "vitest";

describe("the registration store in memory", () => {
  const cases = registrationStoreCases({ create: (clock) => ({ stores: [createMemoryRegistrationStore({ clock })] }) });
  for (const { name, run } of cases) it(name, run);
});
