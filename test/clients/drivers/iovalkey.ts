import { Redis } from "iovalkey";

import { redisFamilyDriver } from "./redis-family.ts";

/** iovalkey 0.4, which speaks RESP2. */
export const iovalkey = redisFamilyDriver(
  "iovalkey",
  (url) => new Redis(url, { lazyConnect: true, retryStrategy: () => null }),
);
