// A web shop's notification, enqueued in the transaction of the order: it is sent if, and only if, the order is committed.
//
//   DATABASE_URL=postgres://… node outbox-transaction.mjs
import { startEmulator } from "@cloud-messaging/emulator";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { createOutbox, createPostgresEngine } from "@cloud-messaging/outbox-postgres";
import pg from "pg";

const emulator = await startEmulator();
const phone = emulator.createDevice();
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, connectionTimeoutMillis: 5_000 });
const engine = createPostgresEngine({ pool });
await engine.migrate();
const outbox = createOutbox({ engine, transport: createGcmHttpTransport(emulator.httpOptions()) });
await pool.query("CREATE TABLE IF NOT EXISTS shop_order (id text PRIMARY KEY, amount integer CHECK (amount > 0))");

async function placeOrder(id, amount) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const notification = { title: "Thank you", body: `Order ${id} is on its way` };
    await outbox.enqueue({ target: { token: phone.token }, notification }, { key: `order-${id}`, client });
    await client.query("INSERT INTO shop_order VALUES ($1, $2)", [id, amount]);
    await client.query("COMMIT");
    console.log(`order ${id}: placed`);
  } catch (error) {
    await client.query("ROLLBACK");
    console.log(`order ${id}: ${error.message}`);
  } finally {
    client.release();
  }
}

const first = `${Date.now()}`;
await placeOrder(first, 3);
await placeOrder(`${first}-refused`, 0);

await outbox.work({ untilIdle: true }); // in a shop, a process of its own
console.log("messages sent:", emulator.inbox.total);
for (const key of [`order-${first}`, `order-${first}-refused`]) {
  console.log(`${key}:`, (await outbox.progress({ key }))?.kinds ?? "never enqueued");
}

await outbox.close();
await pool.end();
await emulator.close();
