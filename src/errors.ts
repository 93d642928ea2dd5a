/** Every code a {@link KeepwarmError} can carry. Codes are API; messages may change. */
export const errorCodes = [
  /** Configuration (file, environment or flag) that cannot be used. */
  "CONFIG_INVALID",
  /** A listening address that is taken or refused. */
  "LISTEN_FAILED",
  /** A server that could not be reached or broke off. */
  "CONNECTION_FAILED",
  /** A call that did not finish before its deadline. */
  "TIMEOUT",
  /** Bytes from a peer that its protocol does not allow. */
  "PROTOCOL",
  /** A well-formed error reply from a server. */
  "REPLY",
  /** Input (file, trace, key, value) that cannot be used. */
  "INPUT_INVALID",
  /** A name that is not known. */
  "NOT_FOUND",
  /** A resource that is closed. */
  "CLOSED",
  /** A part of Keepwarm that this version or machine does not have. */
  "UNSUPPORTED",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface KeepwarmErrorOptions extends ErrorOptions {
  /** What the reader can do about it, as a sentence. */
  readonly remedy?: string;
}

/**
 * The one error class of Keepwarm. Programmer mistakes are plain `TypeError`s instead.
 *
 * @example
 * ```ts
 * try {
 *   await startServer(config);
 * } catch (error) {
 *   if (isKeepwarmError(error, "LISTEN_FAILED")) console.error(error.message, error.remedy);
 * }
 * ```
 */
export class KeepwarmError extends Error {
  override readonly name = "KeepwarmError";
  readonly code: ErrorCode;
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, message: string, options: KeepwarmErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.remedy = options.remedy;
  }
}

/** Whether `error` is a {@link KeepwarmError}, of the given code when one is named. */
export function isKeepwarmError(error: unknown, code?: ErrorCode): error is KeepwarmError {
  return error instanceof KeepwarmError && (code === undefined || error.code === code);
}
