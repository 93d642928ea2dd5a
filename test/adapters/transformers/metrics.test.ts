import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { metricsProcessor } from "../../../src/adapters/transformers/metrics.ts";
import { MetricsChannel } from "../../../src/metrics-channel/channel/metrics-channel.ts";
import { type Deployment, startFront } from "../../metrics-channel/deployments.ts";
import { randomModel } from "../../support/onnx-model/random-model.ts";
import {
  importTransformers,
  type RuntimeModel,
  type TransformersModule,
} from "../../support/onnx-model/runtime.ts";
import { plainMeasures } from "../node-llama-cpp/plain-measures.ts";

let deployment: Deployment;
let transformers: TransformersModule;
let model: RuntimeModel;
let folder: string;
beforeAll(async () => {
  deployment = await startFront();
  transformers = await importTransformers();
  folder = await randomModel(1);
  const options = { dtype: "fp32", device: "cpu" };
  model = await transformers.AutoModelForCausalLM.from_pretrained(folder, options);
}, 300_000);
afterAll(async () => {
  await model?.dispose();
  await rm(folder, { recursive: true, force: true });
  await deployment?.stop();
});

function open(): MetricsChannel {
  const channel = new MetricsChannel({ ...deployment.options, deadlineMs: 5000 });
  onTestFinished(() => channel.close());
  return channel;
}

const ids = (rows: readonly (readonly number[])[]) =>
  new transformers.Tensor("int64", BigInt64Array.from(rows.flat(), BigInt), [
    rows.length,
    rows[0].length,
  ]);

/** What a pass over whole texts, without cache, generation or processors, says of each position. */
async function truthOf(texts: readonly (readonly number[])[], temperature: number) {
  const ones = texts.map((text) => text.map(() => 1));
  const { logits } = await model.forward({ input_ids: ids(texts), attention_mask: ids(ones) });
  const [, positions, width] = logits.dims;
  return (row: number, position: number) => {
    const from = (row * positions + position) * width;
    const values = (logits.data as Float32Array).subarray(from, from + width);
    return plainMeasures(new Map(values.entries()), temperature);
  };
}

describe("in generate of transformers.js", () => {
  it.each([
    { do_sample: false, temperature: 0.5, divided: false },
    { do_sample: true, temperature: 0.5, divided: true },
    { do_sample: true, temperature: 1, divided: true },
  ])("measures what a plain pass over the text says: %o", async (how) => {
    const { temperature, divided, do_sample } = how;
    const channel = open();
    const { LogitsProcessor, LogitsProcessorList } = transformers;
    const requests = [MetricsChannel.newRequest(), MetricsChannel.newRequest()];
    const measure = metricsProcessor({ channel, requests, temperature, divided, LogitsProcessor });
    expect(measure).toBeInstanceOf(LogitsProcessor);
    const processors = new LogitsProcessorList();
    processors.push(measure);
    const prompts = [
      [5, 9, 3, 7],
      [11, 2, 8, 30],
    ];
    const output = (await model.generate({
      input_ids: ids(prompts),
      attention_mask: ids(prompts.map((prompt) => prompt.map(() => 1))),
      max_new_tokens: 6,
      do_sample,
      temperature,
      top_k: 0,
      logits_processor: processors,
    })) as { data: BigInt64Array; dims: number[] };
    measure.finish();
    const length = output.dims[1];
    const texts = prompts.map((_, row) =>
      [...output.data.subarray(row * length, (row + 1) * length)].map(Number),
    );
    const truth = await truthOf(texts, temperature);
    expect(measure.steps).toBe(length - 4);
    for (const [row, request] of requests.entries()) {
      const { samples, complete } = await channel.drain(request, { waitMs: 5000 });
      expect(complete).toBe(true);
      expect(samples).toHaveLength(length - 4);
      for (const { step, norm, temperedNorm, entropy } of samples) {
        const wanted = truth(row, 3 + step);
        expect(norm).toBeCloseTo(wanted.norm, 4);
        expect(temperedNorm).toBeCloseTo(wanted.temperedNorm, 4);
        expect(entropy).toBeCloseTo(wanted.entropy, 4);
      }
    }
  });
});

describe("alone", () => {
  it("hands logits on as they are, through _call too", async () => {
    const channel = open();
    const measure = metricsProcessor({ channel, requests: ["one", "two"] });
    const { _call: call } = measure as unknown as { readonly _call: typeof measure };
    const logits = { data: Float32Array.of(0, 0, 1, -Infinity), dims: [2, 2] };
    expect(call([[1n], [2n]], logits)).toBe(logits);
    expect([...logits.data]).toEqual([0, 0, 1, -Infinity]);
    measure(
      [
        [1n, 1n],
        [2n, 2n],
      ],
      logits,
    );
    measure.finish([2, 1]);
    await channel.flush();
    const [one, two] = await Promise.all([channel.drain("one"), channel.drain("two")]);
    expect(one.samples.map(({ entropy }) => entropy)).toEqual([Math.LN2, Math.LN2]);
    expect(one).toMatchObject({ complete: true, expected: 2 });
    expect(two.samples.map(({ norm }) => norm)).toEqual([1, 1]);
    expect(two).toMatchObject({ complete: true, expected: 1 });
  });

  it("refuses a batch of another size than there are requests", () => {
    const measure = metricsProcessor({ channel: open(), requests: ["a", "b"] });
    const logits = { data: new Float32Array(12), dims: [3, 4] };
    expect(() => measure([[1], [1], [1]], logits)).toThrow(TypeError);
  });
});
