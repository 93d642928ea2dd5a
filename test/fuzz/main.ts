// Randomised input through the request decoder: `npm run fuzz -- --seconds 600 --seed 7`.
//
// Sound requests, mutated in one way or another, go through in random pieces, with big values read into
// memory, landing, inline, thrown away or after a wait. Nothing may throw, requests must be those that
// a plain reading of the grammar finds, and what is held stays bounded.
import { parseArgs } from "node:util";
import { Decoding, encode } from "../support/decoding.ts";
import { randomFrom } from "./random.ts";
import { readRequests } from "./reference.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log("npm run fuzz -- [--seconds N (10)] [--seed N (random; a failure prints its own)]");
  process.exit(0);
}

const MOST_HELD = 2 * 1024 ** 2;
const lengths = [0, 1, 5, 100, 1000, 16_383, 16_384, 20_000, 65_536, 70_000, 140_000];
const policies = ["memory", "memory", "memory", "inline", "wait"] as const;

const end = Date.now() + Number(options.seconds) * 1000;
let seed = Number(options.seed);
let rounds = 0;
let bytes = 0;
let broken = 0;
console.log(`fuzz: ${options.seconds} s from seed ${seed}`);
for (let reportAt = Date.now() + 10_000; Date.now() < end; seed++) {
  try {
    bytes += round(seed);
  } catch (error) {
    console.error(
      `fuzz: seed ${seed} failed; npm run fuzz -- --seconds 1 --seed ${seed} shows it again`,
    );
    console.error(error);
    process.exit(1);
  }
  rounds++;
  if (Date.now() > reportAt) {
    console.log(`fuzz: ${rounds} rounds, ${Math.round(bytes / 1e6)} MB`);
    reportAt = Date.now() + 10_000;
  }
}
console.log(
  `fuzz: ${rounds} rounds, ${Math.round(bytes / 1e6)} MB, ${broken} of them broke the protocol: nothing found`,
);

function round(seed: number): number {
  const random = randomFrom(seed);
  const input = mutate(sound(), random.below(3));
  const decoding = new Decoding({
    bodies: [...Array.from({ length: 20 }, () => random.pick(policies)), "memory"],
    ...(random.below(2) === 0 ? { landing: random.pick([100, 5000, 70_000, 200_000]) } : {}),
    suspendEvery: random.pick([0, 0, 1, 3]),
  });
  const most = random.pick([1, 10, 1000, 70_000, 400_000]);
  const pieces = Array.from({ length: 50 }, () => 1 + random.below(most));
  decoding.feed(most === 1 && input.length > 50_000 ? input.subarray(0, 50_000) : input, pieces);
  const expected = readRequests(
    most === 1 && input.length > 50_000 ? input.subarray(0, 50_000) : input,
  );

  // From the first inline request on, the plain reading has nothing to say.
  const known = expected.flatMap((outcome) => ("words" in outcome ? [outcome.words] : []));
  for (const [index, words] of known.entries()) {
    const got = decoding.requests[index];
    if (got === undefined) throw new Error(`request ${index} is missing`);
    if (got.length !== words.length) throw new Error(`request ${index} has ${got.length} words`);
    for (const [at, word] of words.entries()) {
      const other = got[at];
      if (other === "discarded" || !word.equals(other))
        throw new Error(`word ${at} of request ${index} differs`);
    }
  }
  const breaks = expected.some((outcome) => "broken" in outcome);
  if (breaks) broken++;
  if (breaks && decoding.error === undefined) throw new Error("a broken request went unnoticed");
  if (breaks && decoding.requests.length > known.length) throw new Error("a request too many");
  if (decoding.mostHeld > MOST_HELD) throw new Error(`${decoding.mostHeld} bytes were held`);
  return input.length;

  function sound(): Buffer {
    const requests = Array.from({ length: 1 + random.below(8) }, () =>
      encode(
        Array.from({ length: 1 + random.below(5) }, () =>
          Buffer.alloc(random.pick(lengths), random.below(256)),
        ),
      ),
    );
    return Buffer.concat(requests);
  }

  function mutate(input: Buffer, times: number): Buffer {
    let bytes = input;
    for (let time = 0; time < times; time++) {
      const at = random.below(bytes.length);
      const kind = random.below(5);
      if (kind === 0) bytes = bytes.subarray(0, at);
      else if (kind === 1) bytes[at] = random.below(256);
      else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
      else if (kind === 3)
        bytes = Buffer.concat([bytes.subarray(0, at), garbage(), bytes.subarray(at)]);
      else bytes = Buffer.concat([bytes, garbage()]);
      if (bytes.length === 0) return bytes;
    }
    return bytes;
  }

  function garbage(): Buffer {
    const pieces = [
      "*",
      "$",
      "\r\n",
      "-1",
      "536870913",
      "99999999999999999999",
      "*3\r\n$3\r\n",
      "\0",
    ];
    return random.below(2) === 0
      ? Buffer.from(random.pick(pieces))
      : Buffer.from(Array.from({ length: 1 + random.below(20) }, () => random.below(256)));
  }
}
