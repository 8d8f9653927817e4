// The process of a case's canned server.
const { url, index } = JSON.parse(process.argv[2]);
const { default: cases } = await import(url);
const server = await cases[index].startServer();
process.send({ value: server.value });
process.once("disconnect", () => server.close());
