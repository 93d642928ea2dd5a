import {
  type Generation,
  METADATA_BYTES,
  command,
  currentGeneration,
  earlyGeneration,
  oldestGeneration,
} from "../../src/wire/lm/header.ts";

export const generations: readonly Generation[] = [
  currentGeneration,
  earlyGeneration,
  oldestGeneration,
];

/** What describes a value: seven integers as `lm://` headers and LMCache's metadata have them. */
export interface Description {
  readonly format: number;
  readonly dtype: number;
  readonly shape: readonly [number, number, number, number];
}

/** KV_2LTD, bfloat16: the value that the golden bytes describe has 512 bytes. */
export const golden: Description = { format: 1, dtype: 3, shape: [2, 2, 4, 16] };
/** What requests without a value and replies without one describe. */
export const nothing: Description = { format: 1, dtype: 2, shape: [0, 0, 0, 0] };
/** What a value of the oldest generation is taken for: bytes. */
export const blob = (length: number): Description => ({
  format: 5,
  dtype: 0,
  shape: [length, 0, 0, 0],
});

function integers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeInt32LE(value, index * 4);
  return bytes;
}

/** A request header as a client of that generation packs it. */
export function packRequest(
  number: number,
  key: string,
  length = 0,
  { format, dtype, shape }: Description = nothing,
  generation: Generation = currentGeneration,
): Buffer {
  const name = Buffer.from(key).toString("latin1").padEnd(150);
  const fields = {
    current: [number, length, format, dtype, 0, ...shape],
    early: [number, length, format, dtype, ...shape],
    oldest: [number, length],
  }[generation.name];
  return Buffer.concat([integers(...fields), Buffer.from(name, "latin1")]);
}

/** A PUT with its value. */
export function packPut(
  key: string,
  value: Buffer,
  description: Description = golden,
  generation: Generation = currentGeneration,
): Buffer {
  const header = packRequest(command.put, key, value.length, description, generation);
  return Buffer.concat([header, value]);
}

/** A reply header as a server of that generation packs it. */
export function packReply(
  code: number,
  length: number,
  { format, dtype, shape }: Description = nothing,
  generation: Generation = currentGeneration,
): Buffer {
  const fields = [code, length, format, dtype, ...shape, 0];
  return integers(...fields).subarray(0, generation.replyBytes);
}

/** The `…metadata` half of a pair as LMCache's Redis connector packs it. */
export function packMetadata(length: number, ...groups: readonly Description[]): Buffer {
  const [{ format }] = groups;
  const packed = integers(
    length,
    format,
    ...groups.flatMap(({ dtype, shape }) => [dtype, ...shape]),
  );
  if (groups.length === 1 && packed.length !== METADATA_BYTES) throw new Error("28 bytes expected");
  return packed;
}
