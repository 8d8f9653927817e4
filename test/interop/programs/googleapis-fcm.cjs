// A program as users of @googleapis/fcm write it, pointed at the emulator by its rootUrl: node googleapis-fcm.cjs ROOT_URL '[{…},…]'
const { fcm } = require("@googleapis/fcm");

const [rootUrl, input] = process.argv.slice(2);
const client = fcm({ version: "v1", rootUrl, headers: { authorization: "Bearer ya29.of-mine" } });
void (async () => {
  for (const message of JSON.parse(input)) {
    const answer = await client.projects.messages.send({ parent: "projects/any", requestBody: { message } }).then(
      ({ data }) => ({ value: data }),
      (error) => ({
        error: error.response?.data?.error?.details?.[0]?.errorCode ?? error.message,
        status: error.status,
      }),
    );
    console.log(JSON.stringify(answer));
  }
})();
