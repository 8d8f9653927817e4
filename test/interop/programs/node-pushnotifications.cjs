// A program as users of node-pushnotifications write it: node node-pushnotifications.cjs SERVICE_ACCOUNT_FILE '{"data":…,"tokens":…}'
const PushNotifications = require("node-pushnotifications");

const [file, input] = process.argv.slice(2);
const { data, tokens } = JSON.parse(input);
const push = new PushNotifications({ fcm: { serviceAccountKey: require(file) } });
push.send(tokens, data).then(
  (results) => {
    console.log(
      JSON.stringify(
        results.map(({ method, success, failure, message }) => ({
          method,
          success,
          failure,
          message: message.map(({ regId, messageId, errorMsg }) => ({ regId, messageId, errorMsg })),
        })),
      ),
    );
    process.exit();
  },
  (error) => {
    console.log(JSON.stringify({ error: error.message }));
    process.exit();
  },
);
