import { type Codec, lossless } from "./codec.ts";
import { malformed } from "./malformed.ts";

/** Leaves the bytes as they are: what LMCache calls its default serde. */
export const naiveCodec: Codec = {
  name: "naive",
  lossless: true,
  errorBound: () => lossless,
  encode: async (bytes) => [bytes],
  async decode(payload, _tensor, into) {
    if (payload.length !== into.length) throw malformed("its payload is not as long as the block");
    into.set(payload);
  },
};
