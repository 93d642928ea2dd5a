import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Generation,
  command,
  currentGeneration,
  earlyGeneration,
  oldestGeneration,
} from "../../../src/wire/lm/header.ts";
import {
  type Answer,
  RequestDecoder,
  type RequestReceiver,
  answer,
  bodyAnswer,
} from "../../../src/wire/lm/request-decoder.ts";
import { type Request, encodeRequest } from "../../../src/wire/lm/request.ts";
import { ReadWindow } from "../../../src/wire/resp/read-window.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import {
  type Description,
  blob,
  generations,
  golden,
  packMetadata,
  packPut,
  packRequest,
} from "../../support/lm.ts";

interface Seen {
  readonly command: number;
  readonly key: string;
  readonly generation: string;
  readonly metadata: string;
  /** Its digest: comparing long values themselves takes too long. */
  readonly value: string | undefined;
}

interface Behaviour {
  /** What to answer for each PUT in turn, the last for ever. Default: memory. */
  readonly puts?: readonly ("memory" | "discard" | "wait")[];
  readonly requests?: readonly Answer[];
  readonly pauseAfterPut?: boolean;
  /** Room behind each value. */
  readonly behind?: number;
}

/** A receiver that keeps what it is told, over memory with guard bytes. */
class Decoding implements RequestReceiver {
  readonly seen: Seen[] = [];
  error: string | undefined;
  readonly decoder = new RequestDecoder(this, new ReadWindow());
  readonly #behaviour: Behaviour;
  readonly #memory = new Map<number, Buffer>();
  #puts = 0;
  #requests = 0;
  #nextBody = 1;

  constructor(behaviour: Behaviour = {}) {
    this.#behaviour = behaviour;
  }

  /** Feeds input as a socket would: each piece by as many reads as the targets have room for. */
  feed(input: Buffer, pieces: readonly number[] = [input.length]): this {
    let at = 0;
    let target = this.decoder.target();
    for (let piece = 0; at < input.length && this.error === undefined; piece++) {
      const end = Math.min(input.length, at + Math.max(1, pieces[piece % pieces.length]));
      while (at < end && this.error === undefined) {
        const count = Math.min(target.length, end - at);
        expect(count).toBeGreaterThan(0);
        target.set(input.subarray(at, at + count));
        at += count;
        this.decoder.advance(count);
        // Asked for at once, as Node does, also when the decoder is suspended.
        target = this.decoder.target();
        this.#resume();
      }
    }
    return this;
  }

  /** Feeds input as a socket that has memory of its own. */
  push(input: Buffer, pieces: readonly number[]): this {
    let at = 0;
    for (let piece = 0; at < input.length && this.error === undefined; piece++) {
      const end = Math.min(input.length, at + Math.max(1, pieces[piece % pieces.length]));
      this.decoder.push(Buffer.from(input.subarray(at, end)));
      at = end;
    }
    this.#resume();
    return this;
  }

  request(request: Request): Answer {
    const answers = this.#behaviour.requests ?? [answer.next];
    const given = answers[Math.min(this.#requests++, answers.length - 1)];
    if (given !== answer.wait) this.#note(request, undefined);
    return given;
  }

  put(request: Request): number {
    const answers = this.#behaviour.puts ?? ["memory"];
    const given = answers[Math.min(this.#puts++, answers.length - 1)];
    if (given !== "memory") return bodyAnswer[given];
    this.#memory.set(this.#nextBody, Buffer.alloc(request.length + (this.#behaviour.behind ?? 0)));
    return this.#nextBody++;
  }

  bodyMemory(body: number, from: number): Buffer {
    return this.#memory.get(body)!.subarray(from);
  }

  stored(request: Request, body: number): boolean {
    const memory = this.#memory.get(body);
    this.#note(
      request,
      memory === undefined ? "discarded" : digest(memory.subarray(0, request.length)),
    );
    memory?.fill(0xee);
    return this.#behaviour.pauseAfterPut !== true;
  }

  protocolError(message: string): void {
    this.error = message;
  }

  #note(request: Request, value: Seen["value"]): void {
    const metadata = Buffer.alloc(28);
    request.copyMetadata(metadata, 0);
    this.seen.push({
      command: request.command,
      key: request.key.toString(),
      generation: request.generation.name,
      metadata: metadata.toString("hex"),
      value,
    });
  }

  #resume(): void {
    for (let round = 0; this.decoder.suspended && this.error === undefined; round++) {
      expect(round).toBeLessThan(1000);
      this.decoder.resume();
    }
  }
}

const digest = (bytes: Buffer): string => createHash("sha1").update(bytes).digest("hex");

const KEY = "m@1@0@44ea817d9387da2c@bfloat16";
const value = pseudoRandomBytes(512);
const large = pseudoRandomBytes(70_001, 2);

function conversation(generation: Generation): Buffer {
  return Buffer.concat([
    packRequest(command.exist, KEY, 0, undefined, generation),
    packPut(KEY, value, golden, generation),
    packPut("large", large, { format: 3, dtype: 8, shape: [7, 0, 0, 0] }, generation),
    packPut("empty", Buffer.alloc(0), golden, generation),
    packRequest(command.get, KEY, 0, undefined, generation),
    packRequest(command.list, "", 0, undefined, generation),
    packRequest(command.health, "", 0, undefined, generation),
  ]);
}

function expected(generation: Generation): Seen[] {
  const described = (length: number, description: Description) =>
    packMetadata(length, generation.name === "oldest" ? blob(length) : description).toString("hex");
  const plain = (number: number, key: string): Seen => ({
    command: number,
    key,
    generation: generation.name,
    metadata: described(0, { format: 1, dtype: 2, shape: [0, 0, 0, 0] }),
    value: undefined,
  });
  const put = (key: string, bytes: Buffer, description: Description): Seen => ({
    command: command.put,
    key,
    generation: generation.name,
    metadata: described(bytes.length, description),
    value: digest(bytes),
  });
  return [
    plain(command.exist, KEY),
    put(KEY, value, golden),
    put("large", large, { format: 3, dtype: 8, shape: [7, 0, 0, 0] }),
    put("empty", Buffer.alloc(0), golden),
    plain(command.get, KEY),
    plain(command.list, ""),
    plain(command.health, ""),
  ];
}

describe.each(generations)("requests of the $name generation", (generation) => {
  const input = conversation(generation);
  const wanted = expected(generation);

  test("come whole", () => {
    expect(new Decoding({ behind: 4000 }).feed(input).seen).toEqual(wanted);
    expect(new Decoding().feed(input).seen).toEqual(wanted);
  });

  test("come byte by byte", () => {
    expect(new Decoding({ behind: 100 }).feed(input, [1]).seen).toEqual(wanted);
    expect(new Decoding().push(input, [1]).seen).toEqual(wanted);
  });

  test("come at random splits, with and without memory of the socket's own", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 0, max: 5000 }),
        (pieces, behind) => {
          expect(new Decoding({ behind }).feed(input, pieces).seen).toEqual(wanted);
          expect(new Decoding({ behind }).push(input, pieces).seen).toEqual(wanted);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("wait, pause and are discarded as the receiver says", () => {
    const behaviours: Behaviour[] = [
      { requests: [answer.wait, answer.wait, answer.next], puts: ["wait", "wait", "memory"] },
      { requests: [answer.pause], pauseAfterPut: true },
    ];
    for (const behaviour of behaviours)
      for (const pieces of [[1], [input.length], [300, 7, 9000]]) {
        expect(new Decoding(behaviour).feed(input, pieces).seen).toEqual(wanted);
        expect(new Decoding({ ...behaviour, behind: 900 }).push(input, pieces).seen).toEqual(
          wanted,
        );
      }
    const discarding = new Decoding({ puts: ["discard"] }).feed(input, [9000]);
    expect(discarding.seen).toEqual(
      wanted.map((seen) => (seen.value === undefined ? seen : { ...seen, value: "discarded" })),
    );
  });
});

test("golden headers of LMCache's client are understood, and made the same", () => {
  const put = Buffer.concat([
    Buffer.from("010000000002000001000000030000000000000002000000020000000400000010000000", "hex"),
    Buffer.from(KEY.padEnd(150)),
  ]);
  expect(packRequest(command.put, KEY, 512, golden)).toEqual(put);
  expect(encodeRequest(command.put, Buffer.from(KEY), packMetadata(512, golden))).toEqual(put);
  const get = Buffer.concat([
    Buffer.from("0200000000000000010000000200000000000000", "hex"),
    Buffer.alloc(16),
    Buffer.from(KEY.padEnd(150)),
  ]);
  expect(encodeRequest(command.get, Buffer.from(KEY))).toEqual(get);
  const { seen } = new Decoding().feed(Buffer.concat([put, value]));
  expect(seen[0].metadata).toBe("00020000010000000300000002000000020000000400000010000000");
});

test("format, dtype and shape are passed on whatever they are", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      fc.tuple(...Array.from({ length: 3 }, () => fc.integer({ min: -9, max: 2 ** 31 - 1 }))),
      fc.integer({ min: 0, max: 2 ** 29 - 1 }),
      (format, dtype, [s0, s1, s2], s3) => {
        const description: Description = { format, dtype, shape: [s0, s1, s2, s3] };
        const { seen } = new Decoding().feed(packPut(KEY, value, description));
        expect(seen[0].metadata).toBe(packMetadata(512, description).toString("hex"));
      },
    ),
    { numRuns: 50 },
  );
});

test("keys are text of up to 150 bytes without the spaces around it", () => {
  for (const key of ["k".repeat(150), "a b", "schlüssel"])
    expect(new Decoding().feed(packRequest(command.get, key)).seen[0].key).toBe(key);
  expect(new Decoding().feed(packRequest(command.get, " \tk\r\n")).seen[0].key).toBe("k");
  expect(() => encodeRequest(command.get, Buffer.alloc(151))).toThrow(TypeError);
});

test("a client of one generation stays one, however its first request looks", () => {
  for (const generation of [currentGeneration, earlyGeneration, oldestGeneration])
    for (const number of [command.put, command.get, command.exist, command.list, command.health])
      for (const key of ["", "a", KEY]) {
        const length = number === command.put ? 3 : 0;
        const header = packRequest(number, key, length, golden, generation);
        const { seen } = new Decoding().feed(Buffer.concat([header, Buffer.alloc(length)]));
        expect(seen.map(({ generation }) => generation)).toEqual([generation.name]);
      }
});

describe("what breaks the protocol", () => {
  test.each([
    ["command 0", packRequest(0, KEY)],
    ["command 6", packRequest(6, KEY)],
    ["a negative command", packRequest(-1, KEY)],
    ["a negative length", packRequest(command.put, KEY, -1)],
    ["HTTP", Buffer.from(`GET /index.html HTTP/1.1\r\nHost: keepwarm\r\n\r\n`)],
    ["RESP", Buffer.from(`*2\r\n$3\r\nGET\r\n$5\r\nblock\r\n*1\r\n$4\r\nPING\r\n`)],
  ])("%s ends it", (_, input) => {
    for (const pieces of [[1], [input.length]]) {
      const decoding = new Decoding().feed(input, pieces);
      expect(decoding.error).toBeTypeOf("string");
      expect(decoding.seen).toEqual([]);
      expect(decoding.decoder.openBody).toBe(0);
    }
  });

  test("after a good request, the good one counts", () => {
    const input = Buffer.concat([packPut(KEY, value), packRequest(77, KEY), packPut(KEY, value)]);
    const decoding = new Decoding({ behind: 4000 }).feed(input);
    expect(decoding.error).toBe("77 is no command");
    expect(decoding.seen).toHaveLength(1);
  });
});

test("a value that stops amid is an open body, its owner's to free", () => {
  const { decoder } = new Decoding().feed(packPut(KEY, value).subarray(0, 300));
  expect(decoder.inRequest).toBe(true);
  expect(decoder.openBody).toBe(1);
});
