import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

interface Identity {
  readonly key: string;
  readonly cert: string;
}

export interface Certificates {
  /** The certificate that vouches for `server` and `client`. */
  readonly ca: string;
  /** For 127.0.0.1. */
  readonly server: Identity;
  readonly client: Identity;
  /** Of somebody whom `ca` does not know. */
  readonly stranger: Identity;
}

/** Makes certificates for one day with the `openssl` on the path. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(path.join(tmpdir(), "keepwarm-certificates-"));
  try {
    await writeFile(path.join(folder, "server.ext"), "subjectAltName=IP:127.0.0.1\n");
    await writeFile(path.join(folder, "client.ext"), "extendedKeyUsage=clientAuth\n");
    for (const name of ["ca", "stranger"])
      await openssl(folder, "req", "-x509", "-days", "1", ...newKey(name), "-out", `${name}.pem`);
    for (const name of ["server", "client"]) {
      await openssl(folder, "req", "-new", ...newKey(name), "-out", `${name}.csr`);
      const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
      const files = ["-in", `${name}.csr`, "-extfile", `${name}.ext`, "-out", `${name}.pem`];
      await openssl(folder, "x509", "-req", "-days", "1", ...signing, ...files);
    }
    const read = (file: string): Promise<string> => readFile(path.join(folder, file), "utf8");
    const identity = async (name: string): Promise<Identity> => ({
      key: await read(`${name}.key`),
      cert: await read(`${name}.pem`),
    });
    return {
      ca: await read("ca.pem"),
      server: await identity("server"),
      client: await identity("client"),
      stranger: await identity("stranger"),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function newKey(name: string): string[] {
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  return [...curve, "-keyout", `${name}.key`, "-subj", `/CN=keepwarm test ${name}`];
}

async function openssl(cwd: string, ...args: string[]): Promise<void> {
  try {
    await run("openssl", args, { cwd });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new Error("The TLS tests make certificates with openssl: install it, or put it on PATH", {
      cause: error,
    });
  }
}
