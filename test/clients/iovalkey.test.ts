import { describeClient } from "./describe-client.ts";
import { iovalkey } from "./drivers/iovalkey.ts";

describeClient(iovalkey);
