import { createCcsClient } from "@cloud-messaging/ccs-client";
import type { RegistrationStore } from "@cloud-messaging/core";
import { startEmulator } from "@cloud-messaging/emulator";
import { createGcmSender } from "@cloud-messaging/http-sender";
import { expect } from "vitest";

/**
 * Counts what sends ask of a store: before each one the tokens' states, and after the first of a day that it was accepted.
 *
 * @param count Reads the number of round trips to the server so far.
 */
export async function roundTripsOfSends(
  registrations: RegistrationStore,
  count: () => number | Promise<number>,
): Promise<void> {
  await using emulator = await startEmulator();
  const tripsOf = async (send: () => Promise<unknown>) => {
    const before = await count();
    await send();
    return (await count()) - before;
  };
  const content = { data: { n: "1" } };

  await using sender = createGcmSender({ ...emulator.httpOptions(), registrations });
  const { token } = emulator.createDevice();
  await registrations.register("ada", token);
  const toToken: number[] = [];
  for (let n = 0; n < 3; n++) toToken.push(await tripsOf(() => sender.send({ ...content, target: { token } })));
  expect(toToken).toEqual([2, 1, 1]);

  for (let n = 0; n < 5; n++) await registrations.register("grace", emulator.createDevice().token);
  const toUser: number[] = [];
  for (let n = 0; n < 3; n++) toUser.push(await tripsOf(() => sender.sendToUser("grace", content)));
  expect(toUser).toEqual([2, 1, 1]);

  await using client = createCcsClient({ ...emulator.ccsOptions(), registrations });
  const tokens = Array.from({ length: 300 }, () => emulator.createDevice().token as string);
  for (const [n, each] of tokens.entries()) await registrations.register(`user-${n}`, each);
  const toAll = async (options: { readonly batchSize?: number }) => {
    let accepted = 0;
    for await (const { kind } of client.sendAll(content, tokens, options)) if (kind === "accepted") accepted++;
    expect(accepted).toBe(tokens.length);
  };
  expect(await tripsOf(() => toAll({ batchSize: 100 }))).toBe(6);
  expect(await tripsOf(() => toAll({ batchSize: 100 }))).toBe(3);
  expect(await tripsOf(() => toAll({}))).toBe(300);
}
