// The test cases that every registration store has to pass, for own-registration-store.mjs. In vitest and jest the loop is the same, with their
// own `test`; in jest give it a longer time limit than 5 s where each case sets up a database: test(name, run, 60_000).
//
//   node --test examples/own-registration-store.test.mjs
import { test } from "node:test";
import { registrationStoreCases } from "@cloud-messaging/core/testing";
import { createOwnRegistrationStore } from "./own-registration-store.mjs";

const cases = registrationStoreCases({ create: (clock) => ({ stores: [createOwnRegistrationStore({ clock })] }) });
for (const { name, run } of cases) test(name, run);
