import { expect, test } from "vitest";
import { clusterSlot } from "../../src/keys/cluster-slot.ts";
import { startFront } from "../support/front.ts";
import { pairs } from "../support/raw-client.ts";

const LAST_SLOT = 16_383;

const slot = (key: string): number => clusterSlot(Buffer.from(key));

test("keys fall into the slots that Redis Cluster's specification says", () => {
  expect(slot("123456789")).toBe(0x31c3);
  expect(slot("123456789")).toBe(12_739);
  expect(slot("")).toBe(0);
  expect(slot("foo")).toBe(12_182);
  expect(slot("{user1000}.following")).toBe(slot("user1000"));
  expect(slot("{user1000}.followers")).toBe(slot("user1000"));
  expect(slot("foo{bar}{zap}")).toBe(slot("bar"));
  expect(slot("foo{{bar}}zap")).toBe(slot("{bar"));
  expect(slot("foo{}{bar}")).not.toBe(slot("bar"));
  expect(slot("foo{bar")).not.toBe(slot("bar"));
  expect(slot("{chunk}:kv_bytes")).toBe(slot("{chunk}:metadata"));
});

test("a server in cluster mode is a cluster of one node with all slots", async () => {
  const front = await startFront({ cluster: true });
  const client = await front.client();
  const { port } = front.server.state;
  const id = await client.ask("CLUSTER", "MYID");
  expect(id).toMatch(/^[0-9a-f]{40}$/);
  expect(await client.ask("CLUSTER", "SLOTS")).toEqual([
    [0, LAST_SLOT, ["127.0.0.1", port, id, []]],
  ]);
  const [shard] = (await client.ask("CLUSTER", "SHARDS")) as [[]];
  const { slots, nodes } = pairs(shard);
  expect(slots).toEqual([0, LAST_SLOT]);
  expect(pairs((nodes as [[]])[0])).toMatchObject({
    id,
    port,
    ip: "127.0.0.1",
    role: "master",
    health: "online",
  });
  expect(await client.ask("CLUSTER", "NODES")).toBe(
    `${id as string} 127.0.0.1:${port}@${port + 10_000} myself,master - 0 0 1 connected 0-${LAST_SLOT}\n`,
  );
  const info = await client.ask("CLUSTER", "INFO");
  expect(info).toContain("cluster_state:ok\r\n");
  expect(info).toContain("cluster_slots_assigned:16384\r\n");
  expect(await client.ask("CLUSTER", "KEYSLOT", "foo")).toBe(12_182);
  expect(await client.ask("INFO", "cluster")).toContain("cluster_enabled:1\r\n");
  expect(await client.ask("INFO", "server")).toContain("redis_mode:cluster\r\n");
  expect(pairs(await client.ask("HELLO", 2))["mode"]).toBe("cluster");
});

test("in cluster mode there is one database, and keys of any slots go together", async () => {
  const client = await (await startFront({ cluster: true })).client();
  expect(await client.ask("SELECT", 0)).toBe("OK");
  expect(await client.refusal("SELECT", 1)).toBe("ERR SELECT is not allowed in cluster mode");
  expect(await client.ask("MSET", "foo", "1", "bar", "2")).toBe("OK");
  expect(await client.ask("MGET", "foo", "bar")).toEqual(["1", "2"]);
  for (const command of ["READONLY", "READWRITE", "ASKING"])
    expect(await client.ask(command)).toBe("OK");
  expect(await client.refusal("CLUSTER", "MEET", "127.0.0.1", 1)).toMatch(/unknown subcommand/);
  expect(await client.refusal("CLUSTER", "KEYSLOT")).toMatch(/wrong number of arguments/);
});

test("without cluster mode only KEYSLOT answers", async () => {
  const client = await (await startFront()).client();
  for (const sub of ["INFO", "SLOTS", "NODES"])
    expect(await client.refusal("CLUSTER", sub)).toMatch(/cluster support disabled/);
  expect(await client.ask("CLUSTER", "KEYSLOT", "123456789")).toBe(12_739);
});
