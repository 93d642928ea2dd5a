import type { ClientMaker } from "../client.ts";
import { keepwarm, keepwarmInto, keepwarmNative, keepwarmSingle } from "./keepwarm.ts";
import { glide, ioredis, iovalkey, nodeRedis } from "./libraries.ts";

/** Ours first. */
export const clientMakers: readonly ClientMaker[] = [
  keepwarm,
  keepwarmInto,
  keepwarmNative,
  keepwarmSingle,
  ioredis,
  iovalkey,
  nodeRedis,
  glide,
];
