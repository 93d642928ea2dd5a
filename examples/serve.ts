// A store in your own program that Redis clients can reach as well.
import { RamStore, RamTier, RespServer, TierChain, version } from "keepwarm";

const ram = new RamTier({ capacityBytes: 64 * 1024 ** 2 });
const tiers = new TierChain({ ram });
const server = await RespServer.listen({ tiers, version, logger: console, port: 0 });
console.log(`listening on ${server.url}`);

// The program itself needs no socket: a client's GET of "greeting" finds what is put here.
const store = new RamStore(ram);
await store.put([{ key: "greeting", value: Buffer.from("hello") }]);
console.log(store.stats());

await server.close();
