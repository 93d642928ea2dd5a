import { Redis } from "ioredis";

import { redisFamilyDriver } from "./redis-family.ts";

/** ioredis 6; RESP3 is its default. */
export const ioredis = (protocol: 2 | 3) =>
  redisFamilyDriver(
    `ioredis RESP${protocol}`,
    (url) => new Redis(url, { protocol, lazyConnect: true, retryStrategy: null }),
  );
