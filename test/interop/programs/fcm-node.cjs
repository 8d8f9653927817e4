// A program as users of fcm-node write it: node fcm-node.cjs '{"to":…}'
const FCM = require("fcm-node");

const fcm = new FCM("AIzaSyEXAMPLE-0123456789-0123456789-012");
fcm.send(JSON.parse(process.argv[2]), (error, response) => {
  console.log(JSON.stringify({ error: error ?? null, response: response ?? null }));
  // an answer 503 is left unread by the library, and would keep the process as long as its connection
  process.exit();
});
