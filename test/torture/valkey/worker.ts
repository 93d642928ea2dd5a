// One client in a process of its own: its garbage, delays and rejections are nobody else's.
import { Blocks } from "./blocks.ts";
import { clients } from "./clients/index.ts";
import { Load } from "./load.ts";
import { now } from "../../support/heartbeat.ts";

const [name, number, url, deadline] = process.argv.slice(2);
const deadlineMs = Number(deadline);
const fillMs = 20_000;

const unhandled: string[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(String(reason)));
process.on("disconnect", () => process.exit());

try {
  const client = await clients[name]({ url, deadlineMs });
  const load = new Load(client, new Blocks(Number(number), name));
  await load.fill(now() + fillMs);
  process.on("message", (message) => {
    if (message === "start") load.start();
    else void end();
  });
  process.send?.({ ready: true });

  async function end(): Promise<void> {
    const record = await load.stop(unhandled, 2 * deadlineMs);
    process.send?.({ record }, () => process.exit());
  }
} catch (error) {
  process.send?.({ error: String(error) }, () => process.exit(1));
}
