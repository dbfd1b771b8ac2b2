// The browser of a file of tests, and what each of its tests starts: a server, people in the page and in telnet's door. All of it
// ends with the test.

import { after, afterEach, before } from 'node:test';
import { enter, launch, lineClient, newPage, startServer } from './stage.mjs';

export let browser;
export let server;
export const ends = [];
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A server of the test's own, ended with it. */
export async function serve(options) {
  server = await startServer(options);
  ends.push(() => server.stop());
  return server;
}
export async function person(name, options, forgive, url = server.url) {
  const page = await newPage(browser, options, forgive);
  ends.push(() => page.context().close());
  if (name) await enter(page, url, name);
  return page;
}
export async function terminal(name) {
  const client = await lineClient(server, name);
  ends.push(client.end);
  return client;
}
