import { hash } from "node:crypto";

/** Hashes the whole of `input` and writes the first `width` bytes of the digest to `target`. */
export type Digest = (input: Buffer, target: Buffer, at: number, width: number) => void;

/** A digest, and how many bytes it has. */
export interface DigestKind {
  readonly bytes: number;
  readonly digest: Digest;
}

/** SHA-256 of node:crypto, which uses the processor's own instructions. */
export const sha256: DigestKind = {
  bytes: 32,
  digest: (input, target, at, width) => {
    target.write(hash("sha256", input, "binary"), at, width, "latin1");
  },
};

/** BLAKE3, in WebAssembly; loaded when first asked for. */
export async function loadBlake3(): Promise<DigestKind> {
  const { createBLAKE3 } = await import("hash-wasm");
  return { bytes: 32, digest: wasmDigest(await createBLAKE3()) };
}

/** XXH3 of 128 bits, most significant byte first, in WebAssembly; loaded when first asked for. */
export async function loadXxh3(): Promise<DigestKind> {
  const { createXXHash128 } = await import("hash-wasm");
  return { bytes: 16, digest: wasmDigest(await createXXHash128()) };
}

interface WasmHasher {
  init(): WasmHasher;
  update(data: Uint8Array): WasmHasher;
  digest(type: "binary"): Uint8Array;
}

function wasmDigest(hasher: WasmHasher): Digest {
  return (input, target, at, width) => {
    const digest = hasher.init().update(input).digest("binary");
    target.set(width === digest.length ? digest : digest.subarray(0, width), at);
  };
}
