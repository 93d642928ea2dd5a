import { KeepwarmError } from "../../errors.ts";
import { METADATA_BYTES, currentGeneration, replyCode } from "./header.ts";

/** The header of a reply, of the current generation. Valid until the next one. */
export class ReplyHeader {
  readonly bytes: Buffer = Buffer.alloc(currentGeneration.replyBytes);

  /** Whether the block is there. */
  get success(): boolean {
    return this.bytes.readInt32LE(0) === replyCode.success;
  }

  /** Bytes of the value that follows. */
  get length(): number {
    return this.bytes.readInt32LE(4);
  }

  get format(): number {
    return this.bytes.readInt32LE(8);
  }

  /** What describes the value: length, format, dtype and shape. A view. */
  get metadata(): Buffer {
    return this.bytes.subarray(4, 4 + METADATA_BYTES);
  }
}

/** Hears what a {@link ReplyDecoder} finds. */
export interface ReplyReceiver {
  /** Whether a reply is being waited for. */
  readonly expectsReply: boolean;
  /** Where the value shall be read to, at least `header.length` bytes; `undefined` drops it. */
  place(header: ReplyHeader): Uint8Array | undefined;
  /** The reply is whole; its value lies in `value`, unless that was dropped. */
  reply(header: ReplyHeader, value: Uint8Array | undefined): void;
}

const HEADER_BYTES = currentGeneration.replyBytes;
const SCRATCH_BYTES = 64 * 1024;

/**
 * Takes the bytes of replies in and says where the next ones should be read to: exactly a header,
 * then the value's own place.
 */
export class ReplyDecoder {
  readonly #receiver: ReplyReceiver;
  readonly #header = new ReplyHeader();
  #have = 0;
  /** The value under way. */
  #inValue = false;
  #value: Uint8Array | undefined;
  #done = 0;
  #scratch: Buffer | undefined;

  constructor(receiver: ReplyReceiver) {
    this.#receiver = receiver;
  }

  /** Where the next bytes are to be read to. */
  target(): Uint8Array {
    if (!this.#inValue) return this.#header.bytes.subarray(this.#have);
    const { length } = this.#header;
    if (this.#value !== undefined) return this.#value.subarray(this.#done, length);
    this.#scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    return this.#scratch.subarray(0, length - this.#done);
  }

  /**
   * `count` bytes have been read to where {@link target} said.
   *
   * @throws KeepwarmError `PROTOCOL` for what is no reply, or one that nobody waits for.
   */
  advance(count: number): void {
    const header = this.#header;
    if (this.#inValue) {
      this.#done += count;
      if (this.#done === header.length) this.#finish();
      return;
    }
    this.#have += count;
    if (!this.#receiver.expectsReply)
      throw new KeepwarmError("PROTOCOL", "the server answered what nobody asked");
    if (this.#have < HEADER_BYTES) return;
    const code = header.bytes.readInt32LE(0);
    if (code !== replyCode.success && code !== replyCode.fail)
      throw new KeepwarmError("PROTOCOL", `${code} is no reply of lm://`);
    if (header.length < 0 || (code === replyCode.fail && header.length > 0))
      throw new KeepwarmError("PROTOCOL", `a reply of ${header.length} bytes`);
    this.#inValue = true;
    this.#done = 0;
    this.#value = code === replyCode.success ? this.#receiver.place(header) : undefined;
    if (this.#value !== undefined && this.#value.length < header.length) this.#value = undefined;
    if (header.length === 0) this.#finish();
  }

  #finish(): void {
    const value = this.#value;
    this.#have = 0;
    this.#inValue = false;
    this.#value = undefined;
    this.#receiver.reply(this.#header, value);
  }
}
