import type { Connect } from "./client.ts";
import { ioredis, iovalkey } from "./ioredis.ts";
import { keepwarm } from "./keepwarm.ts";
import { nodeRedis } from "./node-redis.ts";

/** By the name in the report; ours first. */
export const clients: Readonly<Record<string, Connect>> = {
  keepwarm,
  ioredis,
  iovalkey,
  "node-redis": nodeRedis,
};
