import type { ValkeyStoreOptions } from "../../../src/backends/valkey/store-options.ts";
import { ValkeyStore } from "../../../src/backends/valkey/valkey-store.ts";
import type { BenchClient, ClientMaker } from "../client.ts";

function store(url: string, options: ValkeyStoreOptions): { store: ValkeyStore } & BenchClient {
  const store = new ValkeyStore({ url, format: "raw", deadlineMs: 30_000, ...options });
  return {
    store,
    set: async (keys, values) => {
      const outcomes = await store.put(keys.map((key, i) => ({ key, value: values[i] })));
      if (outcomes.some(({ status }) => status !== "stored")) throw new Error("not stored");
    },
    get: async (keys, check) => {
      for (const [index, block] of (await store.get(keys)).entries()) {
        if (block === undefined) throw new Error(`${keys[index]} is missing`);
        check(index, block.bytes);
        block.release();
      }
    },
    close: () => store.close(),
  };
}

/** As it comes. */
export const keepwarm: ClientMaker = {
  name: "keepwarm",
  connect: async (url) => store(url, {}),
};

/** Checksums made and checked. */
export const keepwarmNative: ClientMaker = {
  name: "keepwarm native",
  framed: true,
  connect: async (url) => store(url, { format: "native", prefix: "framed:" }),
};

/** On one connection, as the libraries are. */
export const keepwarmSingle: ClientMaker = {
  name: "keepwarm, 1 connection",
  connect: async (url) => store(url, { connections: 1, pipelineDepth: 8 }),
};

/** Into the caller's memory. */
export const keepwarmInto: ClientMaker = {
  name: "keepwarm getInto",
  connect: async (url) => {
    const client = store(url, {});
    const spare: Buffer[][] = [];
    return {
      ...client,
      get: async (keys, check) => {
        const memory = spare.pop() ?? [];
        const found = await client.store.getInto(keys, (index, length) => {
          if ((memory[index]?.length ?? 0) < length) memory[index] = Buffer.allocUnsafeSlow(length);
          return memory[index];
        });
        for (const [index, block] of found.entries()) {
          if (block === undefined) throw new Error(`${keys[index]} is missing`);
          check(index, memory[index].subarray(0, block.bytes));
        }
        spare.push(memory);
      },
    };
  },
};
