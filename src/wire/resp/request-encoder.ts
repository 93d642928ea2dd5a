/** One argument of a command: text (sent as UTF-8), bytes, or bytes in several parts. */
export type Argument = string | Uint8Array | readonly Uint8Array[];

/** Bytes shorter than this are joined with what is around them; longer ones stay where they lie. */
const inlineBytes = 4096;

/**
 * The pieces of a command on the wire, `*<n>` and for each argument `$<length>`, bytes, CR LF.
 * Concatenated they are the command. Long bytes and parts are pieces of their own, never copied.
 */
export function encodeRequest(args: readonly Argument[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let text = `*${args.length}\r\n`;
  for (const arg of args) {
    if (typeof arg === "string") text += `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`;
    else if (arg instanceof Uint8Array && arg.length < inlineBytes && isAscii(arg))
      text += `$${arg.length}\r\n${ascii(arg)}\r\n`;
    else {
      const parts = arg instanceof Uint8Array ? [arg] : arg;
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      pieces.push(Buffer.from(`${text}$${length}\r\n`), ...parts);
      text = "\r\n";
    }
  }
  pieces.push(Buffer.from(text));
  return pieces;
}

function ascii(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function isAscii(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte > 127) return false;
  return true;
}
