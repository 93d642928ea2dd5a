const NARROW_BYTES = 512;

/**
 * Memory that the sockets of one event loop read into by turns: what one read brings is decoded
 * before the next one begins, so ten thousand idle connections need no buffer each.
 *
 * The beginning of an unfinished request is put back right before the place that is read to, so that
 * a request is always decoded from one piece of memory.
 */
export class ReadWindow {
  readonly buffer: Buffer;
  /** Most bytes that can be put back before a read. */
  readonly headroom: number;
  /** Where reads go. */
  readonly readAt: number;
  readonly view: Buffer;
  /**
   * A window with room for little more than the beginning of a request: what comes before a big
   * value, so that hardly any of the value has to be copied out of the window.
   */
  readonly narrow: Buffer;

  constructor(readBytes: number = 64 * 1024, headroom: number = 64 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(headroom + readBytes);
    this.headroom = headroom;
    this.readAt = headroom;
    this.view = this.buffer.subarray(headroom);
    this.narrow = this.view.subarray(0, NARROW_BYTES);
  }

  /** Up to `length` bytes of memory for input that nobody wants. */
  scratch(length: number): Buffer {
    return length >= this.view.length
      ? this.view
      : this.buffer.subarray(this.readAt, this.readAt + length);
  }
}
