import { describeClient } from "./describe-client.ts";
import { glide } from "./drivers/glide.ts";

describeClient(glide);
