import { expect, test } from "vitest";
import { startFront } from "../support/front.ts";
import type { Word } from "../support/raw-client.ts";

async function start() {
  const front = await startFront();
  return { front, client: await front.client() };
}

test("CLIENT knows names, libraries and identities", async () => {
  const { client } = await start();
  expect(await client.ask("CLIENT", "ID")).toBe(1);
  expect(await client.ask("CLIENT", "GETNAME")).toBe(null);
  expect(await client.ask("CLIENT", "SETNAME", "engine-1")).toBe("OK");
  expect(await client.ask("CLIENT", "GETNAME")).toBe("engine-1");
  expect(await client.refusal("CLIENT", "SETNAME", "two words")).toMatch(/cannot contain spaces/);
  expect(await client.ask("CLIENT", "SETINFO", "LIB-NAME", "redis-py")).toBe("OK");
  expect(await client.ask("CLIENT", "SETINFO", "lib-ver", "8.0")).toBe("OK");
  expect(await client.refusal("CLIENT", "SETINFO", "LIB-NAME", "a b")).toMatch(/^ERR lib-name/);
  expect(await client.refusal("CLIENT", "SETINFO", "LIB-AGE", "1")).toMatch(/^ERR Unrecognized/);
  expect(await client.ask("CLIENT", "NO-EVICT", "on")).toBe("OK");
  expect(await client.ask("CLIENT", "NO-TOUCH", "OFF")).toBe("OK");
  expect(await client.refusal("CLIENT", "NO-TOUCH", "MAYBE")).toBe("ERR syntax error");
  expect(await client.ask("CLIENT", "INFO")).toMatch(
    /^id=1 addr=127\.0\.0\.1:\d+ .*name=engine-1 .*flags=N db=0 .*cmd=client user=default lib-name=redis-py lib-ver=8\.0 resp=2 .*\n$/,
  );
  expect(await client.ask("CLIENT", "HELP")).toHaveLength(1);
});

test("CLIENT answers what it does not know with an error, as redis-py 8 needs", async () => {
  const { client } = await start();
  const unknown = ["MAINT_NOTIFICATIONS", "TRACKING", "constructor", "x".repeat(1000)];
  for (const name of unknown)
    expect(await client.refusal("CLIENT", name, "ON")).toBe(
      `ERR unknown subcommand '${name.slice(0, 128)}'. Try CLIENT HELP.`,
    );
  expect(await client.refusal("CLIENT", "ID", "1")).toBe(
    "ERR wrong number of arguments for 'client|id' command",
  );
});

test("CLIENT LIST shows every client, or those that are asked for", async () => {
  const { front, client } = await start();
  const other = await front.client();
  await other.ask("MULTI");
  await other.ask("PING");
  const list = async (...words: Word[]): Promise<string[]> =>
    ((await client.ask("CLIENT", "LIST", ...words)) as string).trimEnd().split("\n");
  expect(await list()).toHaveLength(2);
  expect(await list("ID", 2)).toEqual([expect.stringMatching(/^id=2 .*flags=x .*multi=1 /)]);
  expect(await list("TYPE", "normal")).toHaveLength(2);
  expect(await client.refusal("CLIENT", "LIST", "WHAT")).toBe("ERR syntax error");
});

test("CLIENT KILL ends those that all its conditions name", async () => {
  const { front, client } = await start();
  const [first, second, third] = [await front.client(), await front.client(), await front.client()];
  const id = await first.ask("CLIENT", "ID");
  expect(await client.ask("CLIENT", "KILL", "ID", id as number, "USER", "nobody")).toBe(0);
  expect(await client.ask("CLIENT", "KILL", "ID", id as number, "USER", "default")).toBe(1);
  await first.ended();
  const info = (await second.ask("CLIENT", "INFO")) as string;
  const address = /addr=(\S+)/.exec(info)![1];
  expect(await client.ask("CLIENT", "KILL", address)).toBe("OK");
  await second.ended();
  expect(await client.refusal("CLIENT", "KILL", address)).toBe("ERR No such client");
  expect(await client.refusal("CLIENT", "KILL", "ID")).toBe("ERR No such client");
  expect(await client.refusal("CLIENT", "KILL", "WHAT", "1")).toBe("ERR syntax error");
  expect(await client.ask("CLIENT", "KILL", "TYPE", "normal")).toBe(1);
  await third.ended();
  expect(await client.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")).toBe(1);
  await client.ended();
});
