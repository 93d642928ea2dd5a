import { connect as connectTcp, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import type { ReplyDecoder } from "../../wire/resp/reply-decoder.ts";
import type { RespAddress } from "./url.ts";

/** Certificates for `rediss:`; what `node:tls` calls the same. */
export type TlsOptions = Pick<
  ConnectionOptions,
  "ca" | "cert" | "key" | "rejectUnauthorized" | "servername"
>;

/** Headers and small replies pass through a buffer of this size. */
const windowBytes = 64 * 1024;

/** The rest of a value that is shorter than this comes with what follows it: one read instead of two. */
const shortestDirectBytes = 16 * 1024;

/** Who hears what a socket reads. */
export interface ReadListener {
  /** Bytes came. */
  received(): void;
  /** The decoder threw. */
  failed(error: unknown): void;
}

/**
 * A socket that reads for `decoder`: long values go straight into the memory it names, the rest
 * through one small buffer. The socket is not connected yet.
 */
export function openReadSocket(
  address: RespAddress,
  tls: TlsOptions,
  decoder: ReplyDecoder,
  listener: ReadListener,
): Socket {
  const onread = readInto(decoder, listener);
  // A connection that the network has forgotten shows before a call needs it.
  const alive = { keepAlive: true, keepAliveInitialDelay: 30_000 };
  if (address.path !== undefined) return connectTcp({ path: address.path, onread });
  const { host, port } = address;
  if (!address.tls) return connectTcp({ host, port, noDelay: true, ...alive, onread });
  const options = { host, port, noDelay: true, ...alive, ...tls, onread };
  return connectTls(options as ConnectionOptions);
}

function readInto(decoder: ReplyDecoder, listener: ReadListener): OnReadOpts {
  const window = Buffer.allocUnsafeSlow(windowBytes);
  let direct = false;
  return {
    buffer: () => {
      const space = decoder.space();
      direct = space !== undefined && space.length >= shortestDirectBytes;
      return direct ? space! : window;
    },
    callback: (count) => {
      listener.received();
      try {
        if (direct) decoder.advance(count);
        else decoder.write(window.subarray(0, count));
      } catch (error) {
        listener.failed(error);
      }
      return true;
    },
  };
}
