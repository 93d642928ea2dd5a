/** Names on the server of what one run of a program hands over. */
export class ChannelKeys {
  readonly #prefix: string;

  /**
   * @param namespace What all runs have in common.
   * @param run One run of one program. It decides the slot in a cluster, so that one transaction can
   *   take a whole batch.
   * @throws TypeError for an empty or very long name, or braces in `run`
   */
  constructor(namespace: string, run: string) {
    checkName("namespace", namespace);
    checkName("run", run);
    if (/[{}]/.test(namespace + run)) throw new TypeError("namespace and run may have no braces");
    this.#prefix = `${namespace}:metrics:{${run}}:`;
  }

  /** The key of a request's samples. */
  of(request: string): string {
    checkName("request", request);
    return this.#prefix + request;
  }

  /** A key that a reader takes samples aside to. */
  aside(request: string, id: string): string {
    return `${this.of(request)}:taken:${id}`;
  }

  /** A glob pattern of the samples of all runs. */
  static pattern(namespace: string): string {
    return `${escapeGlob(namespace)}:metrics:{*}:*`;
  }
}

function checkName(what: string, name: string): void {
  if (name === "" || name.length > 300)
    throw new TypeError(`a ${what} has 1 to 300 characters, not ${name.length}`);
}

function escapeGlob(text: string): string {
  return text.replace(/[*?[\]\\^]/g, "\\$&");
}
