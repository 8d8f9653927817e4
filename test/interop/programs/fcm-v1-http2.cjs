// A program as users of fcm-v1-http2 write it: node fcm-v1-http2.cjs SERVICE_ACCOUNT_FILE '{"message":…,"tokens":…}'
const Client = require("fcm-v1-http2");

const [file, input] = process.argv.slice(2);
const client = new Client({
  serviceAccount: require(file),
  maxConcurrentConnections: 2,
  maxConcurrentStreamsAllowed: 5,
});
const { message, tokens } = JSON.parse(input);
client.sendMulticast(message, tokens).then(
  (unregistered) => {
    console.log(JSON.stringify({ unregistered }));
    process.exit();
  },
  (error) => {
    console.log(JSON.stringify({ error: error.message ?? error }));
    process.exit();
  },
);
