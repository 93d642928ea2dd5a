import { createClient, RESP_TYPES } from "@redis/client";
import { Decoder, GlideClient, Logger } from "@valkey/valkey-glide";
import { Redis } from "ioredis";
import { Redis as Valkey } from "iovalkey";
import { oneByOne, type ClientMaker } from "../client.ts";

export const ioredis: ClientMaker = {
  name: "ioredis",
  connect: async (url) => {
    const client = new Redis(url);
    return oneByOne({
      set: (key, value) => client.set(key, value),
      get: (key) => client.getBuffer(key),
      close: () => client.quit(),
    });
  },
};

export const iovalkey: ClientMaker = {
  name: "iovalkey",
  connect: async (url) => {
    const client = new Valkey(url);
    return oneByOne({
      set: (key, value) => client.set(key, value),
      get: (key) => client.getBuffer(key),
      close: () => client.quit(),
    });
  },
};

export const nodeRedis: ClientMaker = {
  name: "@redis/client",
  connect: async (url) => {
    const client = createClient({ url });
    client.on("error", () => {}); // each call reports it as well
    await client.connect();
    const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    return oneByOne({
      set: (key, value) => client.set(key, value),
      get: (key) => binary.get(key),
      close: () => client.close(),
    });
  },
};

export const glide: ClientMaker = {
  name: "valkey-glide",
  connect: async (url) => {
    Logger.setLoggerConfig("off");
    const { hostname: host, port } = new URL(url);
    const client = await GlideClient.createClient({
      addresses: [{ host, port: Number(port) }],
      requestTimeout: 30_000,
    });
    return oneByOne({
      set: (key, value) => client.set(key, value),
      get: async (key) => (await client.get(key, { decoder: Decoder.Bytes })) as Buffer | null,
      close: async () => client.close(),
    });
  },
};
