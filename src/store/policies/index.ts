import { LruPolicy } from "./lru.ts";
import type { EvictionPolicy, PolicyName } from "./policy.ts";
import { S3FifoPolicy } from "./s3fifo.ts";

export { type EvictionPolicy, type PolicyName, policyNames } from "./policy.ts";

const makers: Readonly<Record<PolicyName, () => EvictionPolicy>> = {
  lru: () => new LruPolicy(),
  s3fifo: () => new S3FifoPolicy(),
};

export function createPolicy(name: PolicyName): EvictionPolicy {
  return makers[name]();
}
