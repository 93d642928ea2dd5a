import { ValkeyStore } from "../../../../src/backends/valkey/valkey-store.ts";
import type { Connect } from "./client.ts";

/** As it comes, in the format that hides nothing: no checksum turns wrong bytes into misses. */
export const keepwarm: Connect = async ({ url, deadlineMs }) => {
  const store = new ValkeyStore({ url, deadlineMs, format: "raw" });
  return {
    put: async (key, value) => (await store.put([{ key, value }]))[0].status === "stored",
    get: async (key, look) => {
      const [block] = await store.get([key]);
      if (block === undefined) return false;
      look(block.bytes);
      block.release();
      return true;
    },
    has: async (keys) => (await store.has(keys)).filter(Boolean).length,
    close: () => store.close(),
  };
};
