// A program as users of fcm-cloudflare-workers write it, on fetch alone: node fcm-cloudflare-workers.cjs SERVICE_ACCOUNT_FILE '[["sendToToken",{…},"token"],…]'
const { FCM, FcmOptions } = require("fcm-cloudflare-workers");

const [file, input] = process.argv.slice(2);
const fcm = new FCM(new FcmOptions({ serviceAccount: require(file) }));
void (async () => {
  const answers = [];
  for (const [call, message, to] of JSON.parse(input)) {
    answers.push(
      await fcm[call](message, to).then(
        (value) => ({ value: value ?? null }),
        (error) => ({ error: error.message }),
      ),
    );
  }
  console.log(JSON.stringify(answers));
  process.exit();
})();
