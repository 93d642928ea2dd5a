import { describeClient } from "./describe-client.ts";
import { nodeRedis } from "./drivers/node-redis.ts";

describeClient(nodeRedis(3));
describeClient(nodeRedis(2));
