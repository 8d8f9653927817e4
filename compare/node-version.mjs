// Refuses a Node that cannot run the comparison, before anything is installed.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `npm run compare needs Node 22.18 or later, and is run by Node ${process.versions.node}: firebase-admin 14 needs Node 22, and the servers of the tests are TypeScript, which Node runs from 22.18 on.`,
  );
  process.exit(1);
}
