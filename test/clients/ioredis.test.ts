import { describeClient } from "./describe-client.ts";
import { ioredis } from "./drivers/ioredis.ts";

describeClient(ioredis(3));
describeClient(ioredis(2));
