// Pushes samples of many requests as fast as it can until it is killed: node pushing-process.ts URL
import { MetricsChannel } from "../../../src/metrics-channel/channel/metrics-channel.ts";

const channel = new MetricsChannel({ url: process.argv[2], namespace: "killed", ttlMs: 2000 });
for (let step = 0; ; step++) {
  for (let request = 0; request < 8; request++)
    channel.push(`request-${step >> 4}-${request}`, { step: step & 15, norm: step });
  await (step % 8 === 7 ? channel.flush() : new Promise(setImmediate));
  if (step === 32) console.log("pushing");
}
