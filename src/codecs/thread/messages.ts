import type { CodecName } from "../codec.ts";
import type { Tensor } from "../tensor.ts";

/** What the coding thread is asked. Memory goes along with it. */
export type CodingRequest = { readonly id: number } & (
  | {
      readonly kind: "encode";
      readonly codec: CodecName;
      readonly bytes: Uint8Array;
      readonly tensor: Tensor | undefined;
      /** By kind, then by layer of the model. */
      readonly bins: Readonly<Record<"key" | "value", readonly number[]>> | undefined;
      readonly firstLayer: number | undefined;
      readonly modelLayers: number | undefined;
    }
  | { readonly kind: "decode"; readonly bytes: Uint8Array }
);

/** What it answers. */
export type CodingReply = { readonly id: number } & (
  | { readonly bytes: Uint8Array }
  | {
      /** `code` of a KeepwarmError, if it was one. */
      readonly code: string | undefined;
      readonly message: string;
      readonly remedy: string | undefined;
    }
);
