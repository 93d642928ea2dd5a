// What the logits of generated tokens say, from a writer to a reader in another process or thread.
import { MetricsChannel, RedisManager, type TokenSample } from "keepwarm";
import { measureLogits, tokenMetric } from "keepwarm/metrics-channel";

await using manager = new RedisManager({ host: "127.0.0.1", port: 0 });
await manager.start();
console.log(`served by ${manager.servedBy}`);

await using channel: MetricsChannel = manager.openChannel();
const request = MetricsChannel.newRequest();
const temperature = 0.7;

// The writer: a logits processor has these rows.
const rows = [
  [4.1, 0.3, -2],
  [1.2, 1.1, 1.3],
  [-1, 6.5, 0.2],
];
for (const [step, logits] of rows.entries())
  channel.push(request, { step, ...measureLogits(logits, temperature) });
channel.finish(request, rows.length);

// The reader sees them as they come.
const sure = (sample: TokenSample) => (sample.entropy! < 0.5 ? "sure" : "undecided");
for await (const sample of channel.follow(request)) {
  const token = { logit: Math.max(...rows[sample.step]), ...sample };
  console.log(sample.step, sure(sample), tokenMetric("logprobs", token, temperature).toFixed(3));
}
