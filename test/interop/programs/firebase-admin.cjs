// A program as users of firebase-admin write it: node firebase-admin.cjs LIBRARY SERVICE_ACCOUNT_FILE '[["send",{…}],…]'
const [library, account, input] = process.argv.slice(2);
const { cert, initializeApp } = require(`${library}/app`);
const { getMessaging } = require(`${library}/messaging`);

const messaging = getMessaging(initializeApp({ credential: cert(account) }));
void (async () => {
  for (const [call, ...args] of JSON.parse(input)) {
    const answer = await messaging[call](...args).then(
      (value) => ({ value }),
      (error) => ({ error: error.code ?? error.message }),
    );
    // an error in a list of results says no more than its name when it is made JSON
    console.log(JSON.stringify(answer, (_key, value) => (value instanceof Error ? { code: value.code } : value)));
  }
  // its HTTP/2 sessions and its agents would keep the process for a while
  process.exit(0);
})();
