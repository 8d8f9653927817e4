// A program as users of fcm-push write it: node fcm-push.cjs '{"to":…}'
const FCM = require("fcm-push");

new FCM("AIzaSyEXAMPLE-0123456789-0123456789-012").send(JSON.parse(process.argv[2])).then(
  (answer) => {
    console.log(JSON.stringify({ answer: JSON.parse(answer) }));
    process.exit();
  },
  (error) => {
    console.log(JSON.stringify({ error: error.message ?? error }));
    process.exit();
  },
);
